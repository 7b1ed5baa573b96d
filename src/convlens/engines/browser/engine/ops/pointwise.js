/** Operations that compute each number from those at the same cell: activations, fixed scales, dropout, sums. */

import { FUNCTIONS } from "./functions.js";
import { number, product, withTotals } from "./terms.js";

/** What these operations share: the shape of the input, and windows of one cell. */
export const SAME = {
  /** @type {Net.Op["shape"]} */
  shape: ([shape]) => [...shape],
  /** @type {Net.Op["window"]} */
  window: (node, cell) => node.inputs.map((_, input) => ({ input, cells: [cell] })),
  /** @type {Net.Op["consumers"]} */
  consumers: (node, input, cell) => [cell],
};

/** y = f(x); attrs: the name of the function, and its numbers */
export const activation = withTotals({
  kind: "activation",
  ...SAME,
  forward([x], node) {
    const y = x.like(), { forward } = FUNCTIONS[node.attrs.function], from = x.data, to = y.data;
    if (node.attrs.function === "relu") {
      for (let at = 0; at < to.length; at++) to[at] = from[at] < 0 ? 0 : from[at]; // NaN stays NaN
      return y;
    }
    for (let at = 0; at < to.length; at++) to[at] = forward(from[at], node.attrs);
    return y;
  },
  backward(dy, [x], y, node) {
    const dx = x.like(), { slope } = FUNCTIONS[node.attrs.function], from = x.data, g = dy.data, to = dx.data;
    if (node.attrs.function === "relu") {
      for (let at = 0; at < to.length; at++) if (from[at] > 0) to[at] = g[at];
      return { dx: [dx], dw: {} };
    }
    for (let at = 0; at < to.length; at++) to[at] = g[at] * slope(from[at], y.data[at], node.attrs);
    return { dx: [dx], dw: {} };
  },
  terms(node, cell, at) {
    const { formula, forward } = FUNCTIONS[node.attrs.function], x = at.x(cell);
    return { formula, terms: [{ factors: [x], value: forward(x.value, node.attrs), note: formula }] };
  },
  inputTerms(node, cell, at) {
    const { slopeFormula, slope } = FUNCTIONS[node.attrs.function];
    const factor = number(slopeFormula, slope(at.x(cell).value, at.y(cell).value, node.attrs));
    return { formula: `dy · (${slopeFormula})`, terms: [product([at.dy(cell), factor])] };
  },
});

/** @param {number[]} numbers one for all channels, or one for each @param {number} at @returns {number} */
const ofChannel = (numbers, at) => numbers[at % numbers.length];

/** y = factor · x + offset, with fixed numbers for each channel */
export const affine = withTotals({
  kind: "affine",
  ...SAME,
  forward([x], { attrs: { factor, offset } }) {
    const y = x.like();
    for (let at = 0; at < y.data.length; at++) y.data[at] = x.data[at] * ofChannel(factor, at) + ofChannel(offset, at);
    return y;
  },
  backward(dy, [x], y, { attrs: { factor } }) {
    const dx = x.like();
    for (let at = 0; at < dx.data.length; at++) dx.data[at] = dy.data[at] * ofChannel(factor, at);
    return { dx: [dx], dw: {} };
  },
  terms({ attrs: { factor, offset } }, cell, at) {
    const c = cell[cell.length - 1];
    const terms = [product([at.x(cell), number("factor", ofChannel(factor, c))])];
    terms.push(product([number("offset", ofChannel(offset, c))]));
    return { formula: "x · factor + offset", terms };
  },
  inputTerms({ attrs: { factor } }, cell, at) {
    const terms = [product([at.dy(cell), number("factor", ofChannel(factor, cell[cell.length - 1]))])];
    return { formula: "dy · factor", terms };
  },
});

/**
 * @param {Net.Factor} factor
 * @param {Net.Cell} cell
 * @param {Net.Reader} at
 * @returns {Net.Formula} the factor times its number of the mask; alone where nothing was dropped
 */
function masked(factor, cell, { saved, example }) {
  if (saved === null) return { formula: factor.text, terms: [product([factor])] };
  const m = number("m / (1 − rate)", saved.data[saved.at([example, ...cell])]);
  return { formula: `${factor.text} · m / (1 − rate)`, terms: [product([factor, m])] };
}

/** @param {Net.Tensor} x @param {Net.Tensor | null} mask @returns {Net.Tensor} */
function times(x, mask) {
  if (mask === null) return x;
  const y = x.like();
  for (let at = 0; at < y.data.length; at++) y.data[at] = x.data[at] * mask.data[at];
  return y;
}

/** In training y = x · m / (1 - rate), each m 0 with probability `rate`, else 1; spatial: one m for a channel */
export const dropout = withTotals({
  kind: "dropout",
  ...SAME,
  forward([x], node, context) {
    const { rate, spatial } = node.attrs, c = x.shape[x.shape.length - 1], size = x.data.length / x.shape[0];
    const mask = context.training && rate > 0 ? x.like() : null;
    for (let at = 0; mask && at < mask.data.length; at++) {
      const first = at - (at % size) + (at % c); // the channel's first cell in this example
      mask.data[at] = spatial && first !== at ? mask.data[first] : context.random() < rate ? 0 : 1 / (1 - rate);
    }
    context.saved[node.id] = mask;
    return times(x, mask);
  },
  backward: (dy, inputs, y, node, { saved }) => ({ dx: [times(dy, saved[node.id])], dw: {} }),
  terms: (node, cell, at) => masked(at.x(cell), cell, at),
  inputTerms: (node, cell, at) => masked(at.dy(cell), cell, at),
});

/** y = Σ of the inputs */
export const add = withTotals({
  kind: "add",
  ...SAME,
  shape(shapes) {
    if (shapes.every((shape) => String(shape) === String(shapes[0]))) return [...shapes[0]];
    throw new RangeError(`branch and shortcut must give the same shape; got ${shapes.map((s) => `(${s})`).join(", ")}`);
  },
  forward([first, ...others]) {
    const y = first.copy();
    for (const x of others) for (let at = 0; at < y.data.length; at++) y.data[at] += x.data[at];
    return y;
  },
  backward: (dy, inputs) => ({ dx: inputs.map(() => dy), dw: {} }),
  terms(node, cell, at) {
    return { formula: "branch + shortcut", terms: node.inputs.map((_, input) => product([at.x(cell, input)])) };
  },
  inputTerms: (node, cell, at) => ({ formula: "dy", terms: [product([at.dy(cell)])] }),
});
