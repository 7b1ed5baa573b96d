/** The network learns: curves, kernels with their gradients, a slider back through time, and what to keep of it. */

import { download } from "../model/keep.js";
import { modelFile, saveMoment } from "../model/model_file.js";
import { largest } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { Trainer, epochsOf, together } from "../model/trainer.js";
import { curve } from "./curve.js";
import { kernelMaps, moved } from "./kernel-maps.js";
import { make } from "./make.js";
import { glance } from "./network-answer.js";
import { StateView } from "./state-view.js";

/** @typedef {import("../model/trainer.js").Moment} Moment */
/** @typedef {import("../model/trainer.js").Point} Point */
/** @typedef {import("./curve.js").Figures} Figures */

const OPTIMIZERS = {
  adam: { name: "Adam", usual: 0.001, about: "Adam gives each weight a step size of its own, from its earlier gradients" },
  sgd: { name: "SGD", usual: 0.01, about: "SGD takes the gradient times the learning rate, and momentum adds a part of the step before" },
};

/** @param {number} part @returns {string} */
const percent = (part) => `${(100 * part).toFixed(1)} %`;

/** @param {Point} point @returns {Figures} */
const figuresOf = ({ x, sum, right, count }) => ({ x, loss: sum / count, accuracy: right / count });

/** `<train-live>`; the page sets its `data`, then its `state`, or it has data="ID" */
export class TrainLive extends StateView {
  trainer = /** @type {Trainer} */ (/** @type {unknown} */ (undefined)); // set by `begin`
  status = make("p", { className: "status" });
  note = make("p", { className: "note", hidden: true, role: "status" });
  curves = make("div", { className: "curves" });
  glance = /** @type {HTMLElement} */ (make("figure"));
  why = make("p", { className: "soft" });
  kernels = make("div", { className: "grids" });
  table = make("details", { ontoggle: () => this.draw() }, make("summary", {}, "the figures as a table"));
  slider = make("input", { type: "range", ariaLabel: "back through time", oninput: () => this.trainer.choose(Number(this.slider.value)) });
  when = make("output");
  /** @type {Moment | undefined} of which something was kept */ #kept = undefined;
  /** @type {Record<string, HTMLButtonElement>} */ buttons = {};
  kept = make("p", { className: "note", hidden: true, role: "status" });
  layer = make("select", { ariaLabel: "layer of the kernels", onchange: () => this.draw() });

  begin() {
    const trainer = (this.trainer = new Trainer(this.state, this.data));
    if (trainer.refusal) {
      const advice = "A run comes with its data; convlens explore says when it starts why it found none.";
      this.replaceChildren(make("p", { className: "note" }, `This network cannot be trained here. ${trainer.refusal} ${advice}`));
      return;
    }
    const nodes = this.withKernel;
    this.glance = glance(this.state, this.data.networks[0].images.scale);
    this.layer.append(...nodes.map(({ id, name }) => make("option", { value: String(id) }, name)));
    trainer.addEventListener("change", () => this.draw());
    this.state.addEventListener("repaint", () => this.draw());
    const controls = (/** @type {(Node | string)[]} */ ...parts) => make("div", { className: "controls" }, ...parts);
    const snapshot = "A moment is a snapshot of the weights, with the optimizer's state";
    this.replaceChildren(
      controls("Begin again from ", this.button("fresh", "fresh weights", () => this.again(() => trainer.beginFresh())),
        this.button("loaded", "the loaded weights", () => this.again(() => trainer.beginLoaded()))),
      controls(this.button("start", "start", () => (trainer.running ? trainer.pause() : trainer.start())),
        this.button("batch", "one batch", () => trainer.start(1)), this.button("image", "one image", () => trainer.start(1, 1)),
        ...this.settings()),
      this.status, this.note,
      make("div", { className: "stepper" }, make("label", { title: snapshot }, "back in time ", this.slider), this.when),
      this.curves, this.why, this.table, ...(nodes.length ? [make("label", {}, "kernels of ", this.layer), this.kernels] : []),
      controls("Keep this moment: ", this.button("download", "download the weights", () => this.keep(() => this.download())),
        this.button("save", "save as a run", () => this.keep(() => this.save()))),
      this.kept,
    );
    this.buttons.save.hidden = !this.data.server?.save;
    this.draw();
  }

  get withKernel() {
    return this.state.network.nodes.filter(({ weights }) => weights.kernel);
  }

  disconnectedCallback() {
    this.trainer?.end();
  }

  /** @param {string} key @param {string} text @param {() => void} act @returns {HTMLButtonElement} */
  button(key, text, act) {
    return (this.buttons[key] = make("button", { onclick: act }, text));
  }

  /** @param {() => void} begin */
  again(begin) {
    begin();
    this.trainer.choose(0);
  }

  /** @returns {HTMLElement[]} the settings, and what they mean */
  settings() {
    const momentum = this.field("momentum", "momentum", (value) => value >= 0 && value < 1, "The part of the step before that is added");
    const options = Object.entries(OPTIMIZERS).map(([value, { name }]) => make("option", { value }, name));
    const about = make("span", { className: "soft" });
    const choose = () => {
      const kind = /** @type {keyof typeof OPTIMIZERS} */ (optimizer.value);
      momentum.hidden = kind === "adam";
      about.textContent = `The optimizer turns gradients into steps: ${OPTIMIZERS[kind].about}.`;
      this.trainer.set({ optimizer: kind });
    };
    const optimizer = make("select", { onchange: choose }, ...options);
    choose();
    return [
      make("label", { title: "The rule that turns the gradients of a batch into a step of the weights" }, "optimizer ", optimizer),
      this.field("learning rate", "rate", (value) => value > 0, "How long a step is"), momentum,
      this.field("batch size", "batch", (value) => Number.isInteger(value) && value >= 1 && value <= 4096, "The pictures of one step"),
      about,
    ];
  }

  /**
   * @param {string} text
   * @param {"rate" | "momentum" | "batch"} name
   * @param {(value: number) => boolean} fits other numbers are taken back
   * @param {string} title
   * @returns {HTMLElement}
   */
  field(text, name, fits, title) {
    const { trainer } = this, input = make("input", { inputMode: "decimal", value: String(trainer.settings[name]), size: 6 });
    input.onchange = () => {
      const value = Number(input.value.trim().replace(",", "."));
      if (input.value.trim() && fits(value)) trainer.set({ [name]: value });
      else input.value = String(trainer.settings[name]);
    };
    return make("label", { title }, `${text} `, input);
  }

  draw() {
    const { now, moments, chosen, running } = this.trainer, last = moments.length - 1;
    const { start, batch, image, download: get, save } = this.buttons;
    start.textContent = running ? "pause" : chosen < last ? "go on from here" : "start";
    batch.disabled = image.disabled = running;
    get.disabled = save.disabled = running || now.step === 0;
    const epochs = `${epochsOf(now).toFixed(2)} epochs (passes over the pictures)`;
    this.when.textContent = `moment ${chosen + 1} of ${last + 1} (the weights are kept at each), ${epochs}`;
    Object.assign(this.slider, { max: last, value: chosen, disabled: last === 0, ariaValueText: this.when.textContent });
    if (this.#kept !== now) this.kept.hidden = true;
    this.say();
    this.drawCurves();
    if (this.table.open) this.table.replaceChildren(this.table.children[0], ...this.steepness(), this.figures());
    const node = this.state.network.nodes[Number(this.layer.value)], name = node?.weightNames.kernel;
    if (name === undefined) return;
    const { shape, data } = now.weights[name], old = moments[0].weights[name], most = Math.max(largest(old.data), largest(data));
    const parts = this.withKernel.map((each) => `${each.name} ${percent(moved(moments[0].weights, now.weights, each.weightNames.kernel))}`);
    if (now.step === 0) return this.kernels.replaceChildren(kernelMaps(`kernels of ${node.name}`, old));
    this.kernels.replaceChildren(
      kernelMaps("before the training", old, most), kernelMaps(`kernels of ${node.name} now`, now.weights[name], most),
      kernelMaps("what training has changed, now − before", { shape, data: data.map((value, k) => value - old.data[k]) }),
      kernelMaps("their gradients in the last batch", now.gradients[name]),
      make("p", { className: "soft" }, `How far the kernels of each layer have moved, as a part of their length: ${parts.join(", ")}.`),
    );
  }

  /** @param {() => Promise<(Node | string)[]>} act what it says is shown, and so is its error */
  async keep(act) {
    this.kept.replaceChildren(...(await act().catch((error) => [`It could not be kept: ${error.message}`])));
    this.kept.hidden = false;
    this.#kept = this.trainer.now;
  }

  /** @returns {Promise<string[]>} */
  async download() {
    const content = await modelFile(this.data.networks[0].about, this.trainer.now.weights);
    download("model.safetensors", "application/octet-stream", content);
    const file = "The file model.safetensors has the network with these weights";
    return [`${file}: convlens.load_model takes it, and convlens explore model.safetensors.`];
  }

  /** @returns {Promise<(Node | string)[]>} */
  async save() {
    const { run, epochs } = await saveMoment(this.trainer), folder = /^[\w./-]+$/.test(run) ? run : `'${run}'`;
    const commands = [`convlens evaluate --run ${folder}`, `convlens train --resume --run ${folder} --epochs ${epochs + 5}`];
    const said = `The run is in ${run}, with ${epochs} ${epochs === 1 ? "epoch" : "epochs"}. To test it, and to go on with it: `;
    return [said, ...commands.map((each) => make("code", {}, each))];
  }

  /** What the moment is, and whether something went wrong. */
  say() {
    const { now, rate, exploded, error, moments, chosen } = this.trainer, one = now.step === 1;
    const parts = [`${one ? "1 batch" : `${now.step} batches`}${now.label === null ? "" : `, ${one ? "" : "the last "}of 1 image (class ${this.state.names[now.label]})`}`];
    const before = moments.slice(0, chosen + 1).flatMap(({ batches }) => batches).pop();
    if (before) parts.push(`training loss ${digits(before.sum / before.count)}`);
    if (now.held) parts.push(`held-back pictures (not trained on): loss ${digits(now.held.loss)}, ${percent(now.held.accuracy)} right`);
    this.status.replaceChildren(`${parts.join("; ")}. `);
    if (rate && now.step > 0) this.status.append(make("span", { className: "rate" }, `${Math.round(rate)} images/s.`));
    if (now.step === 0) this.status.append(this.source());
    this.why.textContent = this.byHeart(moments.slice(0, chosen + 1).flatMap(({ batches }) => batches));
    const text = error || (exploded ? explosion(exploded) : "");
    this.note.hidden = text === "";
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  /** @returns {string} on what it trains */
  source() {
    const { pictures, running, fresh } = this.trainer, rest = "others are held back, to test what it has learned";
    const part = `the training part of the data; ${rest}`;
    if (this.data.server?.training && !pictures) return running ? " The training part is being loaded …" : ` It trains on ${part}.`;
    const learned = "This network has learned already: begin again from fresh weights to see it learn.";
    const count = pictures?.train.labels.length ?? this.data.pictures?.training;
    return ` It trains on ${count} pictures; ${rest}. ${this.data.run === null || fresh > 0 ? "" : learned}`;
  }

  /** @param {Point[]} points so far @returns {string} why held-back pictures go worse than those of the training, if they do */
  byHeart(points) {
    const { now: { held }, pictures } = this.trainer, last = points.slice(-8), few = pictures?.train.labels.length ?? 0;
    if (held === null || !last.length || together(last).right / together(last).count < held.accuracy + 0.05) return "";
    const [{ seconds, images_per_second: rate } = {}] = this.data.run?.history?.epochs ?? [], many = Math.round(seconds * rate);
    const run = many > 2 * few ? ` The run itself was trained on ${many.toLocaleString("en")}.` : "";
    return `It is right more often on the pictures that it trains on than on those held back: they are only ${few.toLocaleString("en")}, and it learns them by heart.${run}`;
  }

  /** @returns {HTMLElement[]} how steep the loss was in the last batch, and how long the step */
  steepness() {
    const { lengths } = this.trainer.now;
    return lengths === null ? [] : [make("p", {}, `Last batch: the gradient of all weights has the length ${digits(lengths.gradient)} (how steep the loss is), the step ${digits(lengths.step)}.`)];
  }

  /** @returns {{line: Figures[], dots: Figures[]}} of the training batches, of the held-back pictures */
  get found() {
    const { points, moments, exploded } = this.trainer;
    return {
      line: [...points, ...(exploded?.batches ?? [])].map(figuresOf),
      dots: moments.flatMap((moment) => (moment.held ? [{ x: epochsOf(moment), ...moment.held }] : [])),
    };
  }

  /** @returns {import("../model/keep.js").Named[]} the curves, for `keepMenu` */
  keptNumbers() {
    const { line, dots } = this.found, fields = /** @type {const} */ (["x", "loss", "accuracy"]);
    const names = [["epochs of the batches", "training loss", "training accuracy"],
                   ["epochs of the held-back figures", "held-back loss", "held-back accuracy"]];
    return [line, dots].flatMap((figures, k) => (figures.length === 0 ? [] : fields.map((field, column) => (
      { name: names[k][column], shape: [figures.length], data: figures.map((each) => each[field]) }))));
  }

  drawCurves() {
    const { moments, now } = this.trainer, { line, dots } = this.found, mark = moments.length > 1 ? epochsOf(now) : null;
    const { exploded, points } = this.trainer, usual = Math.max(0, ...[...(exploded ? points.map(figuresOf) : line), ...dots].map(({ loss }) => loss));
    const most = exploded ? 2 * Math.max(usual, exploded.first) : usual || 1; // what is larger goes through the top
    this.curves.replaceChildren(this.glance, curve("loss", digits, most, line, dots, mark), curve("accuracy", percent, 1, line, dots, mark));
  }

  /** @returns {HTMLTableElement} a row for each moment */
  figures() {
    const head = ["batches", "epochs", "training loss", "training accuracy", "held-back loss", "held-back accuracy"];
    const both = (/** @type {{loss: number, accuracy: number} | null} */ of) => (of ? [digits(of.loss), percent(of.accuracy)] : ["", ""]);
    const rows = this.trainer.moments.map((moment) => [String(moment.step), epochsOf(moment).toFixed(2),
      ...both(moment.batches.length ? figuresOf(together(moment.batches)) : null), ...both(moment.held)]);
    return make("table", { className: "figures" },
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((text) => make("td", {}, text))))));
  }
}

/** @param {NonNullable<Moment["exploded"]>} found @returns {string} why training has stopped */
function explosion({ step, loss, first, lengths, settings }) {
  const size = (/** @type {number} */ value) => (Number.isFinite(value) ? digits(value) : "no number any more");
  const { name, usual } = OPTIMIZERS[settings.optimizer], advice = Math.min(settings.rate / 10, usual);
  return [
    `Training has exploded and was stopped at batch ${step}.`,
    `The loss was ${size(first)} at the beginning and is ${size(loss)} now.`,
    `The learning rate is ${settings.rate}; ${name} usually has ${usual}.`,
    `The gradient had the length ${size(lengths.gradient)}, and the step moved the weights by ${size(lengths.step)},`,
    `while all weights together had the length ${size(lengths.weights)}.`,
    "The gradient is the slope at one point: a step this long goes far beyond where it holds, so the loss rises.",
    "The page shows a moment before that step. Go back in time or begin again, with a learning rate such as",
    `${Number(advice.toPrecision(2))}.`,
  ].join(" ");
}

customElements.define("train-live", TrainLive);
