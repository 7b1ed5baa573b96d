/** What the tests ask of the browser's networks: passes, steps of training, and sums of terms, as JSON. */

import { Network } from "./network/network.js";
import { Adam, SGD } from "./network/optimizers.js";
import { readSafetensors, writeSafetensors } from "./network/safetensors.js";
import { generator, trainStep } from "./network/training.js";

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export function pack({ shape, data }) {
  const raw = new Uint8Array(Float64Array.from(data).buffer);
  let text = "";
  for (let at = 0; at < raw.length; at += 32768) text += String.fromCharCode(...raw.subarray(at, at + 32768));
  return { shape, data: btoa(text) };
}

const packAll = (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, each]) => [name, pack(each)]));
const numbers = ({ data }) => new Float64Array(bytes(data).buffer);

export function build({ specification, weights, dtype, frozen }) {
  return new Network(specification, { weights: readSafetensors(bytes(weights)).tensors, dtype, frozen });
}

export function passOf(network, { x, labels, targets, training, ties }) {
  const pass = network.forward(network.tensor(x.shape, numbers(x)), { training, ties, random: generator(1) });
  pass.backward(targets ? network.tensor(targets.shape, numbers(targets)) : labels);
  return pass;
}

export function run(given) {
  const network = build(given), pass = passOf(network, given), dw = {}, states = {};
  for (const node of network.nodes) {
    for (const [own, each] of Object.entries(pass.dw[node.id])) dw[node.weightNames[own]] = each;
    for (const [own, each] of Object.entries(node.op.newStates?.(node, pass) ?? {})) states[node.weightNames[own]] = each;
  }
  const nodes = network.nodes.map(({ id, name, layer, op, inputs }) => {
    return { name, layer, kind: op.kind, inputs, y: pack(pass.y[id]), dy: pack(pass.dy[id]) };
  });
  const { probabilities, loss } = pass;
  return { nodes, end: network.end, dw: packAll(dw), states: packAll(states), probabilities: pack(probabilities),
           loss: pack(loss) };
}

export function train(given) {
  const network = build(given), optimizer = given.optimizer === "Adam" ? new Adam(given.numbers) : new SGD(given.numbers);
  const losses = [];
  for (let step = 0; step < given.steps; step++) {
    losses.push(trainStep(network, optimizer, network.tensor(given.x.shape, numbers(given.x)), given.labels).loss);
  }
  return { losses, weights: packAll(network.weights()) };
}

export function refusal(given) {
  try {
    const network = new Network(given.specification);
    if (given.training) network.forward(network.tensor([1, ...network.nodes[0].shape], new Float64Array(given.training)), { training: true });
  } catch (error) {
    return error.message;
  }
  return null;
}

export function rewritten(text) {
  const { tensors, metadata } = readSafetensors(bytes(text));
  return btoa(String.fromCharCode(...writeSafetensors(tensors, metadata)));
}
