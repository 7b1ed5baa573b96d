/** The data of the page: from the page itself in an exported file, else from the server. */

import { fromBase64, toBase64 } from "../engine/kernels/base64.js";
import { ask } from "./server.js";

/** @typedef {{shape: number[], dtype: "uint8" | "float32" | "float64", data: string}} PackedArray data is base64 */
/** @typedef {{name: string, kind: string, shape: number[], parameters: number, trained: boolean}} LayerRow */
/**
 * What a network was trained on: the names of its classes, the factor from levels 0 … 255 to its input, whether the ink
 * is light (null: unknown, or no ink), the size [h, w] and whether its images have 3 channels.
 * @typedef {{class_names: string[], scale: number, light_ink: boolean | null, size: Net.Pair, colour: boolean}} Images
 */
/**
 * specification: see `convlens.nn.specification`; weights: a safetensors file in base64; about: what a file of this
 * network says beside its weights, as text
 * @typedef {{name: string, specification: any, layers: LayerRow[], images: Images, weights: string, about: string}} PageNetwork
 */
/**
 * Pictures (n, h, w, c) with their labels. The first `training` of them are to train on, the others are held back.
 * @typedef {PackedArray & {labels: number[], class_names: string[], training: number}} Pictures
 */
/**
 * server: what it offers, null in an exported file
 * @typedef {{networks: PageNetwork[], pictures: Pictures | null, run: {name: string, history: any} | null,
 *   server: {code: boolean, picture: boolean, save: boolean, training: boolean} | null}} PageData
 */

/** @returns {Promise<PageData>} */
export async function open() {
  const inside = document.getElementById("convlens-data");
  if (inside !== null) return JSON.parse(inside.textContent ?? "");
  return ask("data");
}

/**
 * @param {PackedArray} packed
 * @param {number} [scale] the factor of levels: the `scale` of the network's images
 * @returns {{shape: number[], data: Float32Array | Float64Array}} the numbers, as a network gets them
 */
export function unpack({ shape, dtype, data }, scale = 1) {
  const bytes = fromBase64(data);
  if (dtype === "uint8") return { shape, data: Float32Array.from(bytes, (level) => level * Math.fround(scale)) };
  return { shape, data: dtype === "float32" ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer) };
}

/** @param {{shape: readonly number[], data: Float32Array | Float64Array}} array @returns {PackedArray} */
export function pack({ shape, data }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { shape: [...shape], dtype: data instanceof Float32Array ? "float32" : "float64", data: toBase64(bytes) };
}
