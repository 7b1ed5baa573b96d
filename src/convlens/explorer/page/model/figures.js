/** What pictures say to a network: their mean loss, and the part of them that is right. */

import { Tensor, sizeOf } from "../engine/kernels/tensor.js";
import { rightOf } from "../engine/network/training.js";

/** @typedef {import("../engine/network/network.js").Network} Network */
/** @typedef {{data: import("../engine/kernels/tensor.js").Numbers, labels: number[]}} Images */
/** @typedef {{loss: number, accuracy: number}} Figures */

const CHUNK = 50; // pictures of one pass

/**
 * @param {Network} network
 * @param {Images} images
 * @param {number[]} chosen
 * @returns {[Net.Tensor, number[]]} the chosen images (n, …), and their labels
 */
export function some({ nodes, dtype }, { data, labels }, chosen) {
  const { shape } = nodes[0], size = sizeOf(shape), x = Tensor.zeros([chosen.length, ...shape], dtype);
  chosen.forEach((k, place) => x.data.set(data.subarray(k * size, (k + 1) * size), place * size));
  return [x, chosen.map((k) => labels[k])];
}

/** @param {Network} network @param {Images} images @returns {Figures} */
export function figuresOf(network, images) {
  const count = images.labels.length;
  let loss = 0, right = 0;
  for (let from = 0; from < count; from += CHUNK) {
    const [x, labels] = some(network, images, Array.from({ length: Math.min(CHUNK, count - from) }, (_, k) => from + k));
    const pass = network.forward(x);
    pass.gradientOfLoss(labels);
    for (const each of /** @type {Net.Tensor} */ (pass.loss).data) loss += each;
    right += rightOf(pass);
  }
  return { loss: loss / count, accuracy: right / count };
}
