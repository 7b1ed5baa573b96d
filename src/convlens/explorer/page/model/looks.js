/** What a network looks for: its units on all pictures, and the parts of a picture that a prediction depends on. */

import { shares } from "./state.js";

/** @typedef {import("../engine/network/network.js").Network} Network */
/**
 * For each node the largest number of each of its channels (or units) on each picture, and where in the map it stands.
 * @typedef {{done: number, most: Float32Array[], place: Int32Array[], probabilities: ArrayLike<number>[]}} Sweep
 */
/**
 * drop: by position of the patch (rows, columns), how much of the label's probability goes
 * @typedef {{done: number, patch: number, stride: number, rows: number, columns: number, drop: Float32Array}} Occlusion
 */

/** @param {Net.Node} node @returns {number} its channels, or units */
export const width = ({ shape }) => shape[shape.length - 1];

/** @param {Network} network @param {number} count of pictures @returns {Sweep} nothing is computed yet */
export function newSweep({ nodes }, count) {
  const sizes = nodes.map((node) => count * width(node));
  const most = sizes.map((size) => new Float32Array(size).fill(-Infinity));
  return { done: 0, most, place: sizes.map((size) => new Int32Array(size)), probabilities: [] };
}

/** @param {Network} network @param {import("./pictures.js").Pictures} pictures @param {Sweep} found to be filled */
export function* sweep(network, pictures, found) {
  for (let q = 0; q < pictures.count; q++) {
    const pass = network.forward(network.tensor([1, ...network.nodes[0].shape], pictures.numbers(q)));
    pass.y.forEach(({ data }, id) => {
      const c = width(network.nodes[id]), most = found.most[id], place = found.place[id];
      for (let at = 0; at < data.length; at++) {
        const k = q * c + (at % c);
        if (data[at] > most[k]) [most[k], place[k]] = [data[at], Math.floor(at / c)];
      }
    });
    found.probabilities.push(pass.probabilities.data);
    found.done = q + 1;
    yield;
  }
}

/**
 * @param {Net.Node[]} nodes
 * @param {number} id of a node with maps
 * @param {number[]} place [i, j] in its maps
 * @returns {number[] | null} first and last row, first and last column of the pixels that this cell is computed from:
 *   those of the windows of two corners, node by node back to the picture
 */
export function receptiveWindow(nodes, id, [i, j]) {
  const boxes = new Map([[id, [i, i, j, j]]]);
  for (const node of nodes.slice(1, id + 1).reverse()) {
    const box = boxes.get(node.id);
    if (box === undefined) continue;
    if (node.inputShapes.some((shape) => shape.length !== 3)) return null;
    for (const corner of [[box[0], box[2], 0], [box[1], box[3], 0]]) {
      for (const { input, cells } of node.op.window(node, corner)) {
        for (const [r, s] of cells) {
          const [top, bottom, left, right] = boxes.get(node.inputs[input]) ?? [r, r, s, s];
          boxes.set(node.inputs[input], [Math.min(top, r), Math.max(bottom, r), Math.min(left, s), Math.max(right, s)]);
        }
      }
    }
  }
  return boxes.get(0) ?? null;
}

/** @param {number[]} shape of the picture @param {number} patch rows and columns @returns {Occlusion} nothing is computed yet */
export function newOcclusion([h, w], patch) {
  const stride = Math.max(1, Math.floor(patch / 2));
  const [rows, columns] = [h, w].map((size) => Math.floor((size - patch) / stride) + 1);
  return { done: 0, patch, stride, rows, columns, drop: new Float32Array(rows * columns) };
}

/**
 * @param {Network} network
 * @param {Net.Tensor} image (1, h, w, channels)
 * @param {number} label
 * @param {number[]} background by channel
 * @param {Occlusion} found to be filled
 */
export function* occlude(network, image, label, background, found) {
  const [, , w, channels] = image.shape, { patch, stride, columns, drop } = found;
  /** @param {Net.Tensor} x @returns {number} the label's probability */
  const probability = (x) => shares(network.forward(x).probabilities.data)[label];
  const whole = probability(image);
  for (let k = 0; k < drop.length; k++) {
    const covered = image.copy(), top = Math.floor(k / columns) * stride, left = (k % columns) * stride;
    for (let r = top; r < top + patch; r++) {
      for (let s = left; s < left + patch; s++) covered.data.set(background, (r * w + s) * channels);
    }
    drop[k] = whole - probability(covered);
    found.done = k + 1;
    yield;
  }
}

/**
 * @param {Net.Tensor} image (1, h, w, channels)
 * @param {import("./source.js").Images} images
 * @returns {number[]} by channel: paper's level where the ink is known to be light or dark, else the picture's mean
 */
export function backgroundOf({ data, shape: [, , , channels] }, { light_ink: light, scale }) {
  if (light !== null) return new Array(channels).fill(light ? 0 : 255 * scale);
  const mean = new Array(channels).fill(0);
  data.forEach((value, at) => (mean[at % channels] += (value * channels) / data.length));
  return mean;
}
