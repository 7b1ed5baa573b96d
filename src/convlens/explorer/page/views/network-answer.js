/** What the network says to the image: the probabilities of the classes, the label, the loss. */

import { make } from "./make.js";

/** @typedef {import("../model/state.js").State} State */

/** @param {State} state @returns {HTMLElement} the probabilities of the classes; a click makes a class the label */
export function answer(state) {
  const list = make("ol", { className: "answer", ariaLabel: "probabilities" });
  const draw = () => {
    const { probabilities } = state, last = state.pass.logits.shape[1] - 1;
    list.replaceChildren(
      ...state.names.map((name, k) => {
        const label = make("button", { ariaPressed: String(k === state.label) }, name);
        label.addEventListener("click", () => state.set({ label: k }));
        const bar = make("meter", { min: 0, max: 1, value: probabilities[k] || 0, ariaLabel: `${name}: probability` });
        const number = make("button", { className: "plain", title: "how it is computed" }, `${(100 * probabilities[k]).toFixed(1)} %`);
        number.addEventListener("click", () => state.choose({ node: state.network.nodes.length - 1, cell: [Math.min(k, last)], end: "probability" }));
        return make("li", {}, label, bar, number);
      }),
    );
  };
  state.addEventListener("pass", draw);
  draw();
  return list;
}

/**
 * @param {string} name
 * @param {string[]} options
 * @param {() => number} now which one holds
 * @param {(k: number) => void} choose
 * @param {State} state
 * @returns {HTMLLabelElement} a choice with its name
 */
function choice(name, options, now, choose, state) {
  const select = make("select", {}, ...options.map((text, k) => make("option", { value: String(k) }, text)));
  const draw = () => (select.value = String(now()));
  select.addEventListener("change", () => choose(Number(select.value)));
  state.addEventListener("pass", draw);
  draw();
  return make("label", {}, name, select);
}

/** @param {State} state @returns {HTMLElement} value or gradient, the label, the rule for equal maxima, and the loss */
export function modes(state) {
  const button = make("button", {});
  const loss = make("button", { className: "plain", title: "how it is computed" });
  loss.addEventListener("click", () => state.choose({ node: state.network.nodes.length - 1, cell: [state.label % state.pass.logits.shape[1]], end: "loss" }));
  const draw = () => {
    button.textContent = state.mode === "value" ? "show gradients" : "show values";
    button.ariaPressed = String(state.mode === "gradient");
    loss.textContent = `loss ${state.loss.toFixed(4)}`;
  };
  button.addEventListener("click", () => state.set({ mode: state.mode === "value" ? "gradient" : "value" }));
  state.addEventListener("pass", draw);
  draw();
  const label = choice("right answer (label)", state.names, () => state.label, (k) => state.set({ label: k }), state);
  const rules = /** @type {const} */ (["first", "all"]), texts = ["the first", "all of them"];
  const ties = choice("equal maxima: gradient to", texts, () => rules.indexOf(state.ties), (k) => state.set({ ties: rules[k] }), state);
  const pools = state.network.nodes.some(({ op }) => op.kind.includes("max_pool"));
  return make("p", { className: "modes controls" }, button, label, loss, ...(pools ? [ties] : []));
}
