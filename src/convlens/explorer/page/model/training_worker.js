/** A worker that trains a network, for `model/trainer.js`. It posts at most five moments a second. */

import { Network } from "../engine/network/network.js";
import { Adam, SGD } from "../engine/network/optimizers.js";
import { batchesOf, generator, trainStep } from "../engine/network/training.js";
import { figuresOf, some } from "./figures.js";

/** @typedef {import("./trainer.js").Moment} Moment */
/** @typedef {import("./trainer.js").Settings} Settings */
/** @typedef {import("./figures.js").Images} Images */
/** @typedef {{specification: any, dtype: Net.Dtype, seed: number, train: Images, held: Images | null}} Task */
/** What the page says. run: how many batches; size: the pictures of a batch, if not those of the settings */
/** @typedef {{turn: number, task?: Task, settings?: Settings, moment?: Moment, run?: number, size?: number}} Message */

const UPDATE = 200; // milliseconds from moment to moment, more if a moment takes long
const SHARE = 20; // one of so many seconds at most goes into moments, and at most as much into the held-back pictures
const EXPLODED = 4; // times the loss at the beginning, or at chance

/** The state of training. A batch is known by its epoch and its place in it, so that going back repeats it exactly. */
class Training {
  /** @param {Task} task */
  constructor({ specification, dtype, seed, train, held }) {
    this.network = new Network(specification, { dtype, random: generator(seed) });
    this.seed = seed;
    this.train = train;
    this.held = held;
    /** @type {Settings} */
    this.settings = { optimizer: "adam", rate: 0.001, momentum: 0, batch: 32 };
    /** @type {any} */
    this.optimizer = new Adam();
    /** @type {Moment["batches"]} since the last moment */
    this.batches = [];
    /** @type {Moment["rows"]} the epochs that have ended since then */
    this.rows = [];
    this.gradients = /** @type {Net.Weights} */ ({});
    /** @type {Moment["lengths"]} */
    this.lengths = null;
    /** @type {number | null} the label of a batch of one */
    this.label = null;
    this.known = { step: -1, held: /** @type {Moment["held"]} */ (null), at: 0, cost: 0 }; // of the held-back pictures
    this.step = this.epoch = this.at = this.sum = this.right = this.seconds = 0; // as in a moment
    this.first = this.mean = this.weight = 0; // the loss of the first batch, and a running mean of the losses
    this.order = this.orderOf(0);
  }

  /** @param {Pick<Moment, "step" | "epoch" | "at" | "sum" | "right" | "seconds">} place */
  begin({ step, epoch, at, sum, right, seconds }) {
    [this.step, this.epoch, this.at, this.sum, this.right, this.seconds] = [step, epoch, at, sum, right, seconds];
    [this.batches, this.rows, this.gradients, this.lengths] = [[], [], {}, null];
    this.first = this.mean = this.weight = 0;
    this.known.step = -1;
    this.order = this.orderOf(epoch);
  }

  /** @param {number} epoch @returns {number[]} */
  orderOf(epoch) {
    const count = this.train.labels.length;
    return batchesOf(count, count, generator(this.seed + 7919 * epoch))[0];
  }

  /** @param {Moment} moment to go on from */
  restore(moment) {
    this.begin(moment);
    for (const node of this.network.nodes) {
      for (const [own, w] of Object.entries(node.weights)) w.data.set(moment.weights[node.weightNames[own]].data);
    }
    const { optimizer } = moment;
    this.optimizer = make(moment.settings);
    if (optimizer !== null) {
      this.optimizer.step = optimizer.step;
      for (const [slot, each] of Object.entries(optimizer.slots)) {
        for (const [name, { shape, data }] of Object.entries(each)) {
          this.optimizer.slots[slot][name] = this.network.tensor(shape, data);
        }
      }
    }
    this.settings = moment.settings;
  }

  /** @param {Settings} settings of the next batch; an optimizer that stays the same keeps its state */
  set(settings) {
    if (settings.optimizer !== this.settings.optimizer) this.optimizer = make(settings);
    this.optimizer.rate = settings.rate;
    if (settings.optimizer === "sgd") this.optimizer.momentum = settings.momentum;
    this.settings = settings;
  }

  /**
   * Train on the next batch of the epoch.
   * @param {number} size
   * @returns {Moment["exploded"]} why training cannot go on, if so
   */
  batch(size) {
    const { network } = this, started = performance.now();
    const chosen = this.order.slice(this.at, this.at + size);
    const [x, labels] = some(network, this.train, chosen);
    const before = Object.entries(network.weights()).map(([name, w]) => ({ name, data: w.data.slice() }));
    const { loss, right, pass } = trainStep(network, this.optimizer, x, labels, generator(this.seed + 104729 * this.step));
    const earlier = this.lengths;
    this.label = labels.length === 1 ? labels[0] : null;
    this.gradients = {};
    for (const node of network.nodes) {
      for (const [own, dw] of Object.entries(pass.dw[node.id])) this.gradients[node.weightNames[own]] = dw;
    }
    this.lengths = lengthsOf(before, network.weights(), this.gradients);
    this.step += 1;
    this.at += chosen.length;
    this.sum += loss * chosen.length;
    this.right += right;
    this.seconds += (performance.now() - started) / 1000;
    this.batches.push({ x: this.epoch + this.at / this.train.labels.length, loss, right, count: chosen.length });
    const exploded = this.explosion(loss, earlier ?? this.lengths);
    if (this.at === this.train.labels.length && exploded === null) this.endEpoch();
    return exploded;
  }

  /** @param {number} loss @param {NonNullable<Moment["lengths"]>} lengths of the step before @returns {Moment["exploded"]} */
  explosion(loss, lengths) {
    if (this.weight === 0) this.first = loss;
    this.mean = 0.9 * this.mean + 0.1 * loss;
    this.weight = 0.9 * this.weight + 0.1;
    const classes = Math.max(2, this.network.nodes[this.network.nodes.length - 1].shape[0]);
    const limit = EXPLODED * Math.max(this.first, Math.log(classes)), own = this.lengths;
    if (this.mean / this.weight <= limit && own !== null && Number.isFinite(own.step + own.gradient)) return null;
    return { step: this.step, loss, first: this.first, lengths, settings: this.settings };
  }

  endEpoch() {
    const { loss, accuracy } = this.figures(), held = this.evaluate();
    this.epoch += 1;
    this.rows.push({ epoch: this.epoch, seconds: this.seconds, images_per_second: this.at / this.seconds, loss, accuracy,
                     val_loss: held?.loss ?? null, val_accuracy: held?.accuracy ?? null });
    this.at = this.sum = this.right = this.seconds = 0;
    this.order = this.orderOf(this.epoch);
  }

  /** @returns {{loss: number, accuracy: number}} of the epoch so far */
  figures() {
    return { loss: this.sum / this.at, accuracy: this.right / this.at };
  }

  /** @returns {Moment["held"]} what the held-back pictures say to these weights */
  evaluate() {
    if (this.known.step === this.step || this.held === null) return this.known.held;
    const from = performance.now();
    this.known = { step: this.step, held: figuresOf(this.network, this.held), at: from, cost: performance.now() - from };
    return this.known.held;
  }

  /** @param {boolean} always whether the held-back pictures are asked in any case @returns {Moment["held"]} */
  ask(always) {
    const { at, cost, step, held } = this.known;
    if (always || performance.now() - at > SHARE * cost) return this.evaluate();
    return step === this.step ? held : null;
  }

  /** @param {boolean} last whether training stops here @returns {Moment} */
  moment(last) {
    const { step, epoch, at, sum, right, seconds, batches, rows, gradients, lengths, label, settings, optimizer } = this;
    [this.batches, this.rows] = [[], []];
    return { step, epoch, at, sum, right, seconds, batches, rows, gradients, lengths, label, settings,
             optimizer: { step: optimizer.step, slots: optimizer.slots }, weights: this.network.weights(),
             held: this.ask(last), count: this.train.labels.length, rate: null, exploded: null, turn, done: last };
  }
}

/** @param {Settings} settings @returns {import("../engine/network/optimizers.js").Optimizer} */
function make({ optimizer, rate, momentum }) {
  return optimizer === "adam" ? new Adam({ rate }) : new SGD({ rate, momentum });
}

/**
 * @param {{name: string, data: ArrayLike<number>}[]} before
 * @param {Net.Weights} after
 * @param {Net.Weights} gradients
 * @returns {NonNullable<Moment["lengths"]>} of all weights before the step, their gradient, and the step
 */
function lengthsOf(before, after, gradients) {
  let weights = 0, gradient = 0, step = 0;
  for (const { name, data } of before) {
    const g = gradients[name]?.data, w = after[name].data;
    if (g === undefined) continue; // running statistics
    for (let k = 0; k < data.length; k++) {
      weights += data[k] * data[k];
      gradient += g[k] * g[k];
      step += (w[k] - data[k]) ** 2;
    }
  }
  return { weights: Math.sqrt(weights), gradient: Math.sqrt(gradient), step: Math.sqrt(step) };
}

/** @type {Training | undefined} */
let training;
let left = 0; // batches that are still to be done
let size = 0;
let turn = 0; // of the page's last message: what was posted before it is out of date
let planned = false;
let pause = UPDATE;

/** Train until the next moment is due, post it, and let messages in. */
function go() {
  planned = false;
  if (training === undefined || left === 0) return;
  const started = performance.now();
  let images = 0, exploded = null;
  if (training.step === 0) post(null, 0, started); // what the held-back pictures say at the beginning
  do {
    const before = training.epoch * training.train.labels.length + training.at;
    exploded = training.batch(size || training.settings.batch);
    images += training.epoch * training.train.labels.length + training.at - before;
    left = exploded === null ? left - 1 : 0;
  } while (left > 0 && performance.now() - started < pause);
  post(exploded, images, started);
  if (left > 0) plan();
}

/** @param {Moment["exploded"]} exploded @param {number} images @param {number} started */
function post(exploded, images, started) {
  const moment = /** @type {Training} */ (training).moment(left === 0), from = performance.now();
  globalThis.postMessage({ ...moment, exploded, rate: images === 0 ? null : (1000 * images) / (from - started) });
  pause = Math.max(UPDATE, SHARE * (performance.now() - from));
}

/** Go on after the messages that wait. A timer would wait for 4 ms. */
function plan() {
  if (!planned) next.port2.postMessage(null);
  planned = true;
}

const next = new MessageChannel();
next.port1.onmessage = go;

globalThis.addEventListener("message", ({ data }) => {
  const message = /** @type {Message} */ (data);
  if (message.task) training = new Training(message.task);
  if (training === undefined) return;
  if (message.moment) training.restore(message.moment);
  if (message.settings) training.set(message.settings);
  if (message.run === undefined) return;
  [left, size, turn] = [message.run, message.size ?? 0, message.turn];
  if (left > 0) plan();
  else if (message.moment === undefined) post(null, 0, 0);
});
