/** The reader's own functions of tasks 0 to 3, beside the right result: where they differ, and the first wrong number. */

import { Tensor } from "../engine/kernels/tensor.js";
import { largest, paint } from "../model/colours.js";
import { casesOf, FUNCTIONS, references } from "../model/course-call.js";
import { digits, short } from "../model/numbers.js";
import { codeVersion, runCode } from "../model/server.js";
import { pack, unpack } from "../model/source.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";
import { StateView } from "./state-view.js";

/** @typedef {import("../model/course-call.js").Case} Case */
/** @typedef {import("../model/server.js").Answer} Answer */
/** @typedef {{array: string, at: number[]}} Cell */

const WORDS = /** @type {Record<string, string>} */ ({
  ended: "The code gives no result: ", missing: "There is no file to run: ", raised: "The code raises an exception: ", unknown: "Nothing can be said: ",
});
const SHOWN = 40, EVERY = 1000, QUIET = 500; // terms; milliseconds

/** @param {number} value @returns {string} whole numbers as they are */
const text = (value) => (Number.isInteger(value) ? short(value) : digits(value));

/** @param {Record<string, import("../model/source.js").PackedArray>} packed @returns {Record<string, Tensor>} */
function unpacked(packed) {
  return Object.fromEntries(Object.entries(packed).map(([name, each]) => {
    const { shape, data } = unpack(each);
    return [name, new Tensor(shape, data)];
  }));
}

/** `<own-code>`: the page sets its `data` and its `state`; the server must offer to run code */
export class OwnCode extends StateView {
  /** @type {0 | 1 | 2 | 3} */ task = 0;
  choice = 0;
  version = 0;
  #run = 0;
  #visible = false;
  /** @type {number | undefined} */ #later = undefined;
  /** @type {IntersectionObserver | undefined} */ #observer = undefined;
  #changed = () => this.later(QUIET);
  said = make("div", { role: "status" });
  result = make("div", { className: "result" });
  /** @type {Cell | null} */ cell = null;
  /** @type {Cell[]} */ wrong = [];
  /** @type {Record<string, Tensor>} */ own = {};
  /** @type {Case | undefined} */ call;
  /** @type {import("../model/course-call.js").Reference | undefined} */ right;

  begin() {
    this.replaceChildren(make("div", { className: "controls" }), this.said, this.result);
    this.controls();
    this.observe();
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.state !== undefined) this.observe();
  }

  disconnectedCallback() {
    this.#observer?.disconnect();
    this.#observer = undefined;
    this.#visible = false;
    window.clearTimeout(this.#later);
    this.state?.removeEventListener("pass", this.#changed);
  }

  /** Compute while the view can be seen. */
  observe() {
    if (!this.isConnected || this.#observer !== undefined) return;
    this.state.addEventListener("pass", this.#changed);
    this.#observer = new IntersectionObserver((entries) => {
      this.#visible = entries[entries.length - 1].isIntersecting;
      if (this.#visible && this.version === 0) this.compute();
      if (this.#visible) this.watch();
    });
    this.#observer.observe(this);
  }

  /** @param {number} wait milliseconds until the call is made again, if the view can be seen by then */
  later(wait) {
    this.version = 0;
    window.clearTimeout(this.#later);
    this.#later = window.setTimeout(() => (this.#visible ? this.compute() : undefined), wait);
  }

  #watching = false;

  /** Ask each second whether a file was saved, as long as the view can be seen. */
  async watch() {
    if (this.#watching) return;
    this.#watching = true;
    for (; this.#visible; await new Promise((next) => setTimeout(next, EVERY))) {
      if (document.hidden || this.version === 0) continue;
      const found = await codeVersion().catch(() => null);
      if (found !== null && this.version !== 0 && found.version !== this.version) await this.compute();
    }
    this.#watching = false;
  }

  controls() {
    const task = make("select", { ariaLabel: "function" }, ...FUNCTIONS.map((name) => make("option", {}, name)));
    task.selectedIndex = this.task;
    task.addEventListener("change", () => {
      [this.task, this.choice] = [/** @type {0 | 1 | 2 | 3} */ (task.selectedIndex), 0];
      this.controls();
      this.querySelector("select")?.focus();
      this.compute();
    });
    const layer = make("select", { ariaLabel: "numbers of" }, ...casesOf(this.state, this.task).map(({ name }) => make("option", {}, name)));
    layer.selectedIndex = this.choice;
    layer.addEventListener("change", () => {
      this.choice = layer.selectedIndex;
      this.compute();
    });
    const again = make("button", {}, "run again");
    again.addEventListener("click", () => this.compute());
    this.querySelector(".controls")?.replaceChildren(make("label", {}, "function", task), make("label", {}, "numbers of", layer), again);
  }

  /** Call the function, and show what it gives. A later call's answer alone is shown. */
  async compute() {
    const run = ++this.#run;
    const call = casesOf(this.state, this.task)[this.choice].make();
    this.version = 0;
    this.say(`${FUNCTIONS[this.task]} is running …`);
    const { task, x, w, b, dy, stride, padding, mode, kernel } = call;
    const gradient = task < 2 ? {} : { [task === 2 ? "dZ" : "dA"]: dy };
    const arrays = { ...gradient, A_prev: x, ...(w && b && task % 2 === 0 && { W: w, b }) };
    const packed = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, pack(array)]));
    const how = task % 2 === 0 ? { padding } : { mode, kernel };
    /** @type {Answer | Error} */
    const answer = await runCode({ task, arrays: packed, stride, ...how }).catch((error) => error);
    if (run !== this.#run) return;
    this.call = call;
    if (!(answer instanceof Error)) return this.show(answer);
    this.version = (await codeVersion().catch(() => null))?.version ?? 0;
    this.say(`The server gives no answer: ${answer.message}`);
    this.result.replaceChildren();
  }

  /** @param {(string | Node)[]} lines */
  say(...lines) {
    this.said.replaceChildren(...lines.filter((line) => line !== "").map((line) => make("p", {}, line)));
  }

  /** @param {Answer} answer */
  show({ version, result, reference, right, error, message, hint, cell }) {
    const call = /** @type {Case} */ (this.call), about = call.said && `The call: ${call.said}.`;
    this.version = version;
    this.own = unpacked(result ?? {});
    const verdict = make("strong", { className: right ? "right" : "wrong" }, right ? "right" : "wrong");
    const name = FUNCTIONS[this.task];
    if (error !== undefined) {
      this.say(`${WORDS[error] ?? ""}${message}.`, hint && `Hint: ${hint}.`);
      return this.result.replaceChildren();
    }
    const told = right ? `${name} gives the numbers of the reference` : message;
    this.say(make("span", {}, verdict, `: ${told}.`), hint && `Hint: ${hint}.`, about);
    const wanted = reference ? unpacked(reference) : this.own;
    const found = references(call).map((each) => ({ each, apart: apart(each.arrays, wanted) }));
    this.right = found.reduce((best, next) => (next.apart < best.apart ? next : best)).each;
    this.wrong = right ? [] : this.wrongCells();
    this.cell = right ? null : cell ?? this.wrong[0] ?? null;
    this.draw();
  }

  /** @param {string} name @returns {Tensor | null} own minus right, null if the shapes differ */
  difference(name) {
    const own = this.own[name], { shape, data } = /** @type {any} */ (this.right).arrays[name];
    if (String(own.shape) !== String(shape)) return null;
    const most = (own.dtype === "float32" ? 1e-4 : 1e-7) * largest(data);
    return new Tensor(shape, own.data.map((value, k) => (Math.abs(value - data[k]) <= most ? 0 : value - data[k])));
  }

  /** @returns {Cell[]} of all arrays, in order */
  wrongCells() {
    return Object.keys(this.own).flatMap((array) => {
      const apart = this.difference(array), found = /** @type {Cell[]} */ ([]);
      apart?.data.forEach((value, k) => value === 0 || found.push({ array, at: cellOf(k, apart.shape) }));
      return found;
    });
  }

  /** @returns {import("../model/keep.js").Named[]} for `keepMenu` */
  keptNumbers() {
    const of = (/** @type {string} */ what, /** @type {Record<string, Tensor>} */ arrays) =>
      Object.entries(arrays).map(([name, { shape, data }]) => ({ name: `${what}, ${name}`, shape, data }));
    return [...of("your result", this.own), ...(Object.keys(this.own).length && this.right ? of("reference", this.right.arrays) : [])];
  }

  draw() {
    const rows = Object.keys(this.own).map((name) => this.maps(name));
    this.result.replaceChildren(...(this.cell === null ? [] : [this.arithmetic(this.cell)]), make("div", {}, ...rows));
  }

  /** @param {string} name @returns {HTMLElement} own, right, and the difference, of one map */
  maps(name) {
    const own = this.own[name], right = /** @type {any} */ (this.right).arrays[name], apart = this.difference(name);
    if (apart === null) return make("p", {}, `${name}: your shape is (${own.shape.join(", ")}), right is (${right.shape.join(", ")}).`);
    const axes = name === "dW" ? [0, 1] : name === "db" ? [2, 3] : [1, 2], { shape } = own;
    const at = this.cell?.array === name ? this.cell.at : shape.map(() => 0), wrong = apart.data.filter((value) => value !== 0).length;
    /** @param {number} i @param {number} j */
    const place = (i, j) => own.at(at.map((index, axis) => (axis === axes[0] ? i : axis === axes[1] ? j : index)));
    const map = shape.map((_, axis) => (axes.includes(axis) ? ":" : at[axis])).join(", ");
    const most = Math.max(largest(own.data), largest(right.data));
    const pictures = /** @type {const} */ ([["your result", own, most], ["reference", right, most], ["difference", apart, wrong && largest(apart.data)]]);
    const [rows, columns] = [shape[axes[0]], shape[axes[1]]];
    const grids = pictures.map(([what, { data }, strongest]) => {
      const caption = `${what}, ${name}[${map}]`, value = (/** @type {number} */ i, /** @type {number} */ j) => data[place(i, j)];
      /** @param {number} i @param {number} j */
      const mark = (i, j) => `${apart.data[place(i, j)] ? "wrong" : ""} ${this.cell?.array === name && place(i, j) === own.at(at) ? "chosen" : ""}`;
      return this.call?.small ? numberGrid({ caption, rows, columns, value, mark }) : picture(caption, rows, columns, value, strongest);
    });
    const all = wrong === 0 ? "all right" : `${wrong} of ${apart.data.length} numbers wrong, by ${text(largest(apart.data))} at most`;
    return make("div", {}, make("h3", {}, `${name} (${shape.join(", ")}): ${all}`), make("div", { className: "grids" }, ...grids));
  }

  /** @param {Cell} cell @returns {HTMLElement} its two numbers, its terms, and the ways to other cells */
  arithmetic({ array, at }) {
    const right = /** @type {import("../model/course-call.js").Reference} */ (this.right), call = /** @type {Case} */ (this.call);
    const k = this.own[array].at(at), { formula, terms, total } = right.terms(array, at), place = call.place(array, at);
    const row = make("p", { className: "controls" });
    const number = this.wrong.findIndex((each) => each.array === array && String(each.at) === String(at));
    for (const [name, to] of /** @type {const} */ ([["previous wrong number", number - 1], ["next wrong number", number + 1]])) {
      const button = make("button", { disabled: this.wrong[to] === undefined }, name);
      button.addEventListener("click", () => {
        this.cell = this.wrong[to];
        this.draw();
        [...this.querySelectorAll("button")].find((each) => each.textContent === name && !each.disabled)?.focus();
      });
      row.append(button);
    }
    if (place !== null) {
      const button = make("button", {}, "show it in the network");
      button.addEventListener("click", () => {
        this.state.set({ mode: place.mode, ...(this.task === 3 && { ties: "all" }) });
        this.state.choose(place.chosen);
        document.querySelector("cnn-network")?.scrollIntoView();
      });
      row.append(button);
    }
    const list = make("ol", { className: "terms", tabIndex: 0 }, ...terms.slice(0, SHOWN).map(({ factors, value, note }) =>
      make("li", {}, `${factors.map((factor) => text(factor.value)).join(" · ")} = ${text(value)}${note === undefined ? "" : ` (${note})`}`)));
    const rest = terms.slice(SHOWN).reduce((sum, { value }) => sum + value, 0);
    if (terms.length > SHOWN) list.append(make("li", {}, `${terms.length - SHOWN} more terms = ${text(rest)}`));
    const heading = `${array}[${at.join(", ")}]: yours is ${text(this.own[array].data[k])}, right is ${text(total)}`;
    return make("div", {}, make("h3", {}, heading), row, make("p", { className: "formula" }, `${formula} = ${text(total)}`), list);
  }
}

/** @param {Record<string, Tensor>} some @param {Record<string, Tensor>} others @returns {number} the largest difference */
function apart(some, others) {
  let most = 0;
  for (const [name, { shape, data }] of Object.entries(some)) {
    if (String(others[name].shape) !== String(shape)) return Infinity;
    data.forEach((value, k) => (most = Math.max(most, Math.abs(value - others[name].data[k]) || 0)));
  }
  return most;
}

/** @param {number} k @param {number[]} shape @returns {number[]} the index on each axis of the k-th number */
function cellOf(k, shape) {
  return shape.map((size, axis) => Math.floor(k / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
}

/** @param {string} caption @param {number} h @param {number} w @param {(i: number, j: number) => number} value @param {number} most */
function picture(caption, h, w, value, most) {
  const zoom = Math.max(1, Math.min(20, Math.floor(190 / Math.max(h, w)))), small = new OffscreenCanvas(w, h), image = new ImageData(w, h);
  paint(image, Float64Array.from({ length: h * w }, (_, k) => value(Math.floor(k / w), k % w)), 0, 1, most);
  small.getContext("2d")?.putImageData(image, 0, 0);
  const canvas = make("canvas", { width: w * zoom, height: h * zoom, role: "img", ariaLabel: caption });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, w * zoom, h * zoom);
  return make("figure", {}, make("figcaption", {}, `${caption}: ${most === 0 ? "none" : `the strongest colour is ±${digits(most)}`}`), canvas);
}

customElements.define("own-code", OwnCode);
