/** The arithmetic of any number of a pass: of a node's output, of its gradient, of a weight's gradient, of the loss. */

import { gradientScale } from "./loss.js";
import { sigmoid } from "../ops/functions.js";
import { exponentials, softmaxTerms } from "../ops/softmax.js";
import { Reader, number, product } from "../ops/terms.js";

/** @typedef {import("./pass.js").Pass} Pass */

/**
 * @param {Pass} pass
 * @param {number} id
 * @param {number} example
 * @param {Net.Cell} cell
 * @returns {Net.Terms} of a number in the output of node `id`
 */
export function valueTerms(pass, id, example, cell) {
  return pass.nodes[id].op.terms(pass.nodes[id], pass, example, cell);
}

/**
 * Of a number in pass.dy[id]: what each node that reads it gives back; for the last node, what the loss gives.
 * @param {Pass} pass
 * @param {number} id
 * @param {number} example
 * @param {Net.Cell} cell
 * @returns {Net.Terms}
 */
export function gradientTerms(pass, id, example, cell) {
  const total = pass.dy[id].data[pass.dy[id].at([example, ...cell])];
  if (id === pass.nodes.length - 1) return { ...logitTerms(pass, example, cell), total };
  const parts = readersOf(pass, id).map(([reader, input]) => {
    const found = pass.nodes[reader].op.inputTerms(pass.nodes[reader], pass, example, input, cell);
    return { ...found, name: pass.nodes[reader].name };
  });
  if (parts.length === 1) return { formula: parts[0].formula, terms: parts[0].terms, total };
  const terms = parts.flatMap(({ name, terms: each }) => each.map((term) => ({ ...term, note: noteOf(name, term) })));
  return { formula: parts.map(({ name, formula }) => `${formula} (${name})`).join(" + "), terms, total };
}

/** @param {string} name @param {Net.Term} term @returns {string} */
const noteOf = (name, term) => (term.note === undefined ? name : `${name}: ${term.note}`);

/**
 * @param {Pass} pass
 * @param {number} id
 * @returns {[number, number][]} the nodes that read node `id`, and at which of their inputs
 */
export function readersOf(pass, id) {
  return pass.nodes.flatMap((node) =>
    node.inputs.flatMap((source, k) => (source === id ? [/** @type {[number, number]} */ ([node.id, k])] : [])),
  );
}

/**
 * @param {Pass} pass
 * @param {number} id
 * @param {number | "all"} example
 * @param {string} name
 * @param {Net.Cell} cell
 * @returns {Net.Terms} of a number in pass.dw[id][name]; of one example, its part
 */
export function weightTerms(pass, id, example, name, cell) {
  return pass.nodes[id].op.weightTerms(pass.nodes[id], pass, example, name, cell);
}

/** @param {Pass} pass @param {number} example @param {Net.Cell} cell @returns {Net.Factor} a logit */
function logitAt(pass, example, cell) {
  const last = pass.nodes.length - 1;
  return new Reader(pass.nodes[last], pass, example).factor(last, cell, "z");
}

/**
 * @param {Pass} pass
 * @param {number} example
 * @param {Net.Cell} cell [k]
 * @returns {Net.Terms} of a probability: exp(z_k) / Σ exp(z_j), or 1 / (1 + exp(−z_k))
 */
export function probabilityTerms(pass, example, cell) {
  const z = logitAt(pass, example, cell), p = pass.probabilities, total = p.data[p.at([example, ...cell])];
  if (pass.end === "sigmoid") {
    return { formula: "1 / (1 + exp(−z))", terms: [{ factors: [z], value: sigmoid(z.value) }], total };
  }
  const from = p.at([example, 0]);
  return { ...softmaxTerms(z, exponentials(pass.logits, from, from + p.shape[1])), total };
}

/**
 * @param {Pass} pass after its backward from labels
 * @param {number} example
 * @returns {Net.Terms} of an example's loss: −t log p for each class, and for sigmoid −(1 − t) log(1 − p), over classes
 */
export function lossTerms(pass, example) {
  const { targets, loss, end } = pass;
  if (targets === null || loss === null) throw new Error("the loss needs labels: call backward with them");
  const classes = targets.shape[1], share = number(`1/${classes}`, 1 / classes), from = targets.at([example, 0]);
  const row = exponentials(pass.logits, from, from + classes), terms = [];
  for (let k = 0; k < classes; k++) {
    const t = targets.data[from + k], z = logitAt(pass, example, [k]);
    const rest = Math.log1p(Math.exp(-Math.abs(z.value))), left = number("1 − t", 1 - t);
    const yes = end === "sigmoid" ? Math.max(-z.value, 0) + rest : Math.log(row.sum) + row.most - z.value;
    const no = { ...z, text: "−log(1 − p)", value: Math.max(z.value, 0) + rest };
    const factors = [number("t", t), { ...z, text: "−log p", value: yes }];
    if (t !== 0) terms.push(product(end === "sigmoid" ? [...factors, share] : factors));
    if (t !== 1 && end === "sigmoid") terms.push(product([left, no, share]));
  }
  const formula = end === "sigmoid" ? "−(t log p + (1 − t) log(1 − p)) / classes" : "−Σ t log p";
  return { formula, terms, total: loss.data[example] };
}

/** @param {Pass} pass @param {number} example @param {Net.Cell} cell @returns {Net.Formula} (p Σt − t) / n */
function logitTerms(pass, example, cell) {
  if (pass.targets === null) {
    const dy = pass.dy[pass.nodes.length - 1], given = number("dlogits", dy.data[dy.at([example, ...cell])]);
    return { formula: "given", terms: [product([given])] };
  }
  const { scale, sum } = gradientScale(pass.targets, example, pass.end), at = pass.targets.at([example, ...cell]);
  const text = pass.end === "sigmoid" ? "1/(n·classes)" : "1/n", each = number(text, scale);
  const p = number("p", pass.probabilities.data[at]), t = number("−t", -pass.targets.data[at]);
  const terms = [product(sum === 1 ? [p, each] : [p, number("Σt", sum), each]), product([t, each])];
  return { formula: `(p − t) · ${text}`, terms };
}
