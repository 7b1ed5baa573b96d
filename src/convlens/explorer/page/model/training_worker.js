/** A worker that trains a network, for `model/trainer.js`. It posts at most five moments a second. */

import { Network } from "../engine/network/network.js";
import { Adam, SGD } from "../engine/network/optimizers.js";
import { batchesOf, generator, trainStep } from "../engine/network/training.js";
import { figuresOf, rowOf, some } from "./figures.js";

/** @typedef {import("./trainer.js").Moment} Moment */
/** @typedef {import("./trainer.js").Settings} Settings */
/** @typedef {import("./figures.js").Images} Images */
/** @typedef {{specification: any, dtype: Net.Dtype, frozen: string[], seed: number, train: Images, held: Images | null}} Task */
/** What the page says. run: how many batches; size: the pictures of a batch, if not those of the settings */
/** @typedef {{turn: number, task?: Task, settings?: Settings, moment?: Moment, run?: number, size?: number}} Message */

const UPDATE = 300; // milliseconds from moment to moment, more if a moment takes long
const SHARE = 20; // one of so many seconds at most goes into moments, and at most as much into the held-back pictures
const EXPLODED = 4; // times the loss at the beginning, or at chance
const OPTIMIZERS = { adam: Adam, sgd: SGD };

/** Training from a moment on. A batch is known by its epoch and its place in it, so that going back repeats it exactly. */
class Training {
  /** @type {number[]} the pictures of the epoch */
  order = [];
  due = 0; // when the held-back pictures may be asked again

  /** @param {Task} task @param {Moment} moment */
  constructor(task, moment) {
    this.task = task;
    this.network = new Network(task.specification, { ...task, weights: moment.weights });
    this.now = { ...moment, batches: /** @type {Moment["batches"]} */ ([]), rows: /** @type {Moment["rows"]} */ ([]) };
    /** @type {import("../engine/network/optimizers.js").Optimizer} */
    this.optimizer = Object.assign(new OPTIMIZERS[moment.settings.optimizer](), moment.optimizer);
    this.shuffle();
  }

  shuffle() {
    const count = (this.now.count = this.task.train.labels.length);
    [this.order] = batchesOf(count, count, generator(this.task.seed + 7919 * this.now.epoch));
  }

  /** @param {Settings} settings of the next batch; an optimizer that stays the same keeps its state */
  set(settings) {
    if (settings.optimizer !== this.now.settings.optimizer) this.optimizer = new OPTIMIZERS[settings.optimizer]();
    Object.assign(this.optimizer, { rate: settings.rate, momentum: settings.momentum });
    this.now.settings = settings;
  }

  /** @param {number} size of the next batch of the epoch @returns {number} how many pictures it had */
  batch(size) {
    const { network, now, task } = this, started = performance.now();
    const before = Object.fromEntries(Object.entries(network.weights()).map(([name, w]) => [name, w.copy()]));
    const [x, labels] = some(network, task.train, this.order.slice(now.at, now.at + size)), count = labels.length;
    const { loss, right, gradients } = trainStep(network, this.optimizer, x, labels, generator(task.seed + 104729 * now.step));
    const lengths = lengthsOf(before, network.weights(), gradients);
    now.step += 1;
    now.at += count;
    now.sum += loss * count;
    now.right += right;
    now.seconds += (performance.now() - started) / 1000;
    now.batches.push({ x: now.epoch + now.at / now.count, sum: loss * count, right, count });
    now.exploded = this.explosion(loss, lengths);
    Object.assign(now, { gradients, lengths, label: count === 1 ? labels[0] : null, held: null });
    if (now.at === now.count && now.exploded === null) this.endEpoch();
    return count;
  }

  /** @param {number} loss @param {NonNullable<Moment["lengths"]>} lengths @returns {Moment["exploded"]} why training ends, if so */
  explosion(loss, lengths) {
    const { now, network } = this, classes = Math.max(2, network.nodes[network.nodes.length - 1].shape[0]);
    now.first ??= loss;
    now.mean = 0.9 * now.mean + 0.1 * loss;
    now.weight = 0.9 * now.weight + 0.1;
    const most = EXPLODED * Math.max(now.first, Math.log(classes));
    if (now.mean / now.weight <= most && Number.isFinite(lengths.step + lengths.gradient)) return null;
    return { step: now.step, loss, first: now.first, lengths: now.lengths ?? lengths, settings: now.settings, batches: now.batches };
  }

  endEpoch() {
    const { now } = this;
    now.epoch += 1;
    now.rows.push(rowOf(now, this.evaluate()));
    now.at = now.sum = now.right = now.seconds = 0;
    this.shuffle();
  }

  /** @returns {Moment["held"]} what the held-back pictures say to these weights */
  evaluate() {
    const { now, task } = this, started = performance.now();
    if (now.held !== null || task.held === null) return now.held;
    now.held = figuresOf(this.network, task.held);
    this.due = performance.now() + SHARE * (performance.now() - started);
    return now.held;
  }

  /** @param {boolean} done whether training stops here @returns {Moment} */
  moment(done) {
    if (done || performance.now() > this.due) this.evaluate();
    const { now, network, optimizer: { step, slots } } = this;
    this.now = { ...now, batches: [], rows: [] };
    return { ...now, weights: network.weights(), optimizer: { step, slots }, done };
  }
}

/**
 * @param {Net.Weights} before
 * @param {Net.Weights} after
 * @param {Net.Weights} gradients
 * @returns {NonNullable<Moment["lengths"]>} of all weights before the step, their gradient, and the step
 */
function lengthsOf(before, after, gradients) {
  let weights = 0, gradient = 0, step = 0;
  for (const [name, { data: g }] of Object.entries(gradients)) {
    const old = before[name].data, w = after[name].data;
    for (let k = 0; k < g.length; k++) {
      weights += old[k] * old[k];
      gradient += g[k] * g[k];
      step += (w[k] - old[k]) ** 2;
    }
  }
  return { weights: Math.sqrt(weights), gradient: Math.sqrt(gradient), step: Math.sqrt(step) };
}

/** @type {Task} */
let task;
/** @type {Training} */
let training;
let left = 0; // batches that are still to be done
let size = 0;
let turn = 0; // of the page's last message: what was posted before it is out of date
let timer = 0;
let pause = UPDATE;

/** Train until the next moment is due, post it, and let messages in. */
function go() {
  const started = performance.now();
  let images = 0;
  do {
    images += training.batch(size || training.now.settings.batch);
    left = training.now.exploded === null ? left - 1 : 0;
  } while (left > 0 && performance.now() - started < pause);
  post((1000 * images) / (performance.now() - started));
  if (left > 0) timer = setTimeout(go);
}

/** @param {number | null} rate images a second */
function post(rate) {
  const moment = training.moment(left === 0), started = performance.now();
  globalThis.postMessage({ ...moment, rate, turn });
  pause = Math.max(UPDATE, SHARE * (performance.now() - started));
}

globalThis.addEventListener("message", ({ data }) => {
  const message = /** @type {Message} */ (data);
  if (message.task) task = message.task;
  if (message.moment) training = new Training(task, message.moment);
  if (message.settings) training.set(message.settings);
  if (message.run === undefined) return;
  [left, size, turn] = [message.run, message.size ?? 0, message.turn];
  clearTimeout(timer);
  if (left === 0 || training.now.step === 0) post(null); // at the beginning, what the held-back pictures say
  if (left > 0) timer = setTimeout(go);
});
