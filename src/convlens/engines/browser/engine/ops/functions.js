/** The functions of one number that activations are, with their slopes: the names and formulas of `convlens.ops`. */

import { normalCdf, normalDensity } from "./normal.js";

/** @typedef {Record<string, any>} Numbers the numbers of a function, such as its slope below 0 */
/**
 * y = forward(x), and its derivative from x and y
 * @typedef {object} Activation
 * @property {string} formula
 * @property {string} slopeFormula
 * @property {(x: number, numbers: Numbers) => number} forward
 * @property {(x: number, y: number, numbers: Numbers) => number} slope
 */

// Klambauer et al. 2017: with these numbers a normal distribution keeps mean 0 and variance 1
const ALPHA = 1.6732632423543772, SCALE = 1.0507009873554805;

/** @param {number} x @returns {number} 1 / (1 + exp(-x)), without overflow */
export function sigmoid(x) {
  return (Math.tanh(x / 2) + 1) / 2;
}

/** @param {number} x @param {number} alpha @returns {number} x where x > 0, else alpha (exp(x) - 1) */
const elu = (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x));
/** @param {number} x @returns {number} min(max(x / 6 + 1 / 2, 0), 1) */
const hardSigmoid = (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1);
/** @param {number} y @param {number} most @returns {number} */
const between = (y, most) => (y > 0 && y < most ? 1 : 0);

/** @type {Record<string, Activation>} */
export const FUNCTIONS = {
  relu: {
    formula: "max(x, 0)",
    slopeFormula: "1 where x > 0, else 0",
    forward: (x) => Math.max(x, 0),
    slope: (x) => (x > 0 ? 1 : 0),
  },
  tanh: { formula: "tanh(x)", slopeFormula: "1 − y²", forward: (x) => Math.tanh(x), slope: (x, y) => 1 - y * y },
  sigmoid: { formula: "1 / (1 + exp(−x))", slopeFormula: "y (1 − y)", forward: sigmoid, slope: (x, y) => y * (1 - y) },
  elu: {
    formula: "x where x > 0, else α (exp(x) − 1)",
    slopeFormula: "1 where x > 0, else y + α",
    forward: (x, { alpha }) => elu(x, alpha ?? 1),
    slope: (x, y, { alpha }) => (y < 0 ? y + (alpha ?? 1) : 1),
  },
  exponential: { formula: "exp(x)", slopeFormula: "y", forward: (x) => Math.exp(x), slope: (x, y) => y },
  gelu: {
    formula: "x Φ(x)",
    slopeFormula: "Φ(x) + x φ(x)",
    forward: (x) => x * normalCdf(x),
    slope: (x) => normalCdf(x) + x * normalDensity(x),
  },
  hard_sigmoid: {
    formula: "min(max(x / 6 + 1/2, 0), 1)",
    slopeFormula: "1/6 where 0 < y < 1, else 0",
    forward: hardSigmoid,
    slope: (x, y) => between(y, 1) / 6,
  },
  hard_silu: {
    formula: "x · min(max(x / 6 + 1/2, 0), 1)",
    slopeFormula: "x/3 + 1/2 where |x| < 3, else 0 or 1",
    forward: (x) => x * hardSigmoid(x),
    slope: (x) => (Math.abs(x) < 3 ? x / 3 + 0.5 : x > 0 ? 1 : 0),
  },
  leaky_relu: {
    formula: "x where x > 0, else slope · x",
    slopeFormula: "1 where x > 0, else slope",
    forward: (x, { negative_slope }) => (x > 0 ? x : (negative_slope ?? 0.2) * x),
    slope: (x, y, { negative_slope }) => (x > 0 ? 1 : (negative_slope ?? 0.2)),
  },
  relu6: {
    formula: "min(max(x, 0), 6)",
    slopeFormula: "1 where 0 < y < 6, else 0",
    forward: (x) => Math.min(Math.max(x, 0), 6),
    slope: (x, y) => between(y, 6),
  },
  selu: {
    formula: "1.0507 x where x > 0, else 1.7581 (exp(x) − 1)",
    slopeFormula: "1.0507 where x > 0, else y + 1.7581",
    forward: (x) => SCALE * elu(x, ALPHA),
    slope: (x, y) => (y < 0 ? y + SCALE * ALPHA : SCALE),
  },
  silu: {
    formula: "x / (1 + exp(−x))",
    slopeFormula: "s (1 + x (1 − s)), s = 1 / (1 + exp(−x))",
    forward: (x) => x * sigmoid(x),
    slope: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
  softplus: {
    formula: "log(1 + exp(x))",
    slopeFormula: "1 − exp(−y)",
    forward: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
    slope: (x, y) => -Math.expm1(-y),
  },
  softsign: {
    formula: "x / (1 + |x|)",
    slopeFormula: "(1 − |y|)²",
    forward: (x) => x / (1 + Math.abs(x)),
    slope: (x, y) => (1 - Math.abs(y)) ** 2,
  },
  threshold_relu: {
    formula: "x above the threshold, at most max_value; below it slope · (x − threshold)",
    slopeFormula: "1 above the threshold, 0 from max_value, slope below",
    forward: (x, { threshold, negative_slope, max_value }) =>
      Math.min(x > threshold ? x : negative_slope * (x - threshold), max_value ?? Infinity),
    slope: (x, y, { threshold, negative_slope, max_value }) =>
      x >= (max_value ?? Infinity) ? 0 : x > threshold ? 1 : negative_slope,
  },
};
