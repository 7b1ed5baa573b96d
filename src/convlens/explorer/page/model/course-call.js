/** Calls of the course's functions: with the arrays of a layer, or with small whole numbers; and the right results. */

import { sizeOf, Tensor } from "../engine/kernels/tensor.js";
import { gradientTerms, readersOf, valueTerms, weightTerms } from "../engine/network/arithmetic.js";
import { Network } from "../engine/network/network.js";
import { pad, pair, plan } from "../engine/ops/geometry.js";
import { cellOf } from "./numbers.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {0 | 1 | 2 | 3} Task */
/**
 * A call. dy is dZ or dA; w, b: of a convolution. said: how it differs from the layer. small: of whole numbers. place:
 * the number of the page's network that is the result's number at `at`, or null
 * @typedef {{task: Task, x: Tensor, w?: Tensor, b?: Tensor, dy: Tensor, stride: Net.Pair, kernel: Net.Pair,
 *   padding: "same" | "valid", mode: "max" | "avg", said: string, small: boolean,
 *   place: (array: string, at: number[]) => Place | null}} Case
 * @typedef {{chosen: import("./state.js").Chosen, mode: "value" | "gradient"}} Place
 */
/** @typedef {{arrays: Record<string, Tensor>, terms: (array: string, at: number[]) => Net.Terms}} Reference */

export const FUNCTIONS = ["conv_forward", "pool_forward", "conv_backward", "pool_backward"];
const WINDOWS = 20_000, PRODUCTS = 20_000_000, NUMBERS = 400_000; // of a call: course files are loops in Python

/** @param {Task} task */
const convolves = (task) => task % 2 === 0;

/** @param {Net.Node} node @param {Task} task @returns {boolean} whether the course's function computes the node */
function fits({ op, attrs, inputShapes }, task) {
  if (convolves(task)) return op.kind === "conv2d" && attrs.groups === 1 && !attrs.depthwise && String(pair(attrs.dilation)) === "1,1";
  if (!["max_pool2d", "average_pool2d"].includes(op.kind)) return false;
  const { pads } = plan(inputShapes[0].slice(0, 2), pair(attrs.kernel), pair(attrs.stride ?? attrs.kernel), attrs.padding);
  return pads.flat().every((rows) => rows === 0);
}

/** @param {State} state @param {Task} task @returns {{name: string, make: () => Case}[]} layers, and small examples */
export function casesOf(state, task) {
  const layers = state.network.nodes.filter((node) => fits(node, task));
  const small = convolves(task) ? ['padding "same", stride (1, 1)', 'padding "valid", stride (2, 1)'] : ['mode "max"', 'mode "avg"'];
  return [
    ...layers.map((node) => ({ name: node.name, make: () => caseOfLayer(state, node, task) })),
    ...small.map((name, k) => ({ name: `small whole numbers, ${name}`, make: () => caseOfExample(task, k === 1) })),
  ];
}

/** @param {number[]} shape @param {(cell: number[]) => number} value @returns {Tensor} in double precision */
const made = (shape, value) => new Tensor(shape, Float64Array.from({ length: sizeOf(shape) }, (_, k) => value(cellOf(k, shape))));

/** @param {Tensor} from @param {number[]} shape @returns {Tensor} the first numbers along each axis */
const corner = (from, shape) => made(shape, (cell) => from.data[from.at(cell)]);

/** @param {State} state @param {Net.Node} node @param {Task} task @returns {Case} cropped if the layer is too large */
function caseOfLayer({ pass }, node, task) {
  const { attrs, weights, inputs: [source] } = node, [oh, ow, co] = node.shape, [h, w, ci] = node.inputShapes[0];
  const conv = convolves(task), kernel = pair(attrs.kernel), stride = pair(attrs.stride ?? attrs.kernel), [kh, kw] = kernel;
  const { pads } = plan([h, w], kernel, stride, attrs.padding), zeros = pads.flat().some((count) => count > 0);
  const alike = String(plan([h, w], kernel, stride, "course").pads) === String(pads), depth = conv ? ci : 1;
  const each = ow * kh * kw * depth, wide = (w + pads[1][0] + pads[1][1]) * depth;
  const rows = Math.max(1, Math.floor(Math.min(oh, WINDOWS / ow, PRODUCTS / each, (NUMBERS / wide - kh) / stride[0])));
  const padded = rows < oh || (!alike && zeros), height = padded ? (rows - 1) * stride[0] + kh : h;
  const left = conv ? (NUMBERS - height * wide) / (kh * kw * ci) : NUMBERS / (height * wide);
  const maps = Math.max(1, Math.floor(Math.min(co, WINDOWS / (rows * ow), PRODUCTS / (rows * each), left)));
  const from = padded ? pad(pass.y[source], pads) : pass.y[source], [[top], [before]] = padded ? pads : [[0], [0]];
  const alone = readersOf(pass, source).length === 1, { bias = pass.y[source].like([co]) } = weights;
  const said = [
    maps < co ? `the first ${maps} of ${co} maps` : "",
    rows < oh ? `the first ${rows} of ${oh} rows` : "",
    padded && zeros ? 'the padding stands in A_prev already, and padding is "valid"' : "",
  ].filter(Boolean).join("; ");
  return {
    task, kernel, stride, said, small: false, padding: padded || !zeros ? "valid" : "same",
    mode: node.op.kind === "max_pool2d" ? "max" : "avg",
    x: corner(from, [1, height, from.shape[2], conv ? ci : maps]), dy: corner(pass.dy[node.id], [1, rows, ow, maps]),
    ...(conv && { w: corner(weights.kernel, [kh, kw, ci, maps]), b: corner(bias, [maps]) }),
    place(array, at) {
      if (array === "A") return { chosen: { node: node.id, cell: at.slice(1) }, mode: "value" };
      if (rows < oh) return null;
      if (array === "dW") return { chosen: { node: node.id, weight: "kernel", cell: at }, mode: "gradient" };
      if (array === "db") return weights.bias ? { chosen: { node: node.id, weight: "bias", cell: [at[3]] }, mode: "gradient" } : null;
      const [r, s] = [at[1] - top, at[2] - before], inside = r >= 0 && s >= 0 && r < h && s < w;
      if (!alone || !inside || (conv && maps < co)) return null;
      return { chosen: { node: source, cell: [r, s, at[3]] }, mode: "gradient" };
    },
  };
}

/** @param {number[]} shape @param {number[]} steps @param {number} values @param {number} least @returns {Tensor} whole numbers */
const whole = (shape, steps, values, least) =>
  made(shape, (cell) => (cell.reduce((sum, at, axis) => sum + steps[axis] * at ** 2, 0) % values) + least);

/** @param {Task} task @param {boolean} other the second of the two examples @returns {Case} not square, whole numbers */
function caseOfExample(task, other) {
  const conv = convolves(task), kernel = pair(conv ? [3, 2] : [2, 3]), stride = pair(conv ? [other ? 2 : 1, 1] : [2, 2]);
  const padding = conv && !other ? "same" : "valid", size = [5, 6];
  const { out } = plan(size, kernel, stride, padding === "same" ? "course" : "valid");
  return {
    task, kernel, stride, padding, mode: other ? "avg" : "max", said: "", small: true, place: () => null,
    x: whole([1, ...size, 2], [0, 3, 5, 2], 7, -2), dy: whole([1, ...out, conv ? 3 : 2], [0, 1, 2, 3], 5, -1),
    ...(conv && { w: whole([...kernel, 2, 3], [2, 3, 1, 2], 5, -2), b: whole([3], [2], 4, -1) }),
  };
}

/** @param {Case} call @param {Net.Padding} padding in which reading of the task @returns {Reference} the right result */
export function reference({ task, x, w, b, dy, kernel, stride, mode }, padding) {
  const layer = w === undefined
    ? { layer: mode === "max" ? "MaxPooling2D" : "AveragePooling2D", pool_size: kernel, strides: stride, padding }
    : { layer: "Conv2D", filters: w.shape[3], kernel_size: kernel, strides: stride, padding };
  const layers = [{ ...layer, name: "own" }], weights = w && b ? { "own/kernel": w, "own/bias": b } : undefined;
  const specification = { format: "convlens network", input_shape: x.shape.slice(1), dtype: "float64", layers };
  const pass = new Network(specification, { weights }).forward(x, { ties: "all" });
  if (task > 1) pass.backward({ dlogits: dy });
  return {
    arrays: task < 2 ? { A: pass.y[1] } : {
      dA_prev: pass.dy[0], ...(w && { dW: pass.dw[1].kernel, db: pass.dw[1].bias.reshape([1, 1, 1, w.shape[3]]) }),
    },
    terms(array, at) {
      if (array === "A") return valueTerms(pass, 1, 0, at.slice(1));
      if (array === "dA_prev") return gradientTerms(pass, 0, 0, at.slice(1));
      return array === "dW" ? weightTerms(pass, 1, 0, "kernel", at) : weightTerms(pass, 1, 0, "bias", [at[3]]);
    },
  };
}
