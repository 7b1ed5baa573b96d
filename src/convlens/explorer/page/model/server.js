/** What the server alone can do: run the course files, read photographs, keep a trained network. */

import { toBase64 } from "../engine/kernels/base64.js";

/** @typedef {import("./source.js").PackedArray} PackedArray */
/**
 * A call of a function of tasks 0 to 3, with the course's names: A_prev, W, b, dZ, dA.
 * @typedef {Object} Call
 * @property {0 | 1 | 2 | 3} task
 * @property {Record<string, PackedArray>} arrays
 * @property {[number, number]} [stride]
 * @property {"same" | "valid"} [padding] of convolutions
 * @property {"max" | "avg"} [mode] of pooling
 * @property {[number, number]} [kernel] of pooling
 * @property {"identity" | "relu"} [activation] of task 0
 */
/**
 * `right` says whether the result is right. If it is not, or if there is none (`error` names what went wrong: "raised",
 * "ended", "missing", "unknown"), `message` and `hint` are the checker's. `cell` is the first wrong one, `reference` what is right.
 * @typedef {{version: number, result?: Record<string, PackedArray>, reference?: Record<string, PackedArray>, right?: boolean, error?: string, message: string,
 *   hint: string, cell?: {array: string, at: number[]} | null}} Answer
 */

/**
 * @param {string} path
 * @param {string} type
 * @param {BodyInit} body
 * @returns {Promise<any>} the answer; an Error with the server's words if it refuses
 */
async function post(path, type, body) {
  const answer = await fetch(`./api/${path}`, { method: "POST", headers: { "Content-Type": type }, body });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

/**
 * @param {Call} call
 * @returns {Promise<Answer>}
 */
export function runCode(call) {
  return post("code", "application/json", JSON.stringify(call));
}

/**
 * @returns {Promise<{version: number, files: Record<string, string>}>} a number that changes when a file is saved, and
 *   by the name of each file why it cannot be run, "" if it can
 */
export async function codeVersion() {
  return (await fetch("./api/code/version")).json();
}

/**
 * @param {Blob} picture
 * @returns {Promise<{images: PackedArray, remarks: string[]}>} the network's inputs in a picture, (n, h, w, c)
 */
export function readPicture(picture) {
  return post("picture", "application/octet-stream", picture);
}

/** @returns {Promise<import("./source.js").Pictures>} the whole training part, or as much of it as a page can hold */
export async function trainingPictures() {
  const answer = await fetch("./api/training");
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.json();
}

/**
 * @param {Uint8Array} weights a safetensors file: the weights by name, and the optimizer's state as optimizer/step,
 *   optimizer/m … if it is to go on from it
 * @param {{epoch: number, seconds: number, images_per_second: number, loss: number, accuracy: number,
 *   val_loss: number | null, val_accuracy: number | null}[]} epochs one at least
 * @param {{optimizer?: string, learning_rate?: number, batch_size?: number, seed?: number, momentum?: number}} settings
 * @returns {Promise<{run: string}>} the folder of the new run
 */
export function saveRun(weights, epochs, settings = {}) {
  return post("save", "application/json", JSON.stringify({ weights: toBase64(weights), epochs, settings }));
}
