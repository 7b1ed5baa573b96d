/** What is kept of a trained network: a model's file as convlens writes it, and a run. */

import { writeSafetensors } from "../engine/network/safetensors.js";
import { figuresOf, rowOf } from "./figures.js";
import { saveRun } from "./server.js";

/** @typedef {import("./trainer.js").Trainer} Trainer */

/**
 * @param {string} about what the file says beside its weights, see `convlens.explorer.data`
 * @param {Net.Weights} weights
 * @returns {Promise<Uint8Array<ArrayBuffer>>} a file that `convlens.load_model` takes, with its sha256
 */
export async function modelFile(about, weights) {
  const pieces = Object.keys(weights).sort().flatMap((name) => {
    const { shape, data } = weights[name], dtype = data instanceof Float32Array ? "float32" : "float64";
    const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", "); // as Python writes a tuple
    return [`\n${name} ${dtype} (${sizes})\n`, /** @type {Float32Array<ArrayBuffer>} */ (data)];
  });
  const digest = await crypto.subtle.digest("SHA-256", await new Blob([about, ...pieces]).arrayBuffer());
  const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return Uint8Array.from(writeSafetensors(weights, { convlens: `{"about": ${about}, "sha256": "${sha256}"}` }));
}

/**
 * Save the moment that the page shows, as a run.
 * @param {Trainer} trainer
 * @returns {Promise<{run: string, epochs: number}>} the folder, and how many epochs it has
 */
export async function saveMoment(trainer) {
  const { now, state } = trainer, { optimizer: name, rate, momentum, batch } = now.settings, epochs = rowsOf(trainer);
  /** @type {Parameters<typeof writeSafetensors>[0]} */
  const tensors = { ...now.weights };
  if (now.optimizer !== null) {
    tensors["optimizer/step"] = { shape: [1], data: Int32Array.of(now.optimizer.step) };
    const names = state.network.nodes.flatMap(({ weightNames }) => Object.values(weightNames));
    for (const [slot, each] of Object.entries(name === "adam" || momentum ? now.optimizer.slots : {})) {
      const numbers = names.flatMap((weight) => Array.from(each[weight]?.data ?? []));
      const data = state.network.tensor([numbers.length], numbers).data;
      tensors[`optimizer/${slot}`] = { shape: [data.length], data };
    }
  }
  const settings = { optimizer: name, learning_rate: rate, batch_size: batch, ...(name === "sgd" ? { momentum } : {}) };
  return { ...(await saveRun(writeSafetensors(tensors), epochs, settings)), epochs: epochs.length };
}

/** @param {Trainer} trainer @returns {import("./figures.js").Row[]} of the run and of the page: an unfinished epoch among them */
function rowsOf({ before, moments, chosen, now, state, pictures }) {
  const found = [...before, ...moments.slice(0, chosen + 1).flatMap(({ rows }) => rows)];
  if (now.at > 0) found.push(rowOf(now, now.held ?? (pictures?.held ? figuresOf(state.network, pictures.held) : null)));
  return found.map((row, k) => ({ ...row, epoch: k + 1 }));
}
