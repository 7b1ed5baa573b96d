/** Local response normalisation: y_i = x_i / s_i^β with s_i = k + α Σ_j x_j² over the channels j around i */

import { SAME } from "./pointwise.js";
import { number, product, withTotals } from "./terms.js";

/**
 * @param {Net.Node} node
 * @param {number} i
 * @param {boolean} [back] whether the channels wanted are those whose window has i, instead of those in i's window
 * @returns {number[]} channels
 */
function around({ attrs: { size }, shape }, i, back = false) {
  const less = Math.floor((size - 1) / 2), more = Math.floor(size / 2), c = shape[shape.length - 1];
  const first = Math.max(i - (back ? more : less), 0), last = Math.min(i + (back ? less : more), c - 1);
  return Array.from({ length: last - first + 1 }, (_, k) => first + k);
}

/** @param {Net.Node} node @param {boolean} [back] @returns {number[][]} the channels around each channel */
const windows = (node, back) => Array.from({ length: node.shape[2] }, (_, i) => around(node, i, back));

/**
 * @param {number[]} window the channels around a channel
 * @param {(j: number) => number} x the numbers of a pixel
 * @param {Net.Attrs} attrs
 * @returns {number} s of the channel
 */
const scaleOf = (window, x, { k, alpha }) => k + alpha * window.reduce((sum, j) => sum + x(j) ** 2, 0);

/** @param {Net.Cell} cell @param {number} j @returns {Net.Cell} the cell of another channel of the pixel */
const channel = ([r, s], j) => [r, s, j];

/** @param {Net.Node} node @param {Net.Cell} cell @param {Net.Reader} at @returns {number} s of a cell */
function scaleAt(node, cell, at) {
  return scaleOf(around(node, cell[2]), (j) => at.x(channel(cell, j)).value, node.attrs);
}

export const localResponseNormalization = withTotals({
  kind: "local_response_normalization",
  shape: SAME.shape,
  forward([x], node) {
    const y = x.like(), c = x.shape[3], own = windows(node);
    for (let at = 0; at < y.data.length; at++) {
      const pixel = at - (at % c), s = scaleOf(own[at % c], (j) => x.data[pixel + j], node.attrs);
      y.data[at] = x.data[at] * s ** -node.attrs.beta;
    }
    return y;
  },
  backward(dy, [x], y, node) {
    const dx = x.like(), c = x.shape[3], { alpha, beta } = node.attrs, own = windows(node), back = windows(node, true);
    for (let pixel = 0; pixel < dx.data.length; pixel += c) {
      const s = own.map((window) => scaleOf(window, (j) => x.data[pixel + j], node.attrs));
      for (let i = 0; i < c; i++) {
        let through = 0;
        for (const j of back[i]) through += dy.data[pixel + j] * x.data[pixel + j] * s[j] ** (-beta - 1);
        dx.data[pixel + i] = dy.data[pixel + i] * s[i] ** -beta - 2 * alpha * beta * x.data[pixel + i] * through;
      }
    }
    return { dx: [dx], dw: {} };
  },
  window: (node, cell) => [{ input: 0, cells: around(node, cell[2]).map((j) => channel(cell, j)) }],
  consumers: (node, input, cell) => around(node, cell[2], true).map((j) => channel(cell, j)),
  terms(node, cell, at) {
    const power = number("1/s^β", scaleAt(node, cell, at) ** -node.attrs.beta);
    return { formula: "x / s^β, s = k + α Σ x²", terms: [product([at.x(cell), power])] };
  },
  inputTerms(node, cell, at) {
    const { alpha, beta } = node.attrs, factor = number("−2αβ", -2 * alpha * beta), x = at.x(cell);
    const direct = product([at.dy(cell), number("1/s^β", scaleAt(node, cell, at) ** -beta)], "direct");
    const through = around(node, cell[2], true).map((j) => {
      const other = channel(cell, j), power = number("1/s^(β+1)", scaleAt(node, other, at) ** (-beta - 1));
      return product([factor, x, at.dy(other), at.x(other), power], `through s of channel ${j}`);
    });
    return { formula: "dy / s^β − 2αβ x Σ dy·x / s^(β+1)", terms: [direct, ...through] };
  },
});
