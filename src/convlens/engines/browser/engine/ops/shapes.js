/** Operations that move numbers and change none: another shape, zeros around an image, identity. */

import { sizeOf } from "../kernels/tensor.js";
import { crop, pad } from "./geometry.js";
import { SAME } from "./pointwise.js";
import { cellAt, product, withTotals } from "./terms.js";

/** @param {number[]} shape @param {Net.Cell} cell @returns {number} the place of a cell in C order */
const placeIn = (shape, cell) => cell.reduce((place, index, axis) => place * shape[axis] + index, 0);

/**
 * An operation by its two maps of cells. Each gives one cell or none.
 * @param {(node: Net.Node, cell: Net.Cell) => Net.Cell[]} source the input's cell of an output's cell
 * @param {(node: Net.Node, cell: Net.Cell) => Net.Cell[]} target the output's cell of an input's cell
 * @returns {Pick<Net.Arithmetic, "window" | "consumers" | "terms" | "inputTerms">}
 */
function moved(source, target) {
  return {
    window: (node, cell) => [{ input: 0, cells: source(node, cell) }],
    consumers: (node, input, cell) => target(node, cell),
    terms(node, cell, at) {
      const terms = source(node, cell).map((each) => product([at.x(each)]));
      return { formula: terms.length > 0 ? "x" : "0, padding", terms };
    },
    inputTerms(node, cell, at) {
      return { formula: "dy", terms: target(node, cell).map((each) => product([at.dy(each)])) };
    },
  };
}

/** The same numbers in the shape attrs.shape, where -1 stands for what is left, the last axis fastest */
export const reshape = withTotals({
  kind: "reshape",
  shape([shape], attrs) {
    /** @type {number[]} */
    const target = attrs.shape;
    const left = sizeOf(shape) / target.reduce((all, size) => (size === -1 ? all : all * size), 1);
    return target.map((size) => (size === -1 ? left : size));
  },
  forward: ([x], node) => x.reshape([x.shape[0], ...node.shape]),
  backward: (dy, [x]) => ({ dx: [dy.reshape(x.shape)], dw: {} }),
  ...moved(
    (node, cell) => [cellAt(node.inputShapes[0], placeIn(node.shape, cell))],
    (node, cell) => [cellAt(node.shape, placeIn(node.inputShapes[0], cell))],
  ),
});

/** Zeros around each image; attrs.pads: [[top, bottom], [left, right]] */
export const zeroPadding2d = withTotals({
  kind: "zero_padding2d",
  shape: ([[h, w, c]], { pads: [[top, bottom], [left, right]] }) => [top + h + bottom, left + w + right, c],
  forward: ([x], node) => pad(x, node.attrs.pads),
  backward: (dy, inputs, y, node) => ({ dx: [crop(dy, node.attrs.pads)], dw: {} }),
  ...moved(
    (node, [i, j, c]) => {
      const [[top], [left]] = node.attrs.pads, [h, w] = node.inputShapes[0], r = i - top, s = j - left;
      return r >= 0 && s >= 0 && r < h && s < w ? [[r, s, c]] : [];
    },
    (node, [r, s, c]) => [[r + node.attrs.pads[0][0], s + node.attrs.pads[1][0], c]],
  ),
});

/** y = x */
const SAME_NUMBERS = {
  kind: "identity",
  shape: SAME.shape,
  /** @type {Net.Op["forward"]} */
  forward: ([x]) => x,
  /** @type {Net.Op["backward"]} */
  backward: (dy) => ({ dx: [dy], dw: {} }),
  ...moved(
    (node, cell) => [cell],
    (node, cell) => [cell],
  ),
};
export const identity = withTotals(SAME_NUMBERS);

/** The network's input, which no operation computes: its term is its own number. */
export const input = withTotals({
  ...SAME_NUMBERS,
  kind: "input",
  shape: (inputShapes, attrs) => [...attrs.shape],
  window: () => [],
  consumers: () => [],
  terms: (node, cell, at) => ({ formula: "the input", terms: [product([at.y(cell)])] }),
});

/** A layer that changes images at random in training: y = x, and no training here */
export const augmentation = withTotals({
  ...SAME_NUMBERS,
  kind: "augmentation",
  forward([x], node, { training }) {
    if (!training) return x;
    throw new Error(
      `the layer ${node.name} (${node.attrs.layer}) changes images at random in training, which the browser does not ` +
        "do: train this network with convlens train",
    );
  },
});
