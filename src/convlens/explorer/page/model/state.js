/** What the page shows now: a network, one image, its pass, and the number that was chosen. Views listen to it. */

import { gradientTerms, lossTerms, probabilityTerms, valueTerms, weightTerms } from "../engine/network/arithmetic.js";
import { downstream, upstream } from "../engine/network/reach.js";

/** @typedef {import("../engine/network/network.js").Network} Network */
/**
 * A cell of a node's output, or of one of its weights. end: what is computed from the logit of that cell
 * @typedef {{node: number, cell: number[], weight?: string, end?: "probability" | "loss"}} Chosen
 */

/**
 * A number that was changed: its array, its place in it, what it was, and what the loss was and should be
 * @typedef {{array: Net.Tensor, at: number, was: number, before: number, predicted: number}} Nudge
 */

/** Emits "pass" when numbers change, "chosen" when another number is looked at, "repaint" when colours change. */
export class State extends EventTarget {
  /** @type {{chosen: Chosen, cells: Map<number, Uint8Array>} | undefined} */
  #linked;

  /**
   * @param {Network} network
   * @param {string[]} names of the classes
   */
  constructor(network, names) {
    super();
    this.network = network;
    this.names = names;
    this.image = network.tensor([1, ...network.nodes[0].shape], new Array(count(network.nodes[0].shape)).fill(0));
    this.label = 0;
    /** @type {"value" | "gradient"} */
    this.mode = "value";
    /** @type {"first" | "all"} */
    this.ties = "first";
    /** @type {Chosen} */
    this.chosen = { node: network.nodes.length - 1, cell: [0] };
    /** @type {Nudge[]} what was changed by `nudge` and can be undone */
    this.nudges = [];
    this.learning = false; // whether the weights change all the time, see `model/trainer.js`
    this.pass = this.run();
  }

  /** @returns {import("../engine/network/pass.js").Pass} the pass of the image, forward and backward */
  run() {
    const pass = this.network.forward(this.image, { ties: this.ties });
    pass.backward([this.label]);
    return pass;
  }

  compute() {
    this.pass = this.run();
    this.dispatchEvent(new Event("pass"));
  }

  /**
   * @param {ArrayLike<number>} numbers of the image, as the network gets them
   * @param {number | "guess"} [label] "guess": of an image whose class nobody told, the most probable class
   */
  setImage(numbers, label = this.label) {
    this.image = this.network.tensor(this.image.shape, numbers);
    const likely = label === "guess" ? shares(this.network.forward(this.image).probabilities.data) : null;
    this.label = likely === null ? Number(label) : Math.max(0, likely.indexOf(Math.max(...likely)));
    this.compute();
  }

  /** @param {Net.Weights} weights all of the network, by their names in a file */
  setWeights(weights) {
    this.nudges = [];
    for (const node of this.network.nodes) {
      for (const [own, w] of Object.entries(node.weights)) w.data.set(weights[node.weightNames[own]].data);
    }
    this.compute();
  }

  /** @param {Partial<Pick<State, "label" | "mode" | "ties">>} changed */
  set(changed) {
    Object.assign(this, changed);
    this.compute();
  }

  /** @param {Chosen} chosen */
  choose(chosen) {
    this.chosen = chosen;
    this.dispatchEvent(new Event("chosen"));
  }

  /** @returns {boolean} whether the chosen number is a pixel, or a weight that training changes by its gradient */
  get changeable() {
    const { node, weight } = this.chosen;
    return weight === undefined ? node === 0 : weight in this.pass.dw[node];
  }

  /** @returns {"value" | "gradient"} what is shown of the chosen number: a running statistic has no gradient */
  get shown() {
    return this.chosen.weight === undefined || this.changeable ? this.mode : "value";
  }

  /** @returns {number[]} the probability of each name */
  get probabilities() {
    return shares(this.pass.probabilities.data);
  }

  /** @returns {import("../engine/kernels/tensor.js").Tensor} the array that has the chosen number */
  get array() {
    const { node, weight, end } = this.chosen;
    if (end === "probability") return this.pass.probabilities;
    if (end === "loss") return /** @type {Net.Tensor} */ (this.pass.loss);
    if (weight !== undefined) return this.shown === "value" ? this.weights[weight] : this.pass.dw[node][weight];
    return this.mode === "value" ? this.pass.y[node] : this.pass.dy[node];
  }

  /** @returns {Record<string, import("../engine/kernels/tensor.js").Tensor>} the weights of the chosen node */
  get weights() {
    return this.network.nodes[this.chosen.node].weights;
  }

  /** @returns {number} the chosen number */
  get number() {
    const { cell, weight, end } = this.chosen;
    if (end === "loss") return this.loss;
    return this.array.data[this.array.at(weight === undefined ? [0, ...cell] : cell)];
  }

  /** @returns {Net.Terms | null} how the chosen number came about; null for a pixel and a weight, which are given */
  terms() {
    const { node, cell, weight, end } = this.chosen;
    if (end !== undefined) return end === "loss" ? lossTerms(this.pass, 0) : probabilityTerms(this.pass, 0, cell);
    if (weight !== undefined) return this.shown === "value" ? null : weightTerms(this.pass, node, 0, weight, cell);
    if (this.mode === "gradient") return gradientTerms(this.pass, node, 0, cell);
    return node === 0 ? null : valueTerms(this.pass, node, 0, cell);
  }

  /** @returns {Map<number, Uint8Array>} by node, 1 for each cell that makes up the chosen number or depends on it */
  linked() {
    if (this.#linked?.chosen === this.chosen) return this.#linked.cells;
    const { nodes } = this.network, { node, cell, weight } = this.chosen;
    const cells = weight === undefined ? [...downstream(nodes, node, cell), ...upstream(nodes, node, cell)] : [];
    this.#linked = { chosen: this.chosen, cells: new Map(cells) };
    return this.#linked.cells;
  }

  /**
   * Change the chosen number, a pixel or a weight, and see what the loss does.
   * @param {number} by
   * @returns {{before: number, after: number, predicted: number}} the loss, and what the gradient said about it
   */
  nudge(by) {
    const { node, cell, weight } = this.chosen;
    if (!this.changeable) throw new RangeError("only a pixel or a weight can be changed");
    const array = weight === undefined ? this.image : this.weights[weight];
    const at = array.at(weight === undefined ? [0, ...cell] : cell);
    const gradient = weight === undefined ? this.pass.dy[0].data[at] : this.pass.dw[node][weight].data[at];
    const before = this.loss;
    const predicted = before + gradient * by;
    this.nudges.push({ array, at, was: array.data[at], before, predicted });
    array.data[at] += by;
    this.compute();
    return { before, after: this.loss, predicted };
  }

  /** @param {number} [kept] how many of the changes stay; all but the last by default */
  undo(kept = this.nudges.length - 1) {
    if (this.nudges.length <= kept || this.nudges.length === 0) return;
    for (const { array, at, was } of this.nudges.splice(kept).reverse()) array.data[at] = was;
    this.compute();
  }

  /** @returns {number} the loss of the image with its label */
  get loss() {
    return /** @type {Net.Tensor} */ (this.pass.loss).data[0];
  }
}

/** @param {ArrayLike<number>} p @returns {number[]} the probability of each name: a single output is the second one's */
export const shares = (p) => (p.length === 1 ? [1 - p[0], p[0]] : Array.from(p));

/** @param {number[]} shape */
const count = (shape) => shape.reduce((product, size) => product * size, 1);
