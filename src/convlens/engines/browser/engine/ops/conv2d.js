/** Convolution, with groups, dilation and any padding. A depthwise convolution has as many groups as channels. */

import { conv2d as kernel, conv2d_dw, conv2d_dx } from "../kernels/conv2d.js";
import { crop, pad, pair, plan, seeing } from "./geometry.js";
import { grouped, groupedGradients } from "./grouped.js";
import { cellsOf, number, product, withTotals } from "./terms.js";

/**
 * The numbers of a convolution. per, mine: input and output channels of a group
 * @param {number[]} inputShape
 * @param {Net.Attrs} attrs
 */
function numbersOf([h, w, ci], attrs) {
  const [kh, kw] = pair(attrs.kernel), stride = pair(attrs.stride), dilation = pair(attrs.dilation);
  const groups = attrs.depthwise ? ci : attrs.groups, co = attrs.depthwise ? ci * attrs.depthwise : attrs.filters;
  if (ci % groups || co % groups) {
    throw new RangeError(`a convolution needs channels divisible by its groups; got ${ci}, ${co}, ${groups} groups`);
  }
  const reach = pair([(kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1]);
  const { pads, out } = plan([h, w], reach, stride, attrs.padding);
  return { h, w, ci, co, kh, kw, stride, dilation, groups, per: ci / groups, mine: co / groups, pads, out };
}

/** @typedef {ReturnType<typeof numbersOf>} Numbers */

/** @param {Net.Node} node @returns {Numbers} */
const numbers = (node) => numbersOf(node.inputShapes[0], node.attrs);

/** @param {Numbers} g @returns {boolean} whether the kernels of `convlens.engines` compute it */
const plain = (g) => g.groups === 1 && g.dilation[0] === 1 && g.dilation[1] === 1;

/** @param {Net.Node} node @param {Numbers} g as (kh, kw, ci / groups, co): (kh, kw, c, m) has the same order */
const kernelOf = (node, g) => node.weights.kernel.reshape([g.kh, g.kw, g.per, g.co]);

/**
 * @param {Numbers} g
 * @param {number} i
 * @param {number} j
 * @param {number} a
 * @param {number} b
 * @returns {Net.Pair} the row and column of the input that the kernel's cell (a, b) meets in the window (i, j)
 */
const met = (g, i, j, a, b) => [
  i * g.stride[0] + a * g.dilation[0] - g.pads[0][0],
  j * g.stride[1] + b * g.dilation[1] - g.pads[1][0],
];

/** @param {Numbers} g @param {number} r @param {number} s @returns {boolean} whether the cell is in the image */
const inside = (g, r, s) => r >= 0 && s >= 0 && r < g.h && s < g.w;

/**
 * @param {Net.Node} node
 * @param {Net.Cell} cell of the output
 * @returns {{x: Net.Cell, w: Net.Cell, real: boolean}[]} what is multiplied for it, in order; real: x is no padding
 */
function patch(node, [i, j, o]) {
  const g = numbers(node), first = Math.floor(o / g.mine) * g.per, found = [];
  for (let a = 0; a < g.kh; a++) {
    for (let b = 0; b < g.kw; b++) {
      const [r, s] = met(g, i, j, a, b), real = inside(g, r, s);
      for (let c = first; c < first + g.per; c++) {
        found.push({ x: [r, s, c], w: kernelCell(node, g, a, b, c, o), real });
      }
    }
  }
  return found;
}

/**
 * @param {Net.Node} node
 * @param {Numbers} g
 * @param {number} a
 * @param {number} b
 * @param {number} c the input channel
 * @param {number} o the output channel
 * @returns {Net.Cell} the kernel's cell between these channels
 */
function kernelCell(node, g, a, b, c, o) {
  return node.attrs.depthwise ? [a, b, c, o % g.mine] : [a, b, c % g.per, o];
}

/**
 * @param {Net.Node} node
 * @param {Net.Cell} cell of the input
 * @returns {{y: Net.Cell, w: Net.Cell}[]} the outputs that use it, and the kernel's cell by which each multiplies it
 */
function uses(node, [r, s, c]) {
  const g = numbers(node), first = Math.floor(c / g.per) * g.mine, found = [];
  const columns = seeing(s, g.kw, g.stride[1], g.dilation[1], g.pads[1][0], g.out[1]);
  for (const [i, a] of seeing(r, g.kh, g.stride[0], g.dilation[0], g.pads[0][0], g.out[0])) {
    for (const [j, b] of columns) {
      for (let o = first; o < first + g.mine; o++) found.push({ y: [i, j, o], w: kernelCell(node, g, a, b, c, o) });
    }
  }
  return found;
}

/**
 * @param {Net.Node} node
 * @param {Net.Cell} cell [a, b, c, o] of the kernel
 * @returns {{x: Net.Cell, y: Net.Cell}[]} the input and output between which it stands, at each position of the kernel
 */
function positions(node, [a, b, c, o]) {
  const g = numbers(node), channel = node.attrs.depthwise ? c : Math.floor(o / g.mine) * g.per + c;
  const out = node.attrs.depthwise ? c * g.mine + o : o;
  return cellsOf(g.out).flatMap(([i, j]) => {
    const [r, s] = met(g, i, j, a, b);
    return inside(g, r, s) ? [{ x: [r, s, channel], y: [i, j, out] }] : [];
  });
}

export const conv2d = withTotals({
  kind: "conv2d",
  shape(inputShapes, attrs) {
    const g = numbersOf(inputShapes[0], attrs);
    return [...g.out, g.co];
  },
  weightShapes(inputShapes, attrs) {
    const g = numbersOf(inputShapes[0], attrs);
    /** @type {Record<string, number[]>} */
    const found = { kernel: attrs.depthwise ? [g.kh, g.kw, g.ci, g.mine] : [g.kh, g.kw, g.per, g.co] };
    return attrs.bias ? { ...found, bias: [g.co] } : found;
  },
  forward([x], node) {
    const g = numbers(node), xp = pad(x, g.pads), w = kernelOf(node, g);
    const y = x.like([x.shape[0], ...node.shape]), bias = node.weights.bias ?? x.like([g.co]);
    if (plain(g)) kernel(xp, w, bias, g.stride, y);
    else grouped(xp, w, bias, g, y);
    return y;
  },
  backward(dy, [x], y, node, { needInput }) {
    const g = numbers(node), xp = pad(x, g.pads), w = kernelOf(node, g), dkernel = w.like();
    const dxp = needInput || node.inputs[0] !== 0 ? xp.like() : null;
    if (plain(g)) {
      conv2d_dw(dy, xp, g.stride, dkernel);
      if (dxp) conv2d_dx(dy, w, g.stride, dxp);
    } else {
      groupedGradients(dy, xp, w, g, dxp, dkernel);
    }
    /** @type {Net.Weights} */
    const dw = { kernel: dkernel.reshape(node.weights.kernel.shape) };
    if (node.weights.bias) dw.bias = channelSums(dy);
    return { dx: [dxp && crop(dxp, g.pads)], dw };
  },
  window(node, cell) {
    return [{ input: 0, cells: patch(node, cell).flatMap(({ x, real }) => (real ? [x] : [])) }];
  },
  consumers: (node, input, cell) => uses(node, cell).map(({ y }) => y),
  terms(node, cell, at) {
    const terms = patch(node, cell).map(({ x, w, real }) =>
      real ? product([at.x(x), at.w("kernel", w)]) : product([number("0", 0), at.w("kernel", w)], "padding"),
    );
    if (node.weights.bias) terms.push(product([at.w("bias", [cell[2]], "b")], "bias"));
    return { formula: node.weights.bias ? "Σ x·w + b" : "Σ x·w", terms };
  },
  inputTerms(node, cell, at) {
    const terms = uses(node, cell).map(({ y, w }) => product([at.dy(y), at.w("kernel", w)]));
    return { formula: "Σ dy·w", terms };
  },
  weightTerms(node, cell, at, name) {
    if (name === "kernel") {
      return { formula: "Σ x·dy", terms: positions(node, cell).map(({ x, y }) => product([at.x(x), at.dy(y)])) };
    }
    const cells = cellsOf(node.shape.slice(0, 2)).map(([i, j]) => [i, j, cell[0]]);
    return { formula: "Σ dy", terms: cells.map((y) => product([at.dy(y)])) };
  },
});

/** @param {Net.Tensor} dy (…, c) @returns {Net.Tensor} (c,), the sum over all axes but the last, in double precision */
export function channelSums(dy) {
  const c = dy.shape[dy.shape.length - 1], sums = new Float64Array(c), found = dy.like([c]);
  for (let at = 0; at < dy.data.length; at += c) for (let o = 0; o < c; o++) sums[o] += dy.data[at + o];
  found.data.set(sums);
  return found;
}
