/** What is kept of a trained network: a model's file as convlens writes it, and a run. */

import { Tensor } from "../engine/kernels/tensor.js";
import { writeSafetensors } from "../engine/network/safetensors.js";
import { figuresOf } from "./figures.js";
import { saveRun } from "./server.js";

/** @typedef {import("./trainer.js").Trainer} Trainer */
/** @typedef {import("./trainer.js").Row} Row */

/**
 * @param {string} about what the file says beside its weights, see `convlens.explorer.data`
 * @param {Net.Weights} weights
 * @returns {Promise<Uint8Array<ArrayBuffer>>} a file that `convlens.load_model` takes, with its sha256
 */
export async function modelFile(about, weights) {
  const pieces = [new TextEncoder().encode(about)];
  for (const name of Object.keys(weights).sort()) {
    const { shape, data } = weights[name], dtype = data instanceof Float32Array ? "float32" : "float64";
    const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", "); // as Python writes a tuple
    pieces.push(new TextEncoder().encode(`\n${name} ${dtype} (${sizes})\n`));
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
  }
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer());
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
      const parts = names.filter((weight) => each[weight]).map((weight) => each[weight].data);
      const { data } = Tensor.zeros([parts.reduce((sum, part) => sum + part.length, 0)], state.network.dtype);
      let at = 0;
      for (const part of parts) {
        data.set(part, at);
        at += part.length;
      }
      tensors[`optimizer/${slot}`] = { shape: [data.length], data };
    }
  }
  const settings = { optimizer: name, learning_rate: rate, batch_size: batch, ...(name === "sgd" ? { momentum } : {}) };
  return { ...(await saveRun(writeSafetensors(tensors), epochs, settings)), epochs: epochs.length };
}

/** @param {Trainer} trainer @returns {Row[]} the run's epochs, and those of the page: an unfinished one among them */
function rowsOf({ before, rows, now, state, pictures }) {
  const { at, sum, right, seconds, epoch } = now, found = [...before, ...rows.slice(0, epoch)];
  if (at > 0) {
    const held = now.held ?? (pictures?.held ? figuresOf(state.network, pictures.held) : null);
    found.push({ epoch: 0, seconds, images_per_second: at / seconds, loss: sum / at, accuracy: right / at,
                 val_loss: held?.loss ?? null, val_accuracy: held?.accuracy ?? null });
  }
  return found.map((row, k) => ({ ...row, epoch: k + 1 }));
}
