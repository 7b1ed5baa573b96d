/** Training of the page's network: a worker trains, and this keeps its moments, so that one can go back in time. */

import { fromBase64 } from "../engine/kernels/base64.js";
import { generator } from "../engine/network/training.js";
import { Network } from "../engine/network/network.js";
import { readSafetensors } from "../engine/network/safetensors.js";
import { trainingPictures } from "./server.js";
import { unpack } from "./source.js";
import { startWorker } from "./worker_start.js";

/** @typedef {import("./source.js").PageData} PageData */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./figures.js").Images} Images */
/** @typedef {{optimizer: "adam" | "sgd", rate: number, momentum: number, batch: number}} Settings */
/** @typedef {import("./figures.js").Figures} Figures */
/**
 * One or more batches at x epochs: their mean loss, how many pictures were right, of how many
 * @typedef {{x: number, loss: number, right: number, count: number}} Point
 */
/**
 * The lengths of vectors: of all weights before a step, of their gradient, of the step
 * @typedef {{weights: number, gradient: number, step: number}} Lengths
 */
/**
 * What a finished epoch says, as in `convlens.training.events.Epoch`
 * @typedef {{epoch: number, seconds: number, images_per_second: number, loss: number, accuracy: number,
 *   val_loss: number | null, val_accuracy: number | null}} Row
 */
/**
 * The state of training after `step` batches: `epoch` whole epochs and `at` pictures of `count` of the next, with the
 * sums of their losses and of the right ones. batches, rows: what there was since the moment before, for `points` and
 * `rows`; gradients, lengths: of the last batch; label: of its only picture; held: what the held-back pictures say; done: whether training stops here; tick: the moment's number
 * @typedef {{step: number, epoch: number, at: number, count: number, sum: number, right: number, seconds: number,
 *   weights: Net.Weights, gradients: Net.Weights, optimizer: {step: number, slots: Record<string, Net.Weights>} | null,
 *   settings: Settings, batches: Point[], rows: Row[], held: Figures | null, lengths: Lengths | null,
 *   label: number | null, rate: number | null, done: boolean, turn: number, tick?: number,
 *   exploded: {step: number, loss: number, first: number, lengths: Lengths, settings: Settings} | null}} Moment
 */

const MOST = 100; // moments that are kept, fewer if they have more numbers than this:
const NUMBERS = 2 ** 24; // 64 MB
const POINTS = 400; // points of a curve

/** @param {Moment} moment @returns {number} the epochs so far, with the part of the last */
export const epochsOf = ({ epoch, at, count }) => epoch + (count ? at / count : 0);

/** @param {Moment} moment @returns {number} the bytes of a moment, in numbers */
function numbersOf({ weights, gradients, optimizer }) {
  const all = [weights, gradients, ...Object.values(optimizer?.slots ?? {})];
  return all.reduce((sum, each) => Object.values(each).reduce((part, { data }) => part + data.length, sum), 0);
}

/** Emits "change" when there is something new to show. */
export class Trainer extends EventTarget {
  /** @param {State} state @param {PageData} data */
  constructor(state, data) {
    super();
    this.state = state;
    this.data = data;
    /** @type {Settings} */
    this.settings = { optimizer: "adam", rate: 0.001, momentum: 0, batch: 32 };
    this.fresh = 0; // how often the weights were drawn
    this.running = false; // only `run` changes it
    /** @type {Moment["exploded"]} */
    this.exploded = null;
    this.error = "";
    /** @type {Worker | null} */
    this.worker = null;
    this.turn = 0;
    this.rate = 0; // images a second
    /** @type {{train: Images, held: Images | null} | null} */
    this.pictures = null;
    /** @type {Moment[]} */
    this.moments = [];
    this.chosen = 0; // of the moments
    this.tick = 0; // the number of the newest
    this.every = 1; // of so many moments one is kept for long
    /** @type {Point[]} */
    this.points = [];
    /** @type {Row[]} the epochs that have ended */
    this.rows = [];
    /** @type {Row[]} the epochs of the run from whose weights training began */
    this.before = [];
    this.stale = true; // whether the worker has other weights than the chosen moment
    this.waiting = false;
    this.beginLoaded();
  }

  /** @returns {Moment} the moment that the page shows */
  get now() {
    return this.moments[this.chosen];
  }

  /** @returns {string} why the network cannot be trained, "" if it can */
  get refusal() {
    const { pictures } = this.data, shape = this.state.network.nodes[0].shape;
    if (pictures === null) return "The page has no pictures with labels, and a network learns from nothing else.";
    if (String(pictures.shape.slice(1)) === String(shape)) return "";
    return `The pictures are (${pictures.shape.slice(1).join(", ")}), and the network takes (${shape.join(", ")}).`;
  }

  /**
   * Begin from these weights, with a new optimizer.
   * @param {Net.Weights} weights
   * @param {Row[]} before the epochs of the run that has them
   */
  begin(weights, before) {
    this.moments = [{ step: 0, epoch: 0, at: 0, count: 0, sum: 0, right: 0, seconds: 0, weights, gradients: {},
                      optimizer: null, settings: this.settings, batches: [], rows: [], held: null, lengths: null, label: null,
                      rate: null, done: true, turn: 0, exploded: null }];
    this.before = before;
    [this.points, this.rows, this.chosen, this.tick, this.every] = [[], [], 0, 0, 1];
  }

  /** Begin from the weights that the page was opened with. */
  beginLoaded() {
    const rows = this.data.run?.history?.epochs ?? [];
    const whole = rows.every((/** @type {Row} */ row) => Object.values(row).every(Number.isFinite));
    this.begin(readSafetensors(fromBase64(this.data.networks[0].weights)).tensors, whole ? rows : []);
  }

  /** Begin from new weights: those of He et al. 2015. */
  beginFresh() {
    const { specification, dtype } = this.state.network;
    this.fresh += 1;
    this.begin(new Network(specification, { dtype, random: generator(this.fresh) }).weights(), []);
  }

  /** @param {number} place of a moment: the page shows it, and training goes on from it */
  choose(place) {
    if (this.running) this.post({ run: 0 });
    this.turn += 1;
    this.run(false);
    this.exploded = null;
    this.chosen = place;
    this.stale = true;
    this.follow();
  }

  /** @param {boolean} on whether it trains: views with much to compute then wait */
  run(on) {
    this.running = on;
    this.state.learning = on;
  }

  /** @param {Partial<Settings>} changed for the next batch */
  set(changed) {
    this.settings = { ...this.settings, ...changed };
    if (!this.stale) this.post({ settings: this.settings });
  }

  /**
   * Train.
   * @param {number} [run] how many batches
   * @param {number} [size] of a batch, if not that of the settings
   */
  async start(run = Infinity, size) {
    this.run(true);
    this.error = "";
    this.tell();
    try {
      await this.prepare();
    } catch (error) {
      this.run(false);
      this.error = /** @type {Error} */ (error).message;
      this.tell();
      return;
    }
    if (!this.running) return;
    if (this.stale) this.cut();
    this.turn += 1;
    this.exploded = null;
    const moment = this.stale ? { moment: this.now } : {};
    this.stale = false;
    this.post({ turn: this.turn, ...moment, settings: this.settings, run, size });
  }

  /** Stop after the batch that is under way: its moment is still to come. */
  pause() {
    if (this.worker === null || this.stale) this.run(false);
    this.post({ run: 0 });
    this.tell();
  }

  /** End the worker; a later start begins another one. */
  end() {
    this.worker?.terminate();
    this.worker = null;
    this.run(false);
    this.stale = true;
  }

  /** @param {Partial<import("./training_worker.js").Message>} message */
  post(message) {
    this.worker?.postMessage({ turn: this.turn, ...message });
  }

  /** Get the pictures, and a worker that has them. */
  async prepare() {
    if (this.refusal) throw new Error(this.refusal);
    this.pictures ??= await this.load();
    if (this.worker !== null) return;
    const { specification, dtype } = this.state.network, seed = this.data.run?.history?.seed ?? 0;
    const worker = startWorker("model/training_worker.js");
    worker.addEventListener("message", ({ data }) => this.take(data));
    worker.addEventListener("error", (event) => this.fail(event.message));
    worker.postMessage({ turn: this.turn, task: { specification, dtype, seed, ...this.pictures } });
    this.worker = worker;
  }

  /** @param {string} message */
  fail(message) {
    this.end();
    this.error = `The worker that trains has ended: ${message}`;
    this.tell();
  }

  /** @returns {Promise<{train: Images, held: Images | null}>} */
  async load() {
    const given = /** @type {import("./source.js").Pictures} */ (this.data.pictures);
    const { scale } = this.data.networks[0].images, { data } = unpack(given, scale), count = given.training;
    const size = data.length / given.labels.length;
    const held = { data: data.slice(count * size), labels: given.labels.slice(count) };
    /** @type {Images} */
    let train = { data: data.slice(0, count * size), labels: given.labels.slice(0, count) };
    if (this.data.server?.training) {
      const whole = await trainingPictures();
      train = { data: unpack(whole, scale).data, labels: whole.labels };
    }
    return { train, held: held.labels.length ? held : null };
  }

  /** Forget what came after the chosen moment. */
  cut() {
    const { now } = this;
    this.moments.length = this.chosen + 1;
    this.points = this.points.filter(({ x }) => x <= epochsOf(now) + 1e-9);
    this.rows.length = Math.min(this.rows.length, now.epoch);
  }

  /** @param {Moment} moment of the worker */
  take(moment) {
    if (moment.turn !== this.turn) return;
    if (moment.rate !== null) this.rate = this.rate ? 0.8 * this.rate + 0.2 * moment.rate : moment.rate;
    this.exploded = moment.exploded;
    if (moment.done) this.run(false);
    if (moment.exploded !== null) {
      this.stale = true; // the page goes back to before the step that was too long
      if (this.now.step === moment.exploded.step - 1 && this.moments.length > 1) this.moments.pop();
      this.chosen = this.moments.length - 1;
      this.follow();
      return;
    }
    this.points.push(...moment.batches);
    this.rows.push(...moment.rows);
    while (this.points.length > POINTS) this.points = inPairs(this.points);
    this.keep(moment);
    this.follow();
  }

  /** @param {Moment} moment the newest; when there are too many, every second one is forgotten */
  keep(moment) {
    const again = moment.step === this.now.step, held = moment.held ?? (again ? this.now.held : null);
    if ((this.now.tick ?? 0) % this.every || again) this.moments.pop();
    this.moments.push({ ...moment, held, batches: [], rows: [], tick: (this.tick += 1) });
    const most = Math.max(2, Math.min(MOST, Math.floor(NUMBERS / numbersOf(moment)))), last = this.tick;
    while (this.moments.length > most) {
      this.every *= 2;
      this.moments = this.moments.filter(({ tick = 0 }) => tick % this.every === 0 || tick === last);
    }
    this.chosen = this.moments.length - 1;
  }

  /** Let the page's state have the weights, once a frame at most. */
  follow() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.state.setWeights(this.now.weights);
      this.dispatchEvent(new Event("change"));
    });
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Point[]} points @returns {Point[]} each two of them as one */
function inPairs(points) {
  return points.flatMap((one, k) => {
    if (k % 2) return [];
    const two = points[k + 1] ?? { ...one, loss: 0, right: 0, count: 0 }, count = one.count + two.count;
    const loss = (one.loss * one.count + two.loss * two.count) / count;
    return [{ x: two.x, loss, right: one.right + two.right, count }];
  });
}
