/** What the network says to the image: the probabilities of the classes, the label, the loss. */

import { make } from "./make.js";

/** @typedef {import("../model/state.js").State} State */

/** @param {State} state @returns {HTMLElement} the probabilities of the classes; a click makes a class the label */
export function answer(state) {
  const list = make("ol", { className: "answer", ariaLabel: "probabilities" });
  const draw = () => {
    const probabilities = state.pass.probabilities.data;
    list.replaceChildren(
      ...state.names.map((name, k) => {
        const label = make("button", { ariaPressed: String(k === state.label) }, name);
        label.addEventListener("click", () => state.set({ label: k }));
        const bar = make("meter", { min: 0, max: 1, value: probabilities[k] || 0, ariaLabel: `${name}: probability` });
        return make("li", {}, label, bar, make("span", {}, `${(100 * probabilities[k]).toFixed(1)} %`));
      }),
    );
  };
  state.addEventListener("pass", draw);
  draw();
  return list;
}

/** @param {State} state @returns {HTMLElement} value or gradient, and the loss */
export function modes(state) {
  const button = make("button", {});
  const loss = make("span", {});
  const draw = () => {
    button.textContent = state.mode === "value" ? "show gradients" : "show values";
    button.ariaPressed = String(state.mode === "gradient");
    loss.textContent = ` The label is ${state.names[state.label]}; the loss is ${state.loss.toFixed(4)}.`;
  };
  button.addEventListener("click", () => state.set({ mode: state.mode === "value" ? "gradient" : "value" }));
  state.addEventListener("pass", draw);
  draw();
  return make("p", { className: "modes" }, button, loss);
}
