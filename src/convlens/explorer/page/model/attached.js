/** The state of a page's network; in a lesson, of the network whose data stand in a script element of the page. */

import { fromBase64 } from "../engine/kernels/base64.js";
import { Network } from "../engine/network/network.js";
import { readSafetensors } from "../engine/network/safetensors.js";
import { picturesOf } from "./pictures.js";
import { cellOf } from "./numbers.js";
import { State } from "./state.js";

/** @typedef {import("./source.js").PageData} PageData */

/** @param {PageData} data @returns {State} of the page's network, with its first picture, and the largest number in the first map of its first convolution chosen */
export function stateOf(data) {
  const { networks: [given] } = data;
  const { tensors } = readSafetensors(fromBase64(given.weights));
  const frozen = given.layers.filter(({ trained }) => !trained).map(({ name }) => name);
  const network = new Network(given.specification, { weights: tensors, frozen });
  const classes = network.nodes[network.nodes.length - 1].shape[0];
  const names = given.images.class_names, [name] = names, one = classes === 1 && name !== "0";
  const numbers = Array.from({ length: Math.max(2, classes) }, (_, k) => String(k));
  const state = new State(network, one ? [`not ${name}`, name] : names.length === numbers.length ? names : numbers);
  const pictures = picturesOf(data, network.nodes[0].shape);
  if (pictures) state.setImage(pictures.numbers(0), pictures.label(0));
  const first = network.nodes.find(({ op: { kind } }) => kind === "conv2d");
  if (first) {
    const { id, shape, shape: [, , maps] } = first, { data } = state.pass.y[id];
    let most = 0;
    for (let k = 0; k < data.length; k += maps) if (data[k] > data[most]) most = k;
    state.chosen = { node: id, cell: cellOf(most, shape) };
  }
  return state;
}

/** @type {Map<string, {data: PageData, state: State}>} */
const known = new Map();

/**
 * @param {string} id of a script element of the type application/json, with the data that `convlens.explorer.data` makes
 * @returns {{data: PageData, state: State}} the same for all views that name it
 */
export function attached(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`data="${id}" must name a script element of the page; there is none`);
  const data = JSON.parse(element.textContent ?? "");
  const found = known.get(id) ?? { data, state: stateOf(data) };
  known.set(id, found);
  return found;
}
