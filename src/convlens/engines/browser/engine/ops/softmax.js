/** The softmax over the last axis: y_i = exp(x_i) / Σ_j exp(x_j) */

import { SAME } from "./pointwise.js";
import { number, product, withTotals } from "./terms.js";

/**
 * @param {Net.Tensor} x (…, c)
 * @returns {Net.Tensor} y_i = exp(x_i) / Σ_j exp(x_j) along the last axis; the largest x is subtracted first
 */
export function softmaxOf(x) {
  const y = x.like(), c = x.shape[x.shape.length - 1];
  for (let at = 0; at < x.data.length; at += c) {
    const { most, sum } = exponentials(x, at, at + c);
    for (let k = at; k < at + c; k++) y.data[k] = Math.exp(x.data[k] - most) / sum;
  }
  return y;
}

/**
 * @param {Net.Tensor} x
 * @param {number} from
 * @param {number} to
 * @returns {{most: number, sum: number}} the largest number between these places, and Σ exp(x − most)
 */
export function exponentials(x, from, to) {
  let most = -Infinity, sum = 0;
  for (let k = from; k < to; k++) most = Math.max(most, x.data[k]);
  for (let k = from; k < to; k++) sum += Math.exp(x.data[k] - most);
  return { most, sum };
}

/**
 * @param {Net.Factor} x
 * @param {{most: number, sum: number}} row
 * @returns {Net.Formula} exp(x) / Σ exp(x)
 */
export function softmaxTerms(x, { most, sum }) {
  const text = `exp(${x.text})`, power = { ...x, text, value: Math.exp(x.value - most) };
  const terms = [product([power, number(`1/Σ ${text}`, 1 / sum)])];
  return { formula: `${text} / Σ ${text}, the largest ${x.text} subtracted`, terms };
}

/** @param {Net.Node} node @param {Net.Cell} cell @returns {Net.Cell[]} the cells of its row, along the last axis */
function rowOf({ shape }, cell) {
  return Array.from({ length: shape[shape.length - 1] }, (_, k) => [...cell.slice(0, -1), k]);
}

export const softmax = withTotals({
  kind: "softmax",
  shape: SAME.shape,
  forward: ([x]) => softmaxOf(x),
  backward(dy, [x], y) {
    const dx = x.like(), c = x.shape[x.shape.length - 1];
    for (let at = 0; at < dx.data.length; at += c) {
      let sum = 0;
      for (let k = at; k < at + c; k++) sum += dy.data[k] * y.data[k];
      for (let k = at; k < at + c; k++) dx.data[k] = y.data[k] * (dy.data[k] - sum);
    }
    return { dx: [dx], dw: {} };
  },
  window: (node, cell) => [{ input: 0, cells: rowOf(node, cell) }],
  consumers: (node, input, cell) => rowOf(node, cell),
  terms(node, cell, at) {
    const x = at.pass.y[node.inputs[0]], from = x.at([at.example, ...cell.slice(0, -1), 0]);
    return softmaxTerms(at.x(cell), exponentials(x, from, from + x.shape[x.shape.length - 1]));
  },
  inputTerms(node, cell, at) {
    const others = rowOf(node, cell).map((j) => product([number("−1", -1), at.y(cell), at.y(j), at.dy(j)]));
    return { formula: "y·dy − y · Σ y·dy", terms: [product([at.y(cell), at.dy(cell)]), ...others] };
  },
});
