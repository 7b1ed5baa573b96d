/** Global pooling: the mean or the maximum of each channel's image. Equal maxima share the gradient. */

import { firstOf } from "./pool2d.js";
import { number, product, withTotals } from "./terms.js";

/** @param {Net.Node} node @returns {number} the number of a channel's cells */
const sizeOf = (node) => node.inputShapes[0][0] * node.inputShapes[0][1];

/** @param {Net.Node} node @param {number} c @returns {Net.Cell} the output's cell of a channel */
const outOf = (node, c) => (node.attrs.keepdims ? [0, 0, c] : [c]);

/** @param {Net.Node} node @param {Net.Cell} out @returns {Net.Cell[]} the cells of the image of an output's channel */
function imageOf(node, out) {
  const w = node.inputShapes[0][1], c = out[out.length - 1];
  return Array.from({ length: sizeOf(node) }, (_, at) => [Math.floor(at / w), at % w, c]);
}

/** @param {Net.Node} node @param {Net.Cell} out @param {Net.Reader} at @returns {Net.Cell[]} the image's maxima */
function maxima(node, out, at) {
  const most = at.y(out).value;
  return imageOf(node, out).filter((each) => at.x(each).value === most);
}

/** What both pools share */
const SHARED = {
  /** @type {Net.Op["shape"]} */
  shape: ([[, , c]], attrs) => (attrs.keepdims ? [1, 1, c] : [c]),
  /** @type {Net.Op["window"]} */
  window: (node, cell) => [{ input: 0, cells: imageOf(node, cell) }],
  /** @type {Net.Op["consumers"]} */
  consumers: (node, input, cell) => [outOf(node, cell[2])],
};

/**
 * Calls `each` with the place of every number of x (n, h, w, c), and that of its channel's number in y.
 * @param {Net.Tensor} x
 * @param {(at: number, out: number) => void} each
 */
function eachNumber(x, each) {
  const c = x.shape[3], image = x.shape[1] * x.shape[2] * c;
  for (let at = 0; at < x.data.length; at++) each(at, Math.floor(at / image) * c + (at % c));
}

export const globalAveragePool2d = withTotals({
  kind: "global_average_pool2d",
  ...SHARED,
  forward([x], node) {
    const y = x.like([x.shape[0], ...node.shape]), sums = new Float64Array(y.data.length);
    eachNumber(x, (at, out) => (sums[out] += x.data[at]));
    y.data.set(sums.map((sum) => sum / sizeOf(node)));
    return y;
  },
  backward(dy, [x], y, node) {
    const dx = x.like();
    eachNumber(x, (at, out) => (dx.data[at] = dy.data[out] / sizeOf(node)));
    return { dx: [dx], dw: {} };
  },
  terms(node, cell, at) {
    const size = sizeOf(node), share = number(`1/${size}`, 1 / size);
    return { formula: `Σ x / ${size}`, terms: imageOf(node, cell).map((each) => product([at.x(each), share])) };
  },
  inputTerms(node, cell, at) {
    const size = sizeOf(node), share = number(`1/${size}`, 1 / size);
    return { formula: `dy / ${size}`, terms: [product([at.dy(outOf(node, cell[2])), share])] };
  },
});

export const globalMaxPool2d = withTotals({
  kind: "global_max_pool2d",
  ...SHARED,
  forward([x], node) {
    const y = x.like([x.shape[0], ...node.shape]);
    y.data.fill(-Infinity);
    eachNumber(x, (at, out) => (y.data[out] = Math.max(y.data[out], x.data[at])));
    return y;
  },
  backward(dy, [x], y) {
    const dx = x.like(), counts = new Uint32Array(y.data.length);
    eachNumber(x, (at, out) => (counts[out] += x.data[at] === y.data[out] ? 1 : 0));
    eachNumber(x, (at, out) => (dx.data[at] = x.data[at] === y.data[out] ? dy.data[out] / counts[out] : 0));
    return { dx: [dx], dw: {} };
  },
  terms(node, cell, at) {
    return { formula: "max x", terms: firstOf(maxima(node, cell, at), at) };
  },
  inputTerms(node, cell, at) {
    const out = outOf(node, cell[2]), most = maxima(node, out, at), count = most.length;
    const wins = most.some(([r, s]) => r === cell[0] && s === cell[1]);
    const share = wins ? number(`1/${count}`, 1 / count) : number("0", 0);
    const term = product([at.dy(out), share], wins ? "the maximum" : "not the maximum");
    return { formula: "dy / (number of equal maxima)", terms: [term] };
  },
});
