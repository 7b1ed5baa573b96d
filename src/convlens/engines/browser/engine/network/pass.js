/** One forward pass, and the backward pass that goes with it: the numbers of every node. */

import { lossOf, logitGradient, probabilitiesOf, targetsOf } from "./loss.js";

/** @typedef {import("./loss.js").Labels} Labels */
/**
 * training: whether dropout drops, and statistics are the batch's. random: numbers from 0 to below 1. ties: which of
 * several equal maxima of a window get its gradient
 * @typedef {{training?: boolean, random?: () => number, ties?: "first" | "all"}} Options
 */

/** The numbers of a pass. `y[id]` (n, …) is what node `id` gives; `backward` fills the gradients. */
export class Pass {
  /**
   * @param {Net.Node[]} nodes
   * @param {"softmax" | "sigmoid" | null} end
   * @param {Net.Tensor} x (n, …)
   * @param {Options} [options]
   */
  constructor(nodes, end, x, { training = false, random = Math.random, ties = "first" } = {}) {
    this.nodes = nodes;
    this.end = end;
    this.count = x.shape[0];
    this.training = training;
    this.random = random;
    /** @type {"first" | "all"} */
    this.ties = ties;
    this.needInput = true;
    /** @type {Record<number, any>} */
    this.saved = {};
    /** @type {Net.Tensor[]} */
    this.y = [x];
    /** @type {Net.Tensor[]} the gradient of the mean loss with respect to each node's output */
    this.dy = [];
    /** @type {(Net.Tensor | null)[][]} by node, the gradients that it gives each of its inputs */
    this.dx = [];
    /** @type {Net.Weights[]} by node, the gradients of its weights */
    this.dw = [];
    /** @type {Net.Tensor | null} (n, classes) */
    this.targets = null;
    /** @type {Net.Tensor | null} (n,) */
    this.loss = null;
    for (const node of nodes.slice(1)) this.y.push(node.op.forward(this.inputsOf(node), node, this));
  }

  /** @param {Net.Node} node @returns {Net.Tensor[]} */
  inputsOf(node) {
    return node.inputs.map((id) => this.y[id]);
  }

  /** @returns {Net.Tensor} (n, classes), the output of the last node */
  get logits() {
    return this.y[this.y.length - 1];
  }

  /** @returns {Net.Tensor} (n, classes): softmax or sigmoid of the logits */
  get probabilities() {
    return probabilitiesOf(this.logits, this.end);
  }

  /**
   * Computes all gradients of the mean loss.
   * @param {Labels | {dlogits: Net.Tensor}} labels class numbers, targets, or the gradient of the logits itself
   * @param {{input?: boolean}} [options] input: whether the gradient of the network's input is needed
   */
  backward(labels, { input = true } = {}) {
    this.needInput = input;
    this.dy = new Array(this.nodes.length);
    this.dx = this.nodes.map(() => []);
    this.dw = this.nodes.map(() => ({}));
    this.dy[this.nodes.length - 1] = "dlogits" in labels ? labels.dlogits : this.gradientOfLoss(labels);
    for (const node of this.nodes.slice(1).reverse()) {
      const { dx, dw } = node.op.backward(this.dy[node.id], this.inputsOf(node), this.y[node.id], node, this);
      this.dx[node.id] = dx;
      this.dw[node.id] = dw;
      node.inputs.forEach((id, k) => this.collect(id, dx[k]));
    }
  }

  /** @param {Labels} labels @returns {Net.Tensor} */
  gradientOfLoss(labels) {
    const { logits, end } = this;
    if (logits.shape.length !== 2) {
      throw new RangeError(`a loss needs logits (n, classes); the network gives (${logits.shape.join(", ")})`);
    }
    this.targets = targetsOf(labels, logits);
    this.loss = lossOf(logits, this.targets, end);
    return logitGradient(this.probabilities, this.targets, end);
  }

  /**
   * Adds a part of the gradient of a node's output: each node that reads it has one.
   * @param {number} id
   * @param {Net.Tensor | null} part
   */
  collect(id, part) {
    if (part === null) return;
    const before = this.dy[id];
    if (before === undefined) {
      this.dy[id] = part;
      return;
    }
    const sum = before.copy();
    for (let at = 0; at < sum.data.length; at++) sum.data[at] += part.data[at];
    this.dy[id] = sum;
  }
}
