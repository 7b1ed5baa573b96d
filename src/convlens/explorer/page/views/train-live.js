/** The network learns: curves, kernels with their gradients, a slider back through time, and what to keep of it. */

import { modelFile, saveMoment } from "../model/model_file.js";
import { digits } from "../model/numbers.js";
import { Trainer, epochsOf } from "../model/trainer.js";
import { curve } from "./curve.js";
import { kernelMaps } from "./kernel-maps.js";
import { make } from "./make.js";
import { StateView } from "./state-view.js";

/** @typedef {import("../model/trainer.js").Settings} Settings */

const USUAL = { adam: 0.001, sgd: 0.01 };
const NAMES = { adam: "Adam", sgd: "SGD" };

/** @param {number} part @returns {string} */
const percent = (part) => `${(100 * part).toFixed(1)} %`;

/** `<train-live>`; the page sets its `data`, then its `state`, or it has data="ID" */
export class TrainLive extends StateView {
  /** @type {Trainer | undefined} */
  trainer;
  status = make("p", { className: "status" });
  note = make("p", { className: "note", hidden: true });
  curves = make("div", { className: "curves" });
  kernels = make("div", { className: "grids" });
  table = make("details", {}, make("summary", {}, "the figures as a table"));
  slider = make("input", { type: "range", min: "0", max: "0", value: "0", ariaLabel: "back through time" });
  when = make("output");
  #moment = /** @type {object | undefined} */ (undefined); // of which something was kept
  /** @type {Record<string, HTMLButtonElement>} */
  buttons = {};
  kept = make("p", { className: "note", hidden: true });
  layer = make("select", { ariaLabel: "layer of the kernels" });

  begin() {
    const trainer = (this.trainer = new Trainer(this.state, this.data));
    for (const said of [this.note, this.kept]) said.setAttribute("role", "status");
    if (trainer.refusal) {
      const advice = "A run comes with its data; convlens explore says when it starts why it found none.";
      this.replaceChildren(make("p", { className: "note" }, `This network cannot be trained here. ${trainer.refusal} ${advice}`));
      return;
    }
    const nodes = this.state.network.nodes.filter(({ weights }) => weights.kernel);
    this.layer.append(...nodes.map(({ id, name }) => make("option", { value: String(id) }, name)));
    this.layer.addEventListener("change", () => this.draw());
    this.slider.addEventListener("input", () => trainer.choose(Number(this.slider.value)));
    this.table.addEventListener("toggle", () => this.draw());
    trainer.addEventListener("change", () => this.draw());
    this.state.addEventListener("repaint", () => this.draw());
    const run = make("div", { className: "controls" }, this.button("start", "start", () => this.toggle()),
                     this.button("batch", "one batch", () => trainer.start(1)),
                     this.button("image", "one image", () => trainer.start(1, 1)), ...this.fields());
    const again = make("div", { className: "controls" }, "Begin again from ",
                       this.button("fresh", "fresh weights", () => this.again(() => trainer.beginFresh())),
                       this.button("loaded", "the loaded weights", () => this.again(() => trainer.beginLoaded())));
    const time = make("div", { className: "stepper" }, make("label", {}, "back in time ", this.slider), this.when);
    const maps = make("label", {}, "kernels of ", this.layer);
    const keep = make("div", { className: "controls" }, "Keep this moment: ",
                      this.button("download", "download the weights", () => this.keep(() => this.download())),
                      this.button("save", "save as a run", () => this.keep(() => this.save())));
    this.buttons.save.hidden = !this.data.server?.save;
    this.replaceChildren(again, run, this.status, this.note, time, this.curves, this.table,
                         ...(nodes.length ? [maps, this.kernels] : []), keep, this.kept);
    this.draw();
  }

  disconnectedCallback() {
    this.trainer?.end();
  }

  /** @param {string} key @param {string} text @param {() => void} act @returns {HTMLButtonElement} */
  button(key, text, act) {
    const button = make("button", {}, text);
    button.addEventListener("click", act);
    this.buttons[key] = button;
    return button;
  }

  toggle() {
    const { trainer } = this;
    if (trainer?.running) trainer.pause();
    else trainer?.start();
  }

  /** @param {() => void} begin */
  again(begin) {
    this.trainer?.pause();
    begin();
    this.trainer?.choose(0);
  }

  /** @returns {HTMLElement[]} the settings */
  fields() {
    const trainer = /** @type {Trainer} */ (this.trainer), optimizer = make("select", {});
    optimizer.append(...Object.entries(NAMES).map(([value, name]) => make("option", { value }, name)));
    const rate = this.field("learning rate", "rate", (value) => value > 0);
    const momentum = this.field("momentum", "momentum", (value) => value >= 0 && value < 1);
    momentum.hidden = true;
    optimizer.addEventListener("change", () => {
      trainer.set({ optimizer: /** @type {Settings["optimizer"]} */ (optimizer.value) });
      momentum.hidden = optimizer.value === "adam";
    });
    const batch = this.field("batch size", "batch", (value) => Number.isInteger(value) && value >= 1 && value <= 4096);
    return [make("label", {}, "optimizer ", optimizer), rate, momentum, batch];
  }

  /**
   * @param {string} text
   * @param {"rate" | "momentum" | "batch"} name
   * @param {(value: number) => boolean} fits other numbers are taken back
   * @returns {HTMLElement}
   */
  field(text, name, fits) {
    const trainer = /** @type {Trainer} */ (this.trainer);
    const input = make("input", { inputMode: "decimal", value: String(trainer.settings[name]), size: 6 });
    input.addEventListener("change", () => {
      const value = Number(input.value.trim().replace(",", "."));
      if (input.value.trim() && fits(value)) trainer.set({ [name]: value });
      else input.value = String(trainer.settings[name]);
    });
    return make("label", {}, `${text} `, input);
  }

  draw() {
    const trainer = /** @type {Trainer} */ (this.trainer), { now, moments, running } = trainer, last = moments.length - 1;
    const past = trainer.chosen < last;
    this.buttons.start.textContent = running ? "pause" : past ? "go on from here" : "start";
    for (const name of ["batch", "image"]) this.buttons[name].disabled = running;
    for (const name of ["download", "save"]) this.buttons[name].disabled = running || now.step === 0;
    this.slider.max = String(last);
    this.slider.value = String(trainer.chosen);
    this.slider.disabled = last === 0;
    this.when.textContent = `moment ${trainer.chosen + 1} of ${last + 1}, ${epochsOf(now).toFixed(2)} epochs`;
    if (this.#moment !== now) this.kept.hidden = true;
    this.slider.ariaValueText = this.when.textContent;
    this.say();
    this.drawCurves();
    if (this.table.open) this.table.replaceChildren(this.table.children[0], this.figures());
    const node = this.state.network.nodes[Number(this.layer.value)], name = node?.weightNames.kernel;
    if (name === undefined) return;
    this.kernels.replaceChildren(
      kernelMaps(`kernels of ${node.name}`, now.weights[name]),
      kernelMaps("their gradients in the last batch", now.gradients[name]),
    );
  }

  /** @param {() => Promise<(Node | string)[]>} act what it says is shown, and so is its error */
  async keep(act) {
    const said = await act().catch((error) => [`It could not be kept: ${error.message}`]);
    this.kept.replaceChildren(...said);
    this.kept.hidden = false;
    this.#moment = this.trainer?.now;
  }

  /** @returns {Promise<string[]>} */
  async download() {
    const content = await modelFile(this.data.networks[0].about, /** @type {Trainer} */ (this.trainer).now.weights);
    const href = URL.createObjectURL(new Blob([content]));
    make("a", { href, download: "model.safetensors" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
    const file = "The file model.safetensors has the network with these weights";
    return [`${file}: convlens.load_model takes it, and convlens explore model.safetensors.`];
  }

  /** @returns {Promise<(Node | string)[]>} */
  async save() {
    const { run, epochs } = await saveMoment(/** @type {Trainer} */ (this.trainer));
    const folder = /^[\w./-]+$/.test(run) ? run : `'${run}'`;
    const commands = [`convlens evaluate --run ${folder}`, `convlens train --resume --run ${folder} --epochs ${epochs + 5}`];
    const said = `The run is in ${run}, with ${epochs} ${epochs === 1 ? "epoch" : "epochs"}. To test it, and to go on with it: `;
    return [said, ...commands.map((each) => make("code", {}, each))];
  }

  /** What the moment is, and whether something went wrong. */
  say() {
    const trainer = /** @type {Trainer} */ (this.trainer), { now, rate, exploded, error } = trainer;
    const parts = [now.step === 1 ? "1 batch" : `${now.step} batches`];
    const before = trainer.points.filter(({ x }) => x <= epochsOf(now) + 1e-9).pop();
    if (before) parts.push(`training loss ${digits(before.loss)}`);
    if (now.label !== null) parts.push(`the picture was of class ${this.state.names[now.label]}`);
    if (now.held) parts.push(`held-back pictures: loss ${digits(now.held.loss)}, ${percent(now.held.accuracy)} right`);
    if (now.lengths) parts.push(`length of the gradient ${digits(now.lengths.gradient)}, of the step ${digits(now.lengths.step)}`);
    this.status.replaceChildren(`${parts.join("; ")}. `);
    if (rate) this.status.append(make("span", { className: "rate" }, `${Math.round(rate)} images/s`));
    if (now.step === 0) this.status.append(this.source());
    const text = error || (exploded ? explosion(exploded) : "");
    this.note.hidden = text === "";
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  /** @returns {string} on what it trains */
  source() {
    const { pictures, running, fresh } = /** @type {Trainer} */ (this.trainer), whole = this.data.server?.training;
    if (whole && !pictures) return running ? " The training part is being loaded …" : " It trains on the training part of the data.";
    const trained = this.data.run === null || fresh > 0 ? "" : " This network has learned already: begin again from fresh weights to see it learn.";
    return ` It trains on ${pictures?.train.labels.length ?? this.data.pictures?.training} pictures.${trained}`;
  }

  /** @returns {import("../model/keep.js").Named[]} the curves, for `keepMenu` */
  keptNumbers() {
    const { points, moments } = /** @type {Trainer} */ (this.trainer), held = moments.filter((moment) => moment.held);
    const named = (/** @type {string} */ name, /** @type {number[]} */ data) => (data.length ? [{ name, shape: [data.length], data }] : []);
    return [
      ...named("epochs of the batches", points.map(({ x }) => x)), ...named("training loss", points.map(({ loss }) => loss)),
      ...named("training accuracy", points.map(({ right, count }) => right / count)),
      ...named("epochs of the held-back figures", held.map(epochsOf)), ...named("held-back loss", held.map((each) => each.held?.loss ?? NaN)),
      ...named("held-back accuracy", held.map((each) => each.held?.accuracy ?? NaN)),
    ];
  }

  drawCurves() {
    const { points, moments, now } = /** @type {Trainer} */ (this.trainer);
    const held = moments.flatMap((moment) => (moment.held ? [{ x: epochsOf(moment), ...moment.held }] : []));
    const mark = moments.length > 1 ? epochsOf(now) : null, most = Math.max(0, ...[...points, ...held].map(({ loss }) => loss)) || 1;
    const losses = points.map(({ x, loss }) => [x, loss]), right = points.map(({ x, right: r, count }) => [x, r / count]);
    this.curves.replaceChildren(
      figure("loss", digits, { mark, most, line: losses, dots: held.map(({ x, loss }) => [x, loss]) }),
      figure("accuracy", percent, { mark, most: 1, line: right, dots: held.map(({ x, accuracy }) => [x, accuracy]) }),
    );
  }

  /** @returns {HTMLTableElement} a row for each moment */
  figures() {
    const { points, moments } = /** @type {Trainer} */ (this.trainer), table = make("table", { className: "figures" });
    const head = ["batches", "epochs", "training loss", "training accuracy", "held-back loss", "held-back accuracy"];
    table.createTHead().append(make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text))));
    const body = table.createTBody();
    moments.forEach((moment, k) => {
      const from = k ? epochsOf(moments[k - 1]) : -1, to = epochsOf(moment);
      const some = points.filter(({ x }) => x > from + 1e-9 && x <= to + 1e-9);
      const [loss, right, count] = some.reduce(([a, b, c], each) => [a + each.loss * each.count, b + each.right, c + each.count], [0, 0, 0]);
      const cells = [String(moment.step), to.toFixed(2), ...(count ? [digits(loss / count), percent(right / count)] : ["", ""]),
                     ...(moment.held ? [digits(moment.held.loss), percent(moment.held.accuracy)] : ["", ""])];
      body.append(make("tr", {}, ...cells.map((text) => make("td", {}, text))));
    });
    return table;
  }
}

/**
 * @param {string} name
 * @param {(value: number) => string} written
 * @param {Omit<Parameters<typeof curve>[0], "text" | "x">} options
 * @returns {HTMLElement} a curve with its key
 */
function figure(name, written, options) {
  const ends = [options.line, options.dots].map((each) => [each[0], each[each.length - 1]].map((at) => at && written(at[1])));
  const [[from, to], [first, last]] = ends, held = first ? `, of the held-back pictures from ${first} to ${last}` : "";
  const text = from ? `${name} of the training batches from ${from} to ${to}${held}` : `${name}: nothing yet`;
  const keys = { line: "training batches", held: "held-back pictures" };
  const key = Object.entries(keys).map(([kind, each]) => make("span", { className: `key ${kind}` }, each));
  return make("figure", {}, make("figcaption", {}, `${name} `, ...key), curve({ ...options, text, x: "epochs" }));
}

/** @param {NonNullable<import("../model/trainer.js").Moment["exploded"]>} found @returns {string} why training has stopped */
function explosion({ step, loss, first, lengths, settings }) {
  const size = (/** @type {number} */ value) => (Number.isFinite(value) ? digits(value) : "no number any more");
  const usual = USUAL[settings.optimizer], advice = Math.min(settings.rate / 10, usual);
  return [
    `Training has exploded and was stopped at batch ${step}.`,
    `The loss was ${size(first)} at the beginning and is ${size(loss)} now.`,
    `The learning rate is ${settings.rate}; ${NAMES[settings.optimizer]} usually has ${usual}.`,
    `The gradient had the length ${size(lengths.gradient)}, and the step moved the weights by ${size(lengths.step)},`,
    `while all weights together had the length ${size(lengths.weights)}.`,
    "The gradient is the slope at one point: a step this long goes far beyond where it holds, so the loss rises.",
    "The page shows a moment before that step. Go back in time or begin again, with a learning rate such as",
    `${Number(advice.toPrecision(2))}.`,
  ].join(" ");
}

customElements.define("train-live", TrainLive);
