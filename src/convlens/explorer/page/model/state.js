/** What the page shows now: a network, one image, its pass, and the number that was chosen. Views listen to it. */

import { Tensor } from "../engine/kernels/tensor.js";
import { gradientTerms, lossTerms, probabilityTerms, valueTerms, weightTerms } from "../engine/network/arithmetic.js";
import { downstream, upstream } from "../engine/network/reach.js";

/** @typedef {import("../engine/network/network.js").Network} Network */
/**
 * A cell of a node's output, or of one of its weights. end: what is computed from the logit of that cell
 * @typedef {{node: number, cell: number[], weight?: string, end?: "probability" | "loss"}} Chosen
 */

/**
 * A number that was changed: its array, its place in it, what it was, and what the loss was and should be
 * @typedef {{array: Tensor, at: number, was: number, before: number, predicted: number}} Nudge
 */

/** Emits "pass" when numbers change, "chosen" when another number is looked at, "repaint" when colours change. */
export class State extends EventTarget {
  label = 0;
  /** @type {number | null} the network's own guess, as long as nobody tells the class */ guess = null;
  /** @type {"value" | "gradient"} */ mode = "value";
  /** @type {"first" | "all"} */ ties = "first";
  /** @type {Nudge[]} what was changed by `nudge` and can be undone */ nudges = [];
  learning = false; // whether the weights change all the time, see `model/trainer.js`
  opened = true; // whether the weights are those that the page was opened with
  /** @type {{chosen: Chosen, cells: Map<number, Uint8Array>} | undefined} */ #linked;

  /** @param {Network} network @param {string[]} names of the classes */
  constructor(network, names) {
    super();
    this.network = network;
    this.names = names;
    this.image = Tensor.zeros([1, ...network.nodes[0].shape], network.dtype);
    /** @type {Chosen} */
    this.chosen = { node: network.nodes.length - 1, cell: [0] };
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
    this.guess = likely === null ? null : Math.max(0, likely.indexOf(Math.max(...likely)));
    this.label = this.guess ?? Number(label);
    this.compute();
  }

  /** @param {Net.Weights} weights all of the network, by their names in a file @param {boolean} opened whether the page was opened with them */
  setWeights(weights, opened = false) {
    this.opened = opened;
    this.nudges = [];
    for (const [name, w] of Object.entries(this.network.weights())) w.data.set(weights[name].data);
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

  /** @returns {Record<string, Tensor>} the weights of the chosen node */
  get weights() {
    return this.network.nodes[this.chosen.node].weights;
  }

  /** @returns {Tensor} the array that has the chosen number */
  get array() {
    const { chosen: { node, weight, end }, pass } = this, value = this.shown === "value";
    if (end !== undefined) return end === "loss" ? /** @type {Tensor} */ (pass.loss) : pass.probabilities;
    if (weight !== undefined) return value ? this.weights[weight] : pass.dw[node][weight];
    return value ? pass.y[node] : pass.dy[node];
  }

  /** @returns {number[]} where the chosen number stands in arrays such as `array` */
  get place() {
    const { cell, weight, end } = this.chosen;
    return end === "loss" ? [0] : weight === undefined ? [0, ...cell] : cell;
  }

  /** @returns {number} the chosen number */
  get number() {
    return this.array.data[this.array.at(this.place)];
  }

  /** @returns {Net.Terms | null} how the chosen number came about; null for a pixel and a weight, which are given */
  terms() {
    const { pass, shown, chosen: { node, cell, weight, end } } = this;
    if (end !== undefined) return end === "loss" ? lossTerms(pass, 0) : probabilityTerms(pass, 0, cell);
    if (weight !== undefined) return shown === "value" ? null : weightTerms(pass, node, 0, weight, cell);
    if (shown === "gradient") return gradientTerms(pass, node, 0, cell);
    return node === 0 ? null : valueTerms(pass, node, 0, cell);
  }

  /** @returns {Map<number, Uint8Array>} by node, 1 for each cell that makes up the chosen number or depends on it */
  linked() {
    const { chosen, network: { nodes } } = this, { node, cell, weight } = chosen;
    if (this.#linked?.chosen !== chosen) {
      const cells = weight === undefined ? [...downstream(nodes, node, cell), ...upstream(nodes, node, cell)] : [];
      this.#linked = { chosen, cells: new Map(cells) };
    }
    return this.#linked.cells;
  }

  /**
   * Change the chosen number, a pixel or a weight, and see what the loss does.
   * @param {number} by
   * @returns {{before: number, after: number, predicted: number}} the loss, and what the gradient said about it
   */
  nudge(by) {
    const { chosen: { node, weight }, pass, loss: before } = this;
    if (!this.changeable) throw new RangeError("only a pixel or a weight can be changed");
    const [array, slopes] = weight === undefined ? [this.image, pass.dy[0]] : [this.weights[weight], pass.dw[node][weight]];
    const at = array.at(this.place), predicted = before + slopes.data[at] * by;
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
    return /** @type {Tensor} */ (this.pass.loss).data[0];
  }
}

/** @param {ArrayLike<number>} p @returns {number[]} the probability of each name: a single output is the second one's */
export const shares = (p) => (p.length === 1 ? [1 - p[0], p[0]] : Array.from(p));

