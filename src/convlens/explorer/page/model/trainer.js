/** Training of the page's network: a worker trains, and this keeps its moments, so that one can go back in time. */

import { generator } from "../engine/network/training.js";
import { Network } from "../engine/network/network.js";
import { trainingPictures } from "./server.js";
import { inNextFrame } from "./slices.js";
import { unpack } from "./source.js";
import { startWorker } from "./worker_start.js";

/** @typedef {import("./source.js").PageData} PageData */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./figures.js").Images} Images */
/** @typedef {import("./figures.js").Row} Row */
/** @typedef {{optimizer: "adam" | "sgd", rate: number, momentum: number, batch: number}} Settings */
/**
 * One or more batches, the last at x epochs: the sum of their losses, how many pictures were right, of how many
 * @typedef {{x: number, sum: number, right: number, count: number}} Point
 */
/**
 * The lengths of vectors: of all weights before a step, of their gradient, of the step
 * @typedef {{weights: number, gradient: number, step: number}} Lengths
 */
/**
 * The state of training after `step` batches: `epoch` whole epochs and `at` pictures of `count` of the next, with the
 * sums of their losses and of the right ones. first, mean, weight: the loss of the first batch, and a running mean of
 * the losses, times its weight. batches, rows: what there was since the moment before; gradients, lengths: of the last
 * batch; label: of its only picture; held: what the held-back pictures say; done: whether training stops here
 * @typedef {{step: number, epoch: number, at: number, count: number, sum: number, right: number, seconds: number,
 *   first: number | null, mean: number, weight: number, weights: Net.Weights, gradients: Net.Weights,
 *   optimizer: {step: number, slots: Record<string, Net.Weights>} | null, settings: Settings, batches: Point[], rows: Row[],
 *   held: import("./figures.js").Figures | null, lengths: Lengths | null, label: number | null, rate: number | null,
 *   exploded: {step: number, loss: number, first: number, lengths: Lengths, settings: Settings, batches: Point[]} | null,
 *   done: boolean, turn: number}} Moment
 */

const MOST = 100; // moments that are kept, fewer if they have more numbers than this:
const NUMBERS = 2 ** 24; // 64 MB
const POINTS = 400; // points of a curve

/** @param {Moment} moment @returns {number} the epochs so far, with the part of the last */
export const epochsOf = ({ epoch, at, count }) => epoch + (count ? at / count : 0);

/** @param {Point[]} points at least one @returns {Point} all as one */
export const together = (points) =>
  points.reduce((one, { x, sum, right, count }) => ({ x, sum: one.sum + sum, right: one.right + right, count: one.count + count }));

/** Emits "change" when there is something new to show. */
export class Trainer extends EventTarget {
  /** @type {Settings} */ settings = { optimizer: "adam", rate: 0.001, momentum: 0, batch: 32 };
  fresh = 0; // how often the weights were drawn
  fromLoaded = true; // whether training began from the weights that the page was opened with
  running = false; // only `run` changes it
  /** @type {Moment["exploded"]} */ exploded = null;
  error = "";
  /** @type {Worker | null} */ worker = null;
  turn = 0; // what the worker posts in an earlier one is out of date
  rate = 0; // images a second
  /** @type {{train: Images, held: Images | null} | null} */ pictures = null;
  /** @type {Moment[]} */ moments = [];
  chosen = 0; // of the moments
  /** @type {Row[]} the epochs of the run from whose weights training began */ before = [];

  /** @param {State} state @param {PageData} data */
  constructor(state, data) {
    super();
    this.state = state;
    this.data = data;
    this.loaded = structuredClone(state.network.weights());
    const numbers = Object.values(this.loaded).reduce((sum, w) => sum + 4 * w.data.length, 0); // of a moment with Adam
    this.most = Math.max(2, Math.min(MOST, NUMBERS / numbers));
    this.follow = inNextFrame(() => {
      state.setWeights(this.now.weights, this.fromLoaded && this.now.step === 0);
      this.tell();
    });
    this.beginLoaded();
  }

  /** @returns {Moment} the moment that the page shows */
  get now() {
    return this.moments[this.chosen];
  }

  /** @returns {Point[]} of the curves */
  get points() {
    return this.moments.flatMap(({ batches }) => batches);
  }

  /** @returns {string} why the network cannot be trained, "" if it can */
  get refusal() {
    const { pictures } = this.data, shape = this.state.network.nodes[0].shape;
    if (pictures === null) return "The page has no pictures with labels, and a network learns from nothing else.";
    if (String(pictures.shape.slice(1)) === String(shape)) return "";
    return `The pictures are (${pictures.shape.slice(1).join(", ")}), and the network takes (${shape.join(", ")}).`;
  }

  /** @param {Net.Weights} weights to begin from; choose(0) shows them @param {Row[]} before the epochs of the run that has them */
  begin(weights, before) {
    this.moments = [{ step: 0, epoch: 0, at: 0, count: 0, sum: 0, right: 0, seconds: 0, first: null, mean: 0, weight: 0,
                      weights, gradients: {}, optimizer: null, settings: this.settings, batches: [], rows: [], held: null,
                      lengths: null, label: null, rate: null, exploded: null, done: true, turn: 0 }];
    this.before = before;
    this.chosen = 0;
  }

  /** Begin from the weights that the page was opened with. */
  beginLoaded() {
    const rows = this.data.run?.history?.epochs ?? [];
    this.fromLoaded = true;
    this.begin(this.loaded, rows.every((/** @type {Row} */ row) => Object.values(row).every(Number.isFinite)) ? rows : []);
  }

  /** Begin from new weights: those of He et al. 2015; a frozen layer keeps its own. */
  beginFresh() {
    const { specification, dtype, nodes } = this.state.network;
    this.fresh += 1;
    this.fromLoaded = false;
    const weights = new Network(specification, { dtype, random: generator(this.fresh) }).weights();
    const kept = nodes.filter(({ frozen }) => frozen).flatMap(({ weightNames }) => Object.values(weightNames));
    this.begin({ ...weights, ...Object.fromEntries(kept.map((name) => [name, this.loaded[name]])) }, []);
  }

  /** @param {number} place of a moment: the page shows it, and training goes on from it */
  choose(place) {
    if (this.running) this.post({ run: 0 });
    this.turn += 1;
    this.run(false);
    this.exploded = null;
    this.chosen = place;
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
    if (this.running) this.post({ settings: this.settings });
  }

  /** @param {number} [run] how many batches to train @param {number} [size] of a batch, if not that of the settings */
  async start(run = Infinity, size = 0) {
    this.run(true);
    this.error = "";
    this.tell();
    try {
      await this.prepare();
    } catch (error) {
      return this.fail(/** @type {Error} */ (error).message);
    }
    if (!this.running) return;
    this.moments.length = this.chosen + 1; // what came after it is forgotten
    this.exploded = null;
    this.turn += 1;
    this.post({ moment: this.now, settings: this.settings, run, size });
  }

  /** Stop after the batch that is under way: its moment is still to come. */
  pause() {
    if (this.worker === null) this.run(false);
    this.post({ run: 0 });
    this.tell();
  }

  /** End the worker; a later start begins another one. */
  end() {
    this.worker?.terminate();
    this.worker = null;
    this.run(false);
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
    const { specification, dtype, frozen } = this.state.network, seed = this.data.run?.history?.seed ?? 0;
    this.worker = startWorker("model/training_worker.js");
    this.worker.addEventListener("message", ({ data }) => this.take(data));
    this.worker.addEventListener("error", (event) => this.fail(`The worker that trains has ended: ${event.message}`));
    this.post({ task: { specification, dtype, frozen, seed, ...this.pictures } });
  }

  /** @param {string} error */
  fail(error) {
    this.end();
    this.error = error;
    this.tell();
  }

  /** @returns {Promise<{train: Images, held: Images | null}>} */
  async load() {
    const given = /** @type {import("./source.js").Pictures} */ (this.data.pictures);
    /** @param {import("./source.js").Pictures} pictures @param {number} from @param {number} [to] @returns {Images} */
    const part = (pictures, from, to) => {
      const { data } = unpack(pictures, this.data.networks[0].images.scale), size = data.length / pictures.labels.length;
      return { data: data.slice(from * size, to && to * size), labels: pictures.labels.slice(from, to) };
    };
    const whole = this.data.server?.training ? await trainingPictures() : given, held = part(given, given.training);
    return { train: part(whole, 0, whole.training), held: held.labels.length ? held : null };
  }

  /** @param {Moment} moment of the worker */
  take(moment) {
    if (moment.turn !== this.turn) return;
    if (moment.rate !== null) this.rate = this.rate ? 0.8 * this.rate + 0.2 * moment.rate : moment.rate;
    this.exploded = moment.exploded;
    if (moment.done) this.run(false);
    if (moment.exploded === null) this.keep(moment);
    else if (this.now.step === moment.exploded.step - 1 && this.moments.length > 1) this.moments.pop(); // before the long step
    this.chosen = this.moments.length - 1;
    this.follow();
  }

  /** @param {Moment} moment the newest; when there are too many, one is forgotten whose neighbours are nearest to each other */
  keep(moment) {
    const { moments } = this, again = moment.step === this.now.step;
    moments.push(moment);
    if (again) this.forget(moments.length - 2);
    while (moments.length > this.most) {
      const gaps = moments.slice(2).map(({ step }, k) => step - moments[k].step);
      this.forget(gaps.indexOf(Math.min(...gaps)) + 1);
    }
    if (this.points.length <= POINTS) return;
    for (const each of moments) each.batches = each.batches.flatMap((_, k, all) => (k % 2 ? [] : together(all.slice(k, k + 2))));
  }

  /** @param {number} place of a moment that is not the last: what there was before it belongs to the next one */
  forget(place) {
    const [{ batches, rows }] = this.moments.splice(place, 1), next = this.moments[place];
    next.batches.unshift(...batches);
    next.rows.unshift(...rows);
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }
}
