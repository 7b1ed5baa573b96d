/** A kernel on its patch, product by product; and the same kernel over the whole picture, which gives a map. */

import { valueTerms } from "../engine/network/arithmetic.js";
import { largest, painted } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";

/** @typedef {import("../model/state.js").State} State */

const LARGEST = 7; // rows of a kernel that are shown as numbers
const SIDE = 90; // pixels of the pictures
const PAUSE = 30; // milliseconds between two places of the kernel

/** @param {State} state @param {number} id of a convolution's node @returns its kernel at the chosen cell, or at the first */
function placeOf(state, id) {
  const { chosen, network, pass } = state, node = network.nodes[id];
  const cell = chosen.node === id && chosen.weight === undefined ? chosen.cell : [0, 0, 0];
  const terms = valueTerms(pass, id, 0, cell).terms, [h, w] = node.weights.kernel.shape;
  const bias = node.weights.bias ? terms[terms.length - 1].value : 0, products = terms.slice(0, node.weights.bias ? -1 : undefined);
  const channels = products.length / (h * w), sums = new Array(channels).fill(0);
  products.forEach(({ value }, k) => (sums[k % channels] += Math.abs(value)));
  const most = sums.indexOf(Math.max(...sums)), first = products.filter((_, k) => k % channels === most);
  return { cell, h, w, channels, most, bias, products, first, sum: products.reduce((all, { value }) => all + value, bias) };
}

/** @param {number} value @returns {string} two digits after the point */
const two = (value) => (value.toFixed(2) === "-0.00" ? "0.00" : value.toFixed(2).replace("-", "−"));

/**
 * @param {State} state
 * @param {number} id of a convolution's node
 * @returns {HTMLElement} patch, kernel, and one product after the other
 */
export function products(state, id) {
  const box = make("div", { className: "slide" });
  let shown = 1;
  const draw = () => {
    const { h, w, channels, most, bias, first, products: all, sum } = placeOf(state, id), count = first.length;
    shown = Math.min(shown, count);
    const mark = (/** @type {number} */ i, /** @type {number} */ j) => (i * w + j === shown - 1 ? "chosen" : i * w + j < shown ? "seen" : "");
    const grid = (/** @type {string} */ caption, /** @type {number} */ part) =>
      numberGrid({ caption, rows: h, columns: w, mark, text: two, value: (i, j) => first[i * w + j].factors[part].value });
    const upTo = first.slice(0, shown).reduce((found, { value }) => found + value, 0), { factors: [x, k], value } = first[shown - 1];
    const others = channels === 1 ? "" : ` + ${digits(all.reduce((found, each) => found + each.value, -upTo))} (the other ${channels - 1} channels)`;
    const end = shown < count ? "" : ` In all: ${digits(upTo)}${others} + ${digits(bias)} (the bias) = ${digits(sum)}: the number in the map.`;
    const button = (/** @type {string} */ name, /** @type {number} */ to, /** @type {boolean} */ disabled) => {
      const made = make("button", { disabled }, name);
      made.addEventListener("click", () => {
        shown = to;
        draw();
        const again = [...box.querySelectorAll("button")].find((each) => each.textContent === name && !each.disabled);
        (again ?? /** @type {HTMLElement | null} */ (box.querySelector("button:enabled")))?.focus();
        box.dispatchEvent(new Event("done", { bubbles: true }));
      });
      return made;
    };
    box.replaceChildren(
      ...(h > LARGEST ? [] : [make("div", { className: "patch grids" }, grid(channels === 1 ? "patch of the picture" : `patch, channel ${most}`, 0), grid("kernel", 1))]),
      make("p", { ariaLive: "polite" }, `Product ${shown} of ${count}: ${two(x.value)} · ${two(k.value)} = ${two(value)}. Sum so far: ${two(upTo)}.${end}`),
      make("p", { className: "controls" }, button("next product", shown + 1, shown === count), button("all products", count, shown === count), button("again", 1, shown === 1)),
    );
  };
  draw();
  return listening(box, state, draw);
}

/**
 * @param {State} state
 * @param {number} id of a convolution's node
 * @returns {HTMLElement} the patch under the kernel, the kernel, the map as far as the kernel has come, and where it stands
 */
export function slide(state, id) {
  const box = make("div", { className: "slide" }), pictures = make("div", { className: "gallery" }), said = make("p", { ariaLive: "polite" });
  const [h, w, channels] = state.network.nodes[id].shape;
  const range = make("input", { type: "range", min: 0, max: h * w - 1, ariaLabel: "place of the kernel" });
  let timer = 0, whole = true; // whether the map is shown to its end
  const draw = () => {
    const { cell, h: rows, w: columns, first, sum } = placeOf(state, id), at = cell[0] * w + cell[1];
    const map = Array.from({ length: h * w }, (_, k) => state.pass.y[id].data[k * channels + cell[2]]), most = largest(map);
    range.value = String(at);
    const zoom = Math.max(2, Math.floor(SIDE / Math.max(rows, columns))), size = /** @type {[number, number]} */ ([rows, columns]);
    const figure = (/** @type {HTMLElement} */ canvas, /** @type {string} */ name) => make("figure", {}, canvas, make("figcaption", {}, name));
    const part = (/** @type {number} */ k) => first.map(({ factors }) => factors[k].value);
    const so = map.map((value, k) => (whole || k <= at ? value : 0));
    pictures.replaceChildren(
      figure(painted(part(0), size, zoom, "the patch", largest(state.image.data)), "the patch"),
      figure(painted(part(1), size, zoom, "the kernel"), "the kernel"),
      figure(painted(so, [h, w], Math.max(1, Math.floor(SIDE / Math.max(h, w))), "the map so far", most), whole ? "the map" : "the map so far"),
    );
    said.textContent = `Row ${cell[0]}, column ${cell[1]}: the sum is ${digits(sum)}. ${match(part(0), part(1))}`;
  };
  const go = (/** @type {number} */ at, all = false) => {
    whole = all;
    const channel = placeOf(state, id).cell[2];
    state.choose({ node: id, cell: [Math.floor(at / w), at % w, channel] });
    box.dispatchEvent(new Event("done", { bubbles: true }));
  };
  const stop = () => clearInterval(timer);
  const button = (/** @type {string} */ name, /** @type {() => void} */ act) => {
    const made = make("button", {}, name);
    made.addEventListener("click", () => {
      stop();
      act();
    });
    return made;
  };
  const extreme = (/** @type {1 | -1} */ sign) => () => {
    const { data } = state.pass.y[id], { cell } = placeOf(state, id);
    let best = 0;
    for (let k = 1; k < h * w; k++) if (sign * data[k * channels + cell[2]] > sign * data[best * channels + cell[2]]) best = k;
    go(best, true);
  };
  const run = () => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(h * w - 1);
    let at = 0;
    timer = window.setInterval(() => {
      if (!box.isConnected || at >= h * w) return stop();
      go(at);
      if (at === h * w - 1) stop();
      at = Math.min(at + Math.max(1, Math.floor(w / 9)), h * w - 1);
    }, PAUSE);
    return undefined;
  };
  range.addEventListener("input", () => {
    stop();
    go(Number(range.value));
  });
  const controls = make("p", { className: "controls stepper" }, button("slide the kernel", run), button("largest sum", extreme(1)), button("smallest sum", extreme(-1)), range);
  box.append(pictures, said, controls);
  draw();
  return listening(box, state, draw);
}

/** @param {number[]} patch @param {number[]} kernel @returns {string} why the sum is what it is */
function match(patch, kernel) {
  const most = Math.max(...patch), least = Math.min(...patch);
  if (most - least < 1e-6) return "The patch is plain: it says nothing about a stroke or an edge.";
  const share = (/** @type {number} */ sign) => {
    const some = patch.filter((_, k) => sign * kernel[k] > 0);
    return some.reduce((sum, value) => sum + (value - least) / (most - least), 0) / (some.length || 1);
  };
  const [plus, minus] = [share(1), share(-1)].map((part) => (100 * part).toFixed(0));
  return `Brightness under the positive weights: ${plus} %; under the negative ones: ${minus} %.`;
}

/** @param {HTMLElement} box @param {State} state @param {() => void} draw called on changes while the box is on the page */
function listening(box, state, draw) {
  const redraw = () => {
    if (box.isConnected) return draw();
    for (const event of ["pass", "chosen"]) state.removeEventListener(event, redraw);
    return undefined;
  };
  for (const event of ["pass", "chosen"]) state.addEventListener(event, redraw);
  return box;
}
