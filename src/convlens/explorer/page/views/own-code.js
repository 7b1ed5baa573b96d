/** The reader's own functions of tasks 0 to 3, beside the right result: where they differ, and the first wrong number. */

import { Tensor } from "../engine/kernels/tensor.js";
import { largest, painted } from "../model/colours.js";
import { casesOf, FUNCTIONS, reference } from "../model/course-call.js";
import { cellOf, digits, short } from "../model/numbers.js";
import { codeVersion, runCode } from "../model/server.js";
import { pack, unpack } from "../model/source.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";
import { StateView } from "./state-view.js";

/** @typedef {import("../model/course-call.js").Case} Case */
/** @typedef {{array: string, at: number[]}} Cell */
/** One array. apart: own minus right, null if the shapes differ @typedef {{own: Tensor, right: Tensor, apart: Tensor | null}} Result */

const WORDS = /** @type {Record<string, string>} */ ({
  ended: "The code gives no result: ", missing: "There is no file to run: ", raised: "The code raises an exception: ",
  unknown: "Nothing can be said: ",
});
const SHOWN = 40, EVERY = 1000, QUIET = 500; // terms; milliseconds

/** @param {number} value @returns {string} whole numbers as they are */
const text = (value) => (Number.isInteger(value) ? short(value) : digits(value));

/** @param {Tensor} own @param {Tensor} right @returns {Result} */
function compared(own, right) {
  const most = (own.dtype === "float32" ? 1e-4 : 1e-7) * largest(right.data);
  const data = own.data.map((value, k) => (Math.abs(value - right.data[k]) <= most ? 0 : value - right.data[k]));
  return { own, right, apart: String(own.shape) === String(right.shape) ? new Tensor(own.shape, data) : null };
}

/** `<own-code>`: the page sets its `data` and its `state`; the server must offer to run code */
export class OwnCode extends StateView {
  version = 0; // of the files that gave the result, 0 if it is out of date
  #run = 0;
  #visible = false;
  #watching = false;
  #later = 0;
  task = make("select", { ariaLabel: "function", onchange: () => this.choose() }, ...FUNCTIONS.map((name) => make("option", {}, name)));
  choice = make("select", { ariaLabel: "numbers of", onchange: () => this.compute() });
  said = make("div", { role: "status" });
  result = make("div", { className: "result" });
  /** @type {Cell | null} */ cell = null;
  /** @type {Cell[]} */ wrong = [];
  /** @type {Record<string, Result>} */ results = {};
  /** @type {Case | undefined} */ call;
  /** @type {import("../model/course-call.js").Reference | undefined} */ right;

  begin() {
    const again = make("button", { onclick: () => this.compute() }, "run again");
    const controls = [make("label", {}, "function", this.task), make("label", {}, "numbers of", this.choice), again];
    this.replaceChildren(make("div", { className: "controls" }, ...controls), this.said, this.result);
    this.choose();
    this.state.addEventListener("pass", () => {
      this.version = 0;
      clearTimeout(this.#later);
      this.#later = window.setTimeout(() => this.#visible && this.compute(), QUIET);
    });
    new IntersectionObserver((entries) => {
      this.#visible = entries[entries.length - 1].isIntersecting;
      if (this.#visible && this.version === 0) this.compute();
      if (this.#visible) this.watch();
    }).observe(this);
  }

  /** @returns {{name: string, make: () => Case}[]} what the function can be called with */
  get cases() {
    return casesOf(this.state, /** @type {0 | 1 | 2 | 3} */ (this.task.selectedIndex));
  }

  /** Another function was chosen. */
  choose() {
    this.choice.replaceChildren(...this.cases.map(({ name }) => make("option", {}, name)));
    this.version = 0;
    if (this.#visible) this.compute();
  }

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

  /** Call the function, and show what it gives. A later call's answer alone is shown. */
  async compute() {
    const run = ++this.#run, call = this.cases[this.choice.selectedIndex].make();
    const { task, x, w, b, dy, stride, padding, mode, kernel } = call;
    this.version = 0;
    this.say(`${FUNCTIONS[task]} is running …`);
    const arrays = { ...(task > 1 && { [task === 2 ? "dZ" : "dA"]: dy }), A_prev: x, ...(w && b && { W: w, b }) };
    const packed = Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, pack(array)]));
    const answer = await runCode({ task, arrays: packed, stride, ...(w ? { padding } : { mode, kernel }) }).catch((error) => error);
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

  /** @param {import("../model/server.js").Answer} answer */
  show({ version, result = {}, padding, right, error, message, hint, cell }) {
    const call = /** @type {Case} */ (this.call), advice = hint && `Hint: ${hint}.`;
    this.version = version;
    this.results = {};
    this.result.replaceChildren();
    if (error !== undefined) return this.say(`${WORDS[error] ?? ""}${message}.`, advice);
    const verdict = make("strong", { className: right ? "right" : "wrong" }, right ? "right" : "wrong");
    const told = right ? `${FUNCTIONS[call.task]} gives the numbers of the reference` : message;
    this.say(make("span", {}, verdict, `: ${told}.`), advice, call.said && `The call: ${call.said}.`);
    this.right = reference(call, padding);
    for (const [name, each] of Object.entries(result)) {
      const { shape, data } = unpack(each);
      this.results[name] = compared(new Tensor(shape, data), this.right.arrays[name]);
    }
    this.wrong = right ? [] : Object.entries(this.results).flatMap(([array, { apart }]) =>
      [...(apart?.data.entries() ?? [])].filter(([, value]) => value !== 0).map(([k]) => ({ array, at: cellOf(k, apart?.shape ?? []) })));
    this.cell = right ? null : cell ?? this.wrong[0] ?? null;
    this.draw();
  }

  /** @returns {import("../model/keep.js").Named[]} for `keepMenu` */
  keptNumbers() {
    return /** @type {const} */ ([["your result", "own"], ["reference", "right"]]).flatMap(([what, key]) =>
      Object.entries(this.results).map(([name, { [key]: { shape, data } }]) => ({ name: `${what}, ${name}`, shape, data })));
  }

  draw() {
    const rows = Object.entries(this.results).map(([name, each]) => this.maps(name, each));
    this.result.replaceChildren(...(this.cell === null ? [] : [this.arithmetic(this.cell)]), make("div", {}, ...rows));
  }

  /** @param {string} name @param {Result} result @returns {HTMLElement} own, right, and the difference, of one map */
  maps(name, { own, right, apart }) {
    const { shape } = own;
    if (apart === null) return make("p", {}, `${name}: your shape is (${shape.join(", ")}), right is (${right.shape.join(", ")}).`);
    const [down, across] = name === "dW" ? [0, 1] : name === "db" ? [2, 3] : [1, 2], rows = shape[down], columns = shape[across];
    const here = this.cell?.array === name, at = (here && this.cell?.at) || shape.map(() => 0);
    const wrong = apart.data.filter((value) => value !== 0).length;
    /** @param {number} i @param {number} j */
    const place = (i, j) => own.at(at.with(down, i).with(across, j));
    const axes = at.map((index, axis) => (axis === down || axis === across ? ":" : index)).join(", ");
    const most = Math.max(largest(own.data), largest(right.data));
    const pictures = /** @type {const} */ ([
      ["your result", own, most], ["reference", right, most], ["difference", apart, wrong && largest(apart.data)],
    ]);
    const grids = pictures.map(([what, { data }, strongest]) => {
      const caption = `${what}, ${name}[${axes}]`, value = (/** @type {number} */ i, /** @type {number} */ j) => data[place(i, j)];
      /** @param {number} i @param {number} j */
      const mark = (i, j) => `${apart.data[place(i, j)] ? "wrong" : ""} ${here && place(i, j) === own.at(at) ? "chosen" : ""}`;
      if (this.call?.small) return numberGrid({ caption, rows, columns, value, mark });
      const numbers = Array.from({ length: rows * columns }, (_, k) => value(Math.floor(k / columns), k % columns));
      const zoom = Math.max(1, Math.min(20, Math.floor(190 / Math.max(rows, columns))));
      const about = strongest === 0 ? "none" : `the strongest colour is ±${digits(strongest)}`;
      const map = painted(numbers, [rows, columns], zoom, caption, strongest);
      return make("figure", {}, make("figcaption", {}, `${caption}: ${about}`), map);
    });
    const all = wrong === 0 ? "all right" : `${wrong} of ${apart.data.length} numbers wrong, by ${text(largest(apart.data))} at most`;
    return make("div", {}, make("h3", {}, `${name} (${shape.join(", ")}): ${all}`), make("div", { className: "grids" }, ...grids));
  }

  /** @param {Cell} cell @returns {HTMLElement} its two numbers, its terms, and the ways to other cells */
  arithmetic({ array, at }) {
    const right = /** @type {import("../model/course-call.js").Reference} */ (this.right), place = this.call?.place(array, at) ?? null;
    const { own } = this.results[array], { formula, terms, total } = right.terms(array, at);
    const number = this.wrong.findIndex((each) => each.array === array && String(each.at) === String(at));
    /** @param {string} name @param {Cell | undefined} to */
    const way = (name, to) => make("button", { disabled: to === undefined, onclick: () => {
      this.cell = to ?? null;
      this.draw();
      [...this.querySelectorAll("button")].find((each) => each.textContent === name && !each.disabled)?.focus();
    } }, name);
    const row = [way("previous wrong number", this.wrong[number - 1]), way("next wrong number", this.wrong[number + 1])];
    if (place !== null) {
      row.push(make("button", { onclick: () => {
        this.state.set({ mode: place.mode, ...(this.call?.task === 3 && { ties: "all" }) });
        this.state.choose(place.chosen);
        document.querySelector("cnn-network")?.scrollIntoView();
      } }, "show it in the network"));
    }
    const lines = terms.slice(0, SHOWN).map(({ factors, value, note }) =>
      `${factors.map((factor) => text(factor.value)).join(" · ")} = ${text(value)}${note === undefined ? "" : ` (${note})`}`);
    const rest = terms.slice(SHOWN).reduce((sum, { value }) => sum + value, 0);
    if (terms.length > SHOWN) lines.push(`${terms.length - SHOWN} more terms = ${text(rest)}`);
    return make("div", {}, make("h3", {}, `${array}[${at.join(", ")}]: yours is ${text(own.data[own.at(at)])}, right is ${text(total)}`),
      make("p", { className: "controls" }, ...row), make("p", { className: "formula" }, `${formula} = ${text(total)}`),
      make("ol", { className: "terms", tabIndex: 0 }, ...lines.map((line) => make("li", {}, line))));
  }
}

customElements.define("own-code", OwnCode);
