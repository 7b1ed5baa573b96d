/** The dense layer's matrix product: y[k] = b[k] + Σ_i x[i] · w[i,k] */

import { conv2d as kernel, conv2d_dw, conv2d_dx } from "../kernels/conv2d.js";
import { channelSums } from "./conv2d.js";
import { cellsOf, product, withTotals } from "./terms.js";

const ONE = /** @type {const} */ ([1, 1]);

/** @param {Net.Tensor} x (n, in) @returns {Net.Tensor} n images of one pixel */
const asImage = (x) => x.reshape([x.shape[0], 1, 1, x.shape[1]]);
/** @param {Net.Tensor} w (in, out) @returns {Net.Tensor} a kernel of one cell */
const asKernel = (w) => w.reshape([1, 1, ...w.shape]);

export const dense = withTotals({
  kind: "dense",
  shape([shape], attrs) {
    if (shape.length !== 1) throw new RangeError(`Dense needs an input of shape (in,); got (${shape.join(", ")})`);
    return [attrs.units];
  },
  weightShapes([[size]], { units, bias }) {
    /** @type {Record<string, number[]>} */
    const found = { kernel: [size, units] };
    return bias ? { ...found, bias: [units] } : found;
  },
  forward([x], node) {
    const y = x.like([x.shape[0], ...node.shape]), bias = node.weights.bias ?? x.like(node.shape);
    kernel(asImage(x), asKernel(node.weights.kernel), bias, ONE, asImage(y));
    return y;
  },
  backward(dy, [x], y, node, { needInput }) {
    /** @type {Net.Weights} */
    const dw = { kernel: node.weights.kernel.like() };
    conv2d_dw(asImage(dy), asImage(x), ONE, asKernel(dw.kernel));
    if (node.weights.bias) dw.bias = channelSums(dy);
    const dx = needInput || node.inputs[0] !== 0 ? x.like() : null;
    if (dx) conv2d_dx(asImage(dy), asKernel(node.weights.kernel), ONE, asImage(dx));
    return { dx: [dx], dw };
  },
  window: (node) => [{ input: 0, cells: cellsOf(node.inputShapes[0]) }],
  consumers: (node) => cellsOf(node.shape),
  terms(node, [k], at) {
    const terms = cellsOf(node.inputShapes[0]).map(([i]) => product([at.x([i]), at.w("kernel", [i, k])]));
    if (node.weights.bias) terms.push(product([at.w("bias", [k], "b")], "bias"));
    return { formula: node.weights.bias ? "Σ x·w + b" : "Σ x·w", terms };
  },
  inputTerms(node, [i], at) {
    const terms = cellsOf(node.shape).map(([k]) => product([at.dy([k]), at.w("kernel", [i, k])]));
    return { formula: "Σ dy·w", terms };
  },
  weightTerms(node, cell, at, name) {
    if (name === "bias") return { formula: "dy", terms: [product([at.dy(cell)])] };
    return { formula: "x·dy", terms: [product([at.x([cell[0]]), at.dy([cell[1]])])] };
  },
});
