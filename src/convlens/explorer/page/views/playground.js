/** What the two playgrounds share: the geometry's controls, the steps through the windows, and the presets. */

import { sizeOf } from "../engine/kernels/tensor.js";
import { pair, plan } from "../engine/ops/geometry.js";
import { make } from "./make.js";

/** @typedef {[number, number]} Pair */
/**
 * @typedef {Object} Setting
 * @property {Pair} size (h, w)
 * @property {Pair} kernel
 * @property {Pair} stride
 * @property {"valid" | "same" | "course" | "explicit"} padding
 * @property {[Pair, Pair]} pads the numbers of explicit padding
 * @property {boolean} backward
 */
/** expert: it is about programs, not about the idea @typedef {{name: string, setting: Record<string, unknown>, note: string, expert?: boolean}} Preset */

const LARGEST = 9;
/** @type {Record<string, string>} */
const PADDINGS = { valid: "none (valid)", same: "as much as keeps the size (same)", course: "the course's same", explicit: "by hand (explicit)" };
const SECONDS = 0.8; // between two steps of the animation

/** A custom element with a window that moves over a small grid of numbers. */
export class Playground extends HTMLElement {
  /** @type {Setting} */
  setting = { size: [5, 6], kernel: [3, 2], stride: [1, 1], padding: "valid", pads: [[0, 0], [0, 0]], backward: false };
  step = 0;
  note = "";
  backwardWords = ""; // what the gradients are
  /** @type {number | undefined} */
  timer = undefined;
  /** Stays open while the rest is drawn again */
  experts = make("details", { className: "presets" });

  connectedCallback() {
    this.experts.replaceChildren(make("summary", {}, "for programmers"), ...this.presets().filter(({ expert }) => expert).map((each) => this.presetButton(each)));
    for (const name of /** @type {const} */ (["size", "kernel", "stride"])) {
      const numbers = this.getAttribute(name)?.split(/\D+/).map(Number);
      if (numbers?.length) this.setting[name] = pair(numbers.length === 1 ? numbers[0] : numbers);
    }
    const padding = this.getAttribute("padding");
    if (padding !== null) this.setting.padding = /** @type {Setting["padding"]} */ (padding);
    this.setting.backward = this.hasAttribute("backward");
    this.change({});
  }

  disconnectedCallback() {
    this.stop();
  }

  /** @returns {Preset[]} */
  presets() {
    return [];
  }

  /** Compute everything for the setting. To be overridden, as `views` and `arithmetic`. */
  compute() {}

  /** @returns {HTMLElement[]} the grids */
  views() {
    return [];
  }

  /** @returns {string} the sum of the present window */
  arithmetic() {
    return "";
  }

  /** @returns {{pads: [Pair, Pair], out: Pair}} */
  get plan() {
    const { size, kernel, stride, padding, pads } = this.setting;
    return plan(size, kernel, stride, padding === "explicit" ? pads : padding);
  }

  /** @returns {number} the number of windows */
  get windows() {
    const [oh, ow] = this.plan.out;
    return oh * ow;
  }

  /** @returns {Pair} the row and column of the present window in the output */
  get window() {
    const [, ow] = this.plan.out;
    return [Math.floor(this.step / ow), this.step % ow];
  }

  /**
   * @param {number} r a row of the padded input
   * @param {number} s a column of it
   * @returns {string} class names: padding, in the present window, in no window at all
   */
  markOf(r, s) {
    const { size, kernel, stride } = this.setting;
    const { pads, out } = this.plan;
    const at = [r, s];
    const inside = /** @type {const} */ ([0, 1]).every((a) => at[a] >= pads[a][0] && at[a] < pads[a][0] + size[a]);
    const start = this.window.map((k, a) => k * stride[a]);
    const seen = start.every((first, a) => at[a] >= first && at[a] < first + kernel[a]);
    const used = /** @type {const} */ ([0, 1]).every((a) => {
      const last = Math.min(Math.floor(at[a] / stride[a]), out[a] - 1);
      return last >= 0 && at[a] - last * stride[a] < kernel[a];
    });
    return [inside ? "" : "padding", seen ? "seen" : "", used ? "" : "dropped"].join(" ");
  }

  /** @returns {Record<string, readonly unknown[] | null>} fields that a link keeps: their values, null for any number */
  get kept() {
    return {};
  }

  /** @returns {any} what a link keeps: see `restore` */
  keep() {
    const { setting, step, x, w, dy } = /** @type {any} */ (this);
    const fields = Object.fromEntries(Object.keys(this.kept).map((name) => [name, Reflect.get(this, name)]));
    const numbers = Object.entries({ x, w, dy }).flatMap(([name, tensor]) => (tensor ? [[name, Array.from(tensor.data)]] : []));
    return { setting, step, fields, numbers: Object.fromEntries(numbers) };
  }

  /** @param {any} found what `keep` gave; whatever does not fit is ignored */
  restore({ setting, step, fields, numbers }) {
    const old = this.setting, given = setting ?? {}, whole = (/** @type {number} */ least) => (/** @type {unknown} */ k) =>
      Number.isInteger(k) && Number(k) >= least && Number(k) <= LARGEST;
    /** @param {unknown} both @param {number} least */
    const two = (both, least) => Array.isArray(both) && both.length === 2 && both.every(whole(least));
    /** @type {Setting} */
    const next = { ...old, backward: given.backward === true };
    for (const name of /** @type {const} */ (["size", "kernel", "stride"])) if (two(given[name], 1)) next[name] = given[name];
    if (Object.hasOwn(PADDINGS, given.padding)) next.padding = given.padding;
    if (Array.isArray(given.pads) && given.pads.length === 2 && given.pads.every((/** @type {unknown} */ each) => two(each, 0))) next.pads = given.pads;
    const some = Object.entries(this.kept).filter(([name, allowed]) => allowed?.includes(fields?.[name]) ?? Number.isFinite(fields?.[name]));
    this.change({ ...next, note: "", ...Object.fromEntries(some.map(([name]) => [name, fields[name]])) });
    const { x, w, dy } = /** @type {any} */ (this), fits = Object.entries(numbers ?? {}).flatMap(([name, data]) => {
      const shape = (name === "x" ? x : name === "w" ? w : name === "dy" ? dy : undefined)?.shape ?? [0];
      const right = Array.isArray(data) && data.length === sizeOf(shape) && data.every(Number.isFinite);
      return right ? [[name, { shape, data: Float64Array.from(data) }]] : [];
    });
    this.change({ ...Object.fromEntries(fits), step: Number.isInteger(step) ? step : 0 });
  }

  /** @param {Record<string, unknown>} changed fields of the setting, or of the element itself */
  change(changed) {
    const before = structuredClone(this.setting);
    for (const [name, value] of Object.entries(changed)) {
      Object.assign(name in this.setting ? this.setting : this, { [name]: structuredClone(value) });
    }
    try {
      this.step = Math.max(0, Math.min(this.step, this.windows - 1));
      this.compute();
    } catch (error) {
      this.setting = before;
      this.note = `${/** @type {Error} */ (error).message}: the change was taken back`;
    }
    this.draw();
  }

  draw() {
    const focus = this.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
    this.replaceChildren(
      make("p", { className: "presets" }, "Change any number of the input, or try: ", ...this.presets().flatMap((each) => (each.expert ? [] : [this.presetButton(each)]))),
      make("p", { className: "note", hidden: this.note === "" }, this.note),
      make("p", { className: "soft", hidden: !this.setting.backward }, this.backwardWords),
      make("div", { className: "grids" }, ...this.views()),
      this.stepper(),
      make("p", { className: "arithmetic", ariaLive: "polite" }, this.arithmetic()),
      this.controls(),
      make("p", { className: "formula" }, this.formula()),
      this.experts,
    );
    if (focus) /** @type {HTMLElement | null} */ (this.querySelector(`[aria-label="${CSS.escape(focus)}"]`))?.focus();
  }

  /** @returns {HTMLElement} */
  controls() {
    const { size, kernel, stride, padding, pads } = this.setting;
    /** @param {string} label @param {number} value @param {(value: number) => void} changed @param {number} least */
    const number = (label, value, changed, least) => {
      const input = make("input", { type: "number", min: least, max: LARGEST, value, ariaLabel: label });
      input.addEventListener("change", () => {
        const found = Math.round(Number(input.value));
        changed(Math.max(least, Math.min(LARGEST, Number.isFinite(found) ? found : value)));
      });
      return make("label", {}, label, input);
    };
    /** @param {string[]} labels @param {Pair} both @param {(both: Pair) => void} changed @param {number} [least] */
    const two = (labels, both, changed, least = 1) => [
      number(labels[0], both[0], (v) => changed([v, both[1]]), least),
      number(labels[1], both[1], (v) => changed([both[0], v]), least),
    ];
    const options = Object.entries(PADDINGS).map(([value, words]) => make("option", { value, selected: value === padding }, words));
    const rule = make("select", { ariaLabel: "padding", onchange: () => this.change({ padding: rule.value }) }, ...options);
    return make("div", { className: "controls" },
      ...two(["height", "width"], size, (v) => this.change({ size: v })),
      ...two(["kernel rows", "kernel columns"], kernel, (v) => this.change({ kernel: v })),
      ...two(["stride down", "stride across"], stride, (v) => this.change({ stride: v })),
      make("label", {}, "padding", rule),
      ...(padding === "explicit" ? two(["top", "bottom"], pads[0], (v) => this.change({ pads: [v, pads[1]] }), 0) : []),
      ...(padding === "explicit" ? two(["left", "right"], pads[1], (v) => this.change({ pads: [pads[0], v] }), 0) : []),
    );
  }

  /** @returns {string} the sizes of the output, with their numbers, and the rows and columns in no window */
  formula() {
    const { size, kernel, stride } = this.setting;
    const { pads, out } = this.plan;
    const words = /** @type {const} */ ([["rows", 0], ["columns", 1]]).map(([name, a]) => {
      const [before, after] = pads[a];
      const total = before + size[a] + after;
      const rest = total - ((out[a] - 1) * stride[a] + kernel[a]);
      const left = rest > 0 ? `, the last ${rest} of ${total} in no window` : "";
      return `${name}: ⌊(${before} + ${size[a]} + ${after} − ${kernel[a]}) / ${stride[a]}⌋ + 1 = ${out[a]}${left}`;
    });
    return words.join("; ");
  }

  /** @returns {HTMLElement} the buttons that move the window, and a slider */
  stepper() {
    const last = this.windows - 1, { backward } = this.setting;
    const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => make("button", { ariaLabel: `${text}: window`, onclick }, text);
    const runs = this.timer !== undefined;
    const slider = make("input", { type: "range", min: 0, max: last, value: this.step, ariaLabel: "window", oninput: () => this.go(slider.valueAsNumber) });
    const [i, j] = this.window;
    return make("div", { className: "stepper" },
      button("first", () => this.go(0)), button("back", () => this.go(this.step - 1)), button("next", () => this.go(this.step + 1)),
      ...(runs ? [button("stop", () => this.play(0))] : []),
      ...(runs ? [] : [button("play", () => this.play(1)), button("play backward", () => this.play(-1))]),
      slider,
      make("output", {}, `window (${i}, ${j}), ${this.step + 1} of ${last + 1}`),
      make("button", { onclick: () => this.change({ backward: !backward }) }, backward ? "show forward" : "show backward"),
    );
  }

  /** @param {Preset} preset */
  presetButton({ name, setting, note }) {
    const onclick = () => {
      this.stop();
      this.change({ step: 0, ...setting, note });
    };
    return make("button", { ariaLabel: name, onclick }, name);
  }

  /** @param {number} step */
  go(step) {
    this.change({ step: (step + this.windows) % this.windows });
  }

  /** @param {-1 | 0 | 1} way the animation's direction, 0 to stop it */
  play(way) {
    this.stop();
    if (way !== 0) this.timer = window.setInterval(() => this.go(this.step + way), 1000 * SECONDS);
    this.draw();
  }

  stop() {
    window.clearInterval(this.timer);
    this.timer = undefined;
  }
}
