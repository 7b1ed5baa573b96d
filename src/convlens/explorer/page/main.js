/** The page: it opens its data, and connects the views of a network to one state. */

import { fromBase64 } from "./engine/kernels/base64.js";
import { Network } from "./engine/network/network.js";
import { readSafetensors } from "./engine/network/safetensors.js";
import { open } from "./model/source.js";
import { State } from "./model/state.js";
import "./views/cnn-network.js";
import "./views/conv-cell.js";
import "./views/conv-playground.js";
import "./views/digit-pad.js";
import { make } from "./views/playground.js";
import "./views/pool-playground.js";

/** @typedef {import("./model/source.js").PageData} PageData */
/** @typedef {import("./model/source.js").PageNetwork} PageNetwork */

/** @param {State} state @returns {HTMLElement} the probabilities of the classes; a click makes a class the label */
function answer(state) {
  const list = make("ol", { className: "answer", ariaLabel: "probabilities" });
  const draw = () => {
    const probabilities = state.pass.probabilities.data;
    list.replaceChildren(
      ...state.names.map((name, k) => {
        const label = make("button", { ariaPressed: String(k === state.label) }, name);
        label.addEventListener("click", () => state.set({ label: k }));
        const bar = make("meter", { min: 0, max: 1, value: probabilities[k], ariaLabel: `${name}: probability` });
        return make("li", {}, label, bar, make("span", {}, `${(100 * probabilities[k]).toFixed(1)} %`));
      }),
    );
  };
  state.addEventListener("pass", draw);
  draw();
  return list;
}

/** @param {State} state @returns {HTMLElement} value or gradient, and the loss */
function modes(state) {
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

/**
 * @param {PageNetwork} given
 * @param {PageData} data
 * @returns {HTMLElement}
 */
function view(given, { pictures }) {
  const { tensors } = readSafetensors(fromBase64(given.weights));
  const network = new Network(given.specification, { weights: tensors });
  const classes = network.nodes[network.nodes.length - 1].shape[0];
  const names = given.images.class_names.length ? given.images.class_names : Array.from({ length: classes }, (_, k) => String(k));
  const state = new State(network, names);
  const pad = /** @type {import("./views/digit-pad.js").DigitPad} */ (document.createElement("digit-pad"));
  pad.images = given.images;
  pad.pictures = pictures;
  pad.state = state;
  const maps = /** @type {import("./views/cnn-network.js").CnnNetwork} */ (document.createElement("cnn-network"));
  const cell = /** @type {import("./views/conv-cell.js").ConvCell} */ (document.createElement("conv-cell"));
  const first = /** @type {HTMLButtonElement | null} */ (pad.querySelector(".choice"));
  first?.click();
  maps.state = state;
  cell.state = state;
  const left = make("div", { className: "side" }, pad, answer(state), modes(state), cell);
  return make("section", { className: "explorer" }, make("h2", {}, given.name), make("div", { className: "panes" }, left, maps));
}

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

open().then(
  (data) =>
    main.replaceChildren(
      ...data.networks.map((network) => view(network, data)),
      make("h2", {}, "Convolution on small numbers"),
      document.createElement("conv-playground"),
      make("h2", {}, "Pooling on small numbers"),
      document.createElement("pool-playground"),
    ),
  (error) => main.replaceChildren(make("p", {}, `The page could not be loaded: ${error.message}`)),
);
