/** Max and average pooling. Padding is never a maximum, and does not count in a mean. */

import { max_pool2d, max_pool2d_dx, sum_pool2d, sum_pool2d_dx } from "../kernels/pool2d.js";
import { crop, pad, pair, plan, seeing } from "./geometry.js";
import { number, product, withTotals } from "./terms.js";

/** @param {number[]} inputShape @param {Net.Attrs} attrs */
function numbersOf([h, w], attrs) {
  const kernel = pair(attrs.kernel), stride = pair(attrs.stride ?? attrs.kernel);
  return { h, w, kernel, stride, ...plan([h, w], kernel, stride, attrs.padding) };
}

/** @param {Net.Node} node */
const numbers = (node) => numbersOf(node.inputShapes[0], node.attrs);

/** @param {Net.Node} node @param {Net.Cell} cell of the output @returns {Net.Cell[]} its window's cells in the image */
function inside(node, [i, j, c]) {
  const { h, w, kernel, stride, pads } = numbers(node), found = [];
  const top = i * stride[0] - pads[0][0], left = j * stride[1] - pads[1][0];
  for (let r = Math.max(top, 0); r < Math.min(top + kernel[0], h); r++) {
    for (let s = Math.max(left, 0); s < Math.min(left + kernel[1], w); s++) found.push([r, s, c]);
  }
  return found;
}

/** @param {Net.Node} node @param {Net.Cell} cell of the input @returns {Net.Cell[]} the outputs whose window sees it */
function consumers(node, [r, s, c]) {
  const { kernel, stride, pads, out } = numbers(node);
  const columns = seeing(s, kernel[1], stride[1], 1, pads[1][0], out[1]);
  return seeing(r, kernel[0], stride[0], 1, pads[0][0], out[0]).flatMap(([i]) => columns.map(([j]) => [i, j, c]));
}

/** @param {Net.Node} node @param {Net.Cell} cell @param {Net.Reader} at @returns {Net.Cell[]} the window's maxima */
function maxima(node, cell, at) {
  const most = at.y(cell).value;
  return inside(node, cell).filter((each) => at.x(each).value === most);
}

/** @param {Net.Cell[]} most the maxima @param {Net.Reader} at @returns {Net.Term[]} one term: the first of them */
export function firstOf(most, at) {
  const note = most.length > 1 ? `the first of ${most.length} equal maxima` : "the maximum";
  return most.slice(0, 1).map((each) => product([at.x(each)], note));
}

/** What both pools share */
const SHARED = {
  /** @type {Net.Op["shape"]} */
  shape: ([shape], attrs) => [...numbersOf(shape, attrs).out, shape[2]],
  /** @type {Net.Op["window"]} */
  window: (node, cell) => [{ input: 0, cells: inside(node, cell) }],
  /** @type {Net.Op["consumers"]} */
  consumers: (node, input, cell) => consumers(node, cell),
};

export const maxPool2d = withTotals({
  kind: "max_pool2d",
  ...SHARED,
  forward([x], node) {
    const { kernel, stride, pads } = numbers(node), y = x.like([x.shape[0], ...node.shape]);
    max_pool2d(pad(x, pads, -Infinity), kernel, stride, y);
    return y;
  },
  backward(dy, [x], y, node, { ties }) {
    const { kernel, stride, pads } = numbers(node), xp = pad(x, pads, -Infinity), dxp = xp.like();
    max_pool2d_dx(dy, xp, y, kernel, stride, ties, dxp);
    return { dx: [crop(dxp, pads)], dw: {} };
  },
  terms(node, cell, at) {
    return { formula: "max x", terms: firstOf(maxima(node, cell, at), at) };
  },
  inputTerms(node, cell, at) {
    const terms = consumers(node, cell).map((out) => {
      const rank = maxima(node, out, at).findIndex(([r, s]) => r === cell[0] && s === cell[1]);
      const takes = rank === 0 || (rank > 0 && at.pass.ties === "all");
      const note = rank < 0 ? "not its maximum" : takes ? "its maximum" : "equal to its maximum, not the first";
      return product([at.dy(out), number(takes ? "1" : "0", takes ? 1 : 0)], note);
    });
    return { formula: "Σ dy·[x is the maximum]", terms };
  },
});

/** @param {Net.Tensor} y (n, oh, ow, c) @param {Net.Node} node @returns {Net.Tensor} divided by each window's count */
function divided(y, node) {
  const [n, oh, ow, c] = y.shape, found = y.like();
  for (let i = 0; i < oh; i++) {
    for (let j = 0; j < ow; j++) {
      const count = inside(node, [i, j, 0]).length;
      for (let q = 0; q < n; q++) {
        const at = ((q * oh + i) * ow + j) * c;
        for (let k = at; k < at + c; k++) found.data[k] = y.data[k] / count;
      }
    }
  }
  return found;
}

export const averagePool2d = withTotals({
  kind: "average_pool2d",
  ...SHARED,
  forward([x], node) {
    const { kernel, stride, pads } = numbers(node), y = x.like([x.shape[0], ...node.shape]);
    sum_pool2d(pad(x, pads), kernel, stride, y);
    return divided(y, node);
  },
  backward(dy, [x], y, node) {
    const { kernel, stride, pads } = numbers(node), dxp = pad(x, pads).like();
    sum_pool2d_dx(divided(dy, node), kernel, stride, dxp);
    return { dx: [crop(dxp, pads)], dw: {} };
  },
  terms(node, cell, at) {
    const cells = inside(node, cell), share = number(`1/${cells.length}`, 1 / cells.length);
    return { formula: `Σ x / ${cells.length}`, terms: cells.map((each) => product([at.x(each), share])) };
  },
  inputTerms(node, cell, at) {
    const terms = consumers(node, cell).map((out) => {
      const count = inside(node, out).length;
      return product([at.dy(out), number(`1/${count}`, 1 / count)]);
    });
    return { formula: "Σ dy / (cells of the window)", terms };
  },
});
