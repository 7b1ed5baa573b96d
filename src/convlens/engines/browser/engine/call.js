/** Calls of kernels from Python (chromium.py): a name, arguments, and which of the arguments the kernel fills. */

import { adam } from "./kernels/adam.js";
import { fromBase64, toBase64 } from "./kernels/base64.js";
import { conv2d, conv2d_dw, conv2d_dx } from "./kernels/conv2d.js";
import { max_pool2d, max_pool2d_dx, sum_pool2d, sum_pool2d_dx } from "./kernels/pool2d.js";
import { Tensor } from "./kernels/tensor.js";

/**
 * An array as it travels: data is base64 of its numbers in C order, or "" for zeros
 * @typedef {{shape: number[], dtype: import("./kernels/tensor.js").Dtype, data: string}} Sent
 */

/** @type {Record<string, (...values: any[]) => void>} */
const KERNELS = {
  adam,
  conv2d,
  conv2d_dw,
  conv2d_dx,
  max_pool2d,
  max_pool2d_dx,
  sum_pool2d,
  sum_pool2d_dx,
};

/**
 * @param {string} name the name of a kernel
 * @param {(Sent | string | number | number[])[]} sent its arguments
 * @param {number[]} filled the places of the arguments that the kernel fills or changes
 * @returns {string[]} these arguments afterwards: base64 of their numbers
 */
export function call(name, sent, filled) {
  const values = sent.map((value) => (typeof value === "object" && "shape" in value ? received(value) : value));
  KERNELS[name](...values);
  return filled.map((place) => {
    const { buffer, byteOffset, byteLength } = /** @type {Tensor} */ (values[place]).data;
    return toBase64(new Uint8Array(buffer, byteOffset, byteLength));
  });
}

/**
 * @param {Sent} array
 * @returns {Tensor}
 */
function received({ shape, dtype, data }) {
  if (!data) return Tensor.zeros(shape, dtype);
  const { buffer } = fromBase64(data);
  return new Tensor(shape, dtype === "float32" ? new Float32Array(buffer) : new Float64Array(buffer));
}
