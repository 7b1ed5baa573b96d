/** What pictures say to a network: their mean loss, and the part of them that is right. */

import { Tensor, sizeOf } from "../engine/kernels/tensor.js";
import { rightOf } from "../engine/network/training.js";

/** @typedef {import("../engine/network/network.js").Network} Network */
/** @typedef {{data: import("../engine/kernels/tensor.js").Numbers, labels: number[]}} Images */
/** @typedef {{loss: number, accuracy: number}} Figures */
/**
 * What an epoch says, as in `convlens.training.events.Epoch`
 * @typedef {{epoch: number, seconds: number, images_per_second: number, loss: number, accuracy: number,
 *   val_loss: number | null, val_accuracy: number | null}} Row
 */

const CHUNK = 50; // pictures of one pass

/** @param {Network} network @param {Images} images @param {number[]} chosen @returns {[Net.Tensor, number[]]} x (n, …), labels */
export function some({ nodes, dtype }, { data, labels }, chosen) {
  const { shape } = nodes[0], size = sizeOf(shape), x = Tensor.zeros([chosen.length, ...shape], dtype);
  chosen.forEach((k, place) => x.data.set(data.subarray(k * size, (k + 1) * size), place * size));
  return [x, chosen.map((k) => labels[k])];
}

/** @param {Network} network @param {Images} images @returns {Figures} */
export function figuresOf(network, images) {
  const all = [...images.labels.keys()];
  let loss = 0, right = 0;
  for (let from = 0; from < all.length; from += CHUNK) {
    const [x, labels] = some(network, images, all.slice(from, from + CHUNK)), pass = network.forward(x);
    pass.gradientOfLoss(labels);
    for (const each of /** @type {Net.Tensor} */ (pass.loss).data) loss += each;
    right += rightOf(pass);
  }
  return { loss: loss / all.length, accuracy: right / all.length };
}

/**
 * @param {{epoch: number, at: number, sum: number, right: number, seconds: number}} sums of an epoch, or of its part so far
 * @param {Figures | null} held
 * @returns {Row}
 */
export function rowOf({ epoch, at, sum, right, seconds }, held) {
  return { epoch, seconds, images_per_second: at / seconds, loss: sum / at, accuracy: right / at,
           val_loss: held?.loss ?? null, val_accuracy: held?.accuracy ?? null };
}
