/** The layers of `convlens.nn`, each as the operations that it consists of. */

import { batchNormalization } from "../ops/batch_normalization.js";
import { conv2d } from "../ops/conv2d.js";
import { dense } from "../ops/dense.js";
import { FUNCTIONS } from "../ops/functions.js";
import { pair } from "../ops/geometry.js";
import { globalAveragePool2d, globalMaxPool2d } from "../ops/global_pool2d.js";
import { localResponseNormalization } from "../ops/local_response_normalization.js";
import { activation, add, affine, dropout } from "../ops/pointwise.js";
import { averagePool2d, maxPool2d } from "../ops/pool2d.js";
import { augmentation, identity, reshape, zeroPadding2d } from "../ops/shapes.js";
import { softmax } from "../ops/softmax.js";

/** @typedef {Record<string, any>} Fields a layer's fields, defaults included */
/**
 * One operation of a layer. part: what is added to the layer's name for it. names: how its weights are called in a file
 * @typedef {{op: Net.Op, attrs: Record<string, any>, part?: string, names?: Record<string, string>}} Step
 */
/**
 * kind: how the layer's name begins. fields: all fields that matter here with their defaults; undefined: it is needed
 * @typedef {{kind: string, fields: Fields, steps: (fields: Fields) => Step[]}} Layer
 */

const WINDOW = { strides: 1, padding: "valid", dilation_rate: 1, activation: null, use_bias: true };
const POOL = { pool_size: 2, strides: null, padding: "valid" };
const OTHER_NAMES = /** @type {Record<string, string>} */ ({ swish: "silu", hard_swish: "hard_silu" });

/**
 * @param {string | null} name
 * @param {string} [part]
 * @returns {Step[]} the activation as an operation, none for "linear"
 */
function activated(name, part = name ?? "") {
  if (name === null || name === "linear") return [];
  const known = OTHER_NAMES[name] ?? name;
  if (known === "softmax") return [{ op: softmax, attrs: {}, part }];
  if (FUNCTIONS[known] === undefined) throw new Error(`the activation ${name} is not one that the browser computes`);
  return [{ op: activation, attrs: { function: known }, part }];
}

/** @param {Fields} f @returns {Record<string, any>} what every convolution has */
const windowOf = (f) => ({
  kernel: pair(f.kernel_size),
  stride: pair(f.strides),
  dilation: pair(f.dilation_rate),
  padding: f.padding,
  groups: 1,
  bias: f.use_bias,
});

/** @param {Net.Op} op @returns {(f: Fields) => Step[]} */
const pooled = (op) => (f) => [{ op, attrs: { kernel: f.pool_size, stride: f.strides, padding: f.padding } }];

/** @param {Fields} f @returns {Step[]} */
const separable = (f) => [
  {
    op: conv2d,
    attrs: { ...windowOf(f), depthwise: f.depth_multiplier, bias: false },
    part: "depthwise",
    names: { kernel: "depthwise_kernel" },
  },
  {
    op: conv2d,
    attrs: { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: "valid", groups: 1, filters: f.filters,
             bias: f.use_bias },
    part: "pointwise",
    names: { kernel: "pointwise_kernel", bias: "bias" },
  },
  ...activated(f.activation),
];

/** @param {number | number[]} numbers @returns {number[]} */
const several = (numbers) => (Array.isArray(numbers) ? numbers : [numbers]);

/** @param {Fields} f @returns {Step[]} y = (x - mean) / sqrt(variance) as y = factor x + offset */
function normalization(f) {
  if (f.mean === null) throw new Error("Normalization needs mean and variance");
  const factor = several(f.variance).map((variance) => 1 / Math.max(Math.sqrt(variance), 1e-7));
  return [{ op: affine, attrs: { factor, offset: several(f.mean).map((mean, k) => -mean * factor[k]) } }];
}

/** @param {any} padding @returns {[[number, number], [number, number]]} */
function padsOf(padding) {
  const [rows, columns] = Array.isArray(padding) ? padding : [padding, padding];
  return [pair(rows), pair(columns)];
}

/** @param {Net.Op} op @returns {(f: Fields) => Step[]} one operation, whose attrs are the layer's fields */
const one = (op) => (f) => [{ op, attrs: f }];

/** @param {Fields} f @returns {Step[]} one operation in any case, so that the layer has a node */
const activationSteps = (f) => (f.activation === null ? one(identity)(f) : activated(f.activation, ""));

/** @param {Fields} f @returns {Step[]} */
const convolution = (f) => [
  { op: conv2d, attrs: { ...windowOf(f), groups: f.groups, filters: f.filters } },
  ...activated(f.activation),
];

/** @param {Fields} f @returns {Step[]} */
const depthwise = (f) => [
  { op: conv2d, attrs: { ...windowOf(f), depthwise: f.depth_multiplier } },
  ...activated(f.activation),
];

/** @param {Fields} f @returns {Step[]} */
const denseSteps = (f) => [{ op: dense, attrs: { units: f.units, bias: f.use_bias } }, ...activated(f.activation)];

/** @param {Fields} f @returns {Step[]} */
function reluSteps(f) {
  const bare = f.max_value === null && !f.negative_slope && !f.threshold;
  return [{ op: activation, attrs: { ...f, function: bare ? "relu" : "threshold_relu" } }];
}

/** @param {string} name @returns {(f: Fields) => Step[]} */
const ofFunction = (name) => (f) => [{ op: activation, attrs: { ...f, function: name } }];

/** @type {Record<string, [string, Fields, (f: Fields) => Step[]]>} */
const TABLE = {
  Activation: ["activation", { activation: null }, activationSteps],
  AveragePooling2D: ["average_pooling2d", POOL, pooled(averagePool2d)],
  BatchNormalization: [
    "batch_normalization",
    { momentum: 0.99, epsilon: 1e-3, center: true, scale: true },
    one(batchNormalization),
  ],
  Conv2D: ["conv2d", { filters: undefined, kernel_size: undefined, groups: 1, ...WINDOW }, convolution],
  Dense: ["dense", { units: undefined, activation: null, use_bias: true }, denseSteps],
  DepthwiseConv2D: ["depthwise_conv2d", { kernel_size: undefined, depth_multiplier: 1, ...WINDOW }, depthwise],
  Dropout: ["dropout", { rate: undefined }, one(dropout)],
  ELU: ["elu", { alpha: 1 }, ofFunction("elu")],
  Flatten: ["flatten", {}, () => [{ op: reshape, attrs: { shape: [-1] } }]],
  GlobalAveragePooling2D: ["global_average_pooling2d", { keepdims: false }, one(globalAveragePool2d)],
  GlobalMaxPooling2D: ["global_max_pooling2d", { keepdims: false }, one(globalMaxPool2d)],
  Identity: ["identity", {}, one(identity)],
  LeakyReLU: ["leaky_re_lu", { negative_slope: 0.3 }, ofFunction("leaky_relu")],
  LocalResponseNormalization: [
    "local_response_normalization",
    { size: 5, k: 2, alpha: 1e-4, beta: 0.75 },
    one(localResponseNormalization),
  ],
  MaxPooling2D: ["max_pooling2d", POOL, pooled(maxPool2d)],
  Normalization: ["normalization", { mean: null, variance: null }, normalization],
  ReLU: ["re_lu", { max_value: null, negative_slope: 0, threshold: 0 }, reluSteps],
  Rescaling: [
    "rescaling",
    { scale: undefined, offset: 0 },
    (f) => [{ op: affine, attrs: { factor: several(f.scale), offset: several(f.offset) } }],
  ],
  Reshape: ["reshape", { target_shape: undefined }, (f) => [{ op: reshape, attrs: { shape: f.target_shape } }]],
  SeparableConv2D: [
    "separable_conv2d",
    { filters: undefined, kernel_size: undefined, depth_multiplier: 1, ...WINDOW },
    separable,
  ],
  Softmax: ["softmax", {}, one(softmax)],
  SpatialDropout2D: ["spatial_dropout2d", { rate: undefined }, (f) => one(dropout)({ ...f, spatial: true })],
  ZeroPadding2D: ["zero_padding2d", { padding: 1 }, (f) => [{ op: zeroPadding2d, attrs: { pads: padsOf(f.padding) } }]],
};

for (const change of ["Brightness", "Contrast", "Flip", "Rotation", "Translation", "Zoom"]) {
  const layer = `Random${change}`;
  TABLE[layer] = [`random_${change.toLowerCase()}`, {}, () => one(augmentation)({ layer })];
}

/** All layers but Add @type {Record<string, Layer>} */
export const LAYERS = Object.fromEntries(
  Object.entries(TABLE).map(([name, [kind, fields, steps]]) => [name, { kind, fields, steps }]),
);

/** The residual block, y = activation(branch(x) + shortcut(x)): `network/nodes.js` walks its two chains. */
export const ADD = {
  kind: "add",
  op: add,
  /** @param {string | null} name @returns {Step[]} */
  activated: (name) => activated(name),
};
