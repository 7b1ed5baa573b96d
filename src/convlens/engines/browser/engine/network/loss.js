/** Cross-entropy from logits: softmax for one class of many, sigmoid for each class by itself. */

import { sigmoid } from "../ops/functions.js";
import { exponentials, softmaxOf } from "../ops/softmax.js";
import { Tensor } from "../kernels/tensor.js";

/** @typedef {ArrayLike<number> | Net.Tensor} Labels class numbers (n,), or targets from 0 to 1, (n, classes) */

/**
 * @param {Labels} labels
 * @param {Net.Tensor} logits (n, classes)
 * @returns {Net.Tensor} (n, classes), one-hot for class numbers; a single class has the numbers themselves
 */
export function targetsOf(labels, logits) {
  const [n, classes] = logits.shape, targets = logits.like();
  if (labels instanceof Tensor) {
    if (String(labels.shape) !== String(logits.shape)) {
      throw new RangeError(`targets must be (${logits.shape.join(", ")}); got (${labels.shape.join(", ")})`);
    }
    return labels;
  }
  if (labels.length !== n) throw new RangeError(`there must be ${n} labels, one for each; got ${labels.length}`);
  for (let q = 0; q < n; q++) {
    const label = labels[q], known = Number.isInteger(label) && label >= 0 && label < classes;
    if (classes === 1) targets.data[q] = label;
    else if (known) targets.data[q * classes + label] = 1;
    else throw new RangeError(`labels must be from 0 to ${classes - 1}; got ${label}`);
  }
  return targets;
}

/**
 * @param {Net.Tensor} logits (n, classes)
 * @param {Net.End} end
 * @returns {Net.Tensor} (n, classes)
 */
export function probabilitiesOf(logits, end) {
  if (end !== "sigmoid") return softmaxOf(logits);
  return new Tensor(logits.shape, logits.data.map(sigmoid));
}

/**
 * softmax: loss[n] = Σ_k t_k (log Σ_j exp z_j − z_k);  sigmoid: the mean over k of max(z, 0) − z t + log(1 + exp(−|z|))
 * @param {Net.Tensor} logits (n, classes)
 * @param {Net.Tensor} targets (n, classes)
 * @param {Net.End} end
 * @returns {Net.Tensor} (n,)
 */
export function lossOf(logits, targets, end) {
  const [n, classes] = logits.shape, loss = logits.like([n]);
  for (let q = 0; q < n; q++) {
    const from = q * classes, to = from + classes, row = exponentials(logits, from, to);
    const log = Math.log(row.sum) + row.most;
    let sum = 0;
    for (let k = from; k < to; k++) {
      const z = logits.data[k], t = targets.data[k];
      if (end !== "sigmoid") sum += t === 0 ? 0 : t * (log - z);
      else sum += (Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)))) / classes;
    }
    loss.data[q] = sum;
  }
  return loss;
}

/**
 * @param {Net.Tensor} targets (n, classes)
 * @param {number} example
 * @param {Net.End} end
 * @returns {{scale: number, sum: number}} what the gradient of the mean loss multiplies with: scale (p · sum − t)
 */
export function gradientScale(targets, example, end) {
  const [n, classes] = targets.shape;
  if (end === "sigmoid") return { scale: 1 / (n * classes), sum: 1 };
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += targets.data[example * classes + k];
  return { scale: 1 / n, sum };
}

/**
 * The gradient of the mean loss: (p Σ_j t_j − t) / n for softmax, (p − t) / (n · classes) for sigmoid
 * @param {Net.Tensor} probabilities (n, classes)
 * @param {Net.Tensor} targets (n, classes)
 * @param {Net.End} end
 * @returns {Net.Tensor} (n, classes)
 */
export function logitGradient(probabilities, targets, end) {
  const [n, classes] = probabilities.shape, found = probabilities.like();
  for (let q = 0; q < n; q++) {
    const { scale, sum } = gradientScale(targets, q, end);
    for (let at = q * classes; at < (q + 1) * classes; at++) {
      found.data[at] = scale * (probabilities.data[at] * sum - targets.data[at]);
    }
  }
  return found;
}
