/** Named arrays in the bytes of a safetensors file: 8 bytes with the header's length, JSON, the numbers. */

import { Tensor, sizeOf } from "../kernels/tensor.js";

const SIZES = /** @type {Record<string, number>} */ ({ F32: 4, F64: 8 });

/**
 * @param {ArrayBuffer | Uint8Array} content a safetensors file
 * @returns {{tensors: Record<string, Net.Tensor>, metadata: Record<string, string>}} the arrays of float32 and float64
 */
export function readSafetensors(content) {
  const bytes = content instanceof Uint8Array ? content : new Uint8Array(content);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? -1 : Number(view.getBigUint64(0, true));
  if (length < 2 || 8 + length > bytes.length) throw new Error("the weights must be a whole safetensors file");
  const header = headerOf(bytes.subarray(8, 8 + length));
  /** @type {Record<string, Net.Tensor>} */
  const tensors = {};
  for (const [name, about] of Object.entries(header)) {
    if (name !== "__metadata__") tensors[name] = tensorOf(name, about, bytes.subarray(8 + length));
  }
  return { tensors, metadata: header.__metadata__ ?? {} };
}

/** @param {Uint8Array} bytes @returns {Record<string, any>} */
function headerOf(bytes) {
  const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (typeof found !== "object" || found === null) throw new Error("a safetensors header must be an object");
  return found;
}

/** @param {string} name @param {any} about @param {Uint8Array} body @returns {Net.Tensor} */
function tensorOf(name, about, body) {
  const { dtype, shape, data_offsets: offsets } = about ?? {};
  const size = SIZES[dtype];
  if (size === undefined) throw new Error(`${name} must be float32 or float64; it is ${dtype}`);
  if (!Array.isArray(shape) || !Array.isArray(offsets)) throw new Error(`${name} needs a shape and data_offsets`);
  const [from, to] = offsets, count = sizeOf(shape);
  if (!(from >= 0 && to <= body.length && to - from === count * size)) {
    throw new Error(`${name} (${shape.join(", ")}) needs ${count * size} bytes in the file; got ${from} to ${to}`);
  }
  const copy = new Uint8Array(body.subarray(from, to)).buffer; // since numbers must lie at multiples of their size
  return new Tensor(shape, size === 4 ? new Float32Array(copy) : new Float64Array(copy));
}

/**
 * @param {Record<string, {shape: number[], data: Float32Array | Float64Array | Int32Array}>} tensors
 * @param {Record<string, string>} [metadata]
 * @returns {Uint8Array} a safetensors file
 */
export function writeSafetensors(tensors, metadata) {
  /** @type {Record<string, any>} */
  const header = metadata === undefined ? {} : { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = data instanceof Int32Array ? "I32" : data instanceof Float32Array ? "F32" : "F64";
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header)), length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + end).fill(32, 8, 8 + length); // the header ends in spaces
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  let at = 8 + length;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}
