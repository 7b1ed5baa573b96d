/** What the page asks the server: its data, to run the course files, to read photographs, to keep a trained network. */

import { toBase64 } from "../engine/kernels/base64.js";

/** @typedef {import("./source.js").PackedArray} PackedArray */
/**
 * A call of a function of tasks 0 to 3. arrays: by the course's names, A_prev, W, b, dZ, dA. padding: of convolutions;
 * mode, kernel: of pooling
 * @typedef {{task: 0 | 1 | 2 | 3, arrays: Record<string, PackedArray>, stride: Net.Pair, padding?: "same" | "valid",
 *   mode?: "max" | "avg", kernel?: Net.Pair}} Call
 */
/**
 * `right` says whether the result is right, `padding` in which reading of the zeros around A_prev. If it is not, or if
 * there is none (`error` names what went wrong: "raised", "ended", "missing", "unknown"), `message` and `hint` are the
 * checker's. `cell` is the first wrong one.
 * @typedef {{version: number, result?: Record<string, PackedArray>, padding: [Net.Pair, Net.Pair], right?: boolean,
 *   error?: string, message: string, hint: string, cell?: {array: string, at: number[]} | null}} Answer
 */

/**
 * @param {string} path
 * @param {BodyInit} [body] to be posted
 * @param {string} [type] of the body
 * @returns {Promise<any>} the answer; an Error with the server's words if it refuses
 */
export async function ask(path, body, type = "application/json") {
  const answer = await fetch(`./api/${path}`, body ? { method: "POST", headers: { "Content-Type": type }, body } : {});
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

/** @param {Call} call @returns {Promise<Answer>} */
export const runCode = (call) => ask("code", JSON.stringify(call));

/** @returns {Promise<{version: number}>} a number that changes when a file is saved */
export const codeVersion = () => ask("code/version");

/** @param {Blob} picture @returns {Promise<{images: PackedArray, remarks: string[]}>} the network's inputs in it, (n, h, w, c) */
export const readPicture = (picture) => ask("picture", picture, "application/octet-stream");

/** @returns {Promise<import("./source.js").Pictures>} the whole training part, or as much of it as a page can hold */
export const trainingPictures = () => ask("training");

/**
 * @param {Uint8Array} weights a safetensors file: the weights by name, and the optimizer's state as optimizer/step,
 *   optimizer/m … if it is to go on from it
 * @param {import("./figures.js").Row[]} epochs one at least
 * @param {{optimizer?: string, learning_rate?: number, batch_size?: number, seed?: number, momentum?: number}} settings
 * @returns {Promise<{run: string}>} the folder of the new run
 */
export const saveRun = (weights, epochs, settings = {}) =>
  ask("save", JSON.stringify({ weights: toBase64(weights), epochs, settings }));
