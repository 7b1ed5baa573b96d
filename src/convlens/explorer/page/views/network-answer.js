/** What the network says to the image: the probabilities of the classes, the label, the loss. */

import { percent } from "../model/numbers.js";
import { thumbnail } from "../model/pictures.js";
import { make } from "./make.js";

/** @typedef {import("../model/state.js").State} State */

/** @param {State} state @returns {HTMLElement} the most probable class, and the probability of each */
export function answer(state) {
  const verdict = make("p", {}), node = state.network.nodes.length - 1, last = state.network.nodes[node].shape[0] - 1;
  const rows = state.names.map((name, k) => {
    const own = make("span", {}), bar = make("meter", { min: 0, max: 1, ariaLabel: `${name}: probability` });
    const onclick = () => state.choose({ node, cell: [Math.min(k, last)], end: "probability" });
    const number = make("button", { className: "plain", title: "how it is computed", onclick });
    return { own, bar, number, row: make("li", {}, own, bar, number) };
  });
  const box = make("div", {}, verdict, make("ol", { className: "answer", ariaLabel: "probabilities" }, ...rows.map(({ row }) => row)));
  const draw = () => {
    const { probabilities } = state, most = probabilities.indexOf(Math.max(...probabilities));
    const blank = state.image.data.every((value, _, all) => value === all[0]);
    box.classList.toggle("blank", blank);
    verdict.replaceChildren(...(blank ? ["Nothing drawn yet."] : ["The network says: ", make("b", {}, state.names[most]), `, ${percent(probabilities[most])}.`]));
    rows.forEach(({ own, bar, number }, k) => {
      own.textContent = `${k === state.label && k !== state.guess ? "✓ " : ""}${state.names[k]}`;
      bar.value = probabilities[k] || 0;
      number.textContent = percent(probabilities[k]);
    });
  };
  state.addEventListener("pass", draw);
  draw();
  return box;
}

/** @param {State} state @param {number} scale of the network's images @returns {HTMLElement} the picture and the answer, small: they follow the state */
export function glance(state, scale) {
  const found = make("figure", { className: "glance" });
  const draw = () => {
    const { probabilities, names, label, guess, network: { nodes: [{ shape }] } } = state, most = probabilities.indexOf(Math.max(...probabilities));
    const says = make("figcaption", {}, "your picture: it says ", make("b", {}, names[most] ?? "nothing"), `, ${percent(probabilities[most])}${label === guess ? "" : `; right is ${names[label]}`}`);
    found.replaceChildren(thumbnail(state.image.data, shape, scale, Math.max(1, Math.floor(112 / Math.max(shape[0], shape[1])))), says);
  };
  state.addEventListener("pass", draw);
  draw();
  return found;
}

/** @param {State} state @returns {HTMLElement} value or gradient, the label, the rule for equal maxima, and the loss */
export function modes(state) {
  const node = state.network.nodes.length - 1, [classes] = state.network.nodes[node].shape, rules = /** @type {const} */ (["first", "all"]);
  const button = make("button", { onclick: () => state.set({ mode: state.mode === "value" ? "gradient" : "value" }) });
  const loss = make("button", { className: "plain", title: "how it is computed", onclick: () => state.choose({ node, cell: [state.label % classes], end: "loss" }) });
  const choice = (/** @type {string[]} */ texts) => make("select", {}, ...texts.map((text, k) => make("option", { value: String(k) }, text)));
  const label = choice(state.names), ask = make("span"), ties = choice(["the first", "all of them"]);
  label.onchange = () => state.set({ label: Number(label.value) });
  ties.onchange = () => state.set({ ties: rules[ties.selectedIndex] });
  const draw = () => {
    button.textContent = state.mode === "value" ? "show gradients" : "show values";
    button.ariaPressed = String(state.mode === "gradient");
    loss.textContent = `loss ${state.loss.toFixed(4)}`;
    label.value = String(state.label);
    ask.textContent = state.label === state.guess ? "what did you draw? (label: its own guess)" : "✓ right answer (label)";
    ties.value = String(rules.indexOf(state.ties));
  };
  state.addEventListener("pass", draw);
  draw();
  const expert = make("details", {}, make("summary", {}, "for experts"), make("label", {}, "equal maxima (more than one number of a window is the largest): gradient to ", ties));
  const pools = state.network.nodes.some(({ op }) => op.kind.includes("max_pool"));
  return make("div", { className: "modes controls" }, button, make("label", {}, ask, label), loss, ...(pools ? [expert] : []));
}
