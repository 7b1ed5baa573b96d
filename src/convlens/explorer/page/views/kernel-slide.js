/** A kernel on its patch, product by product; and the same kernel over the whole picture, which gives a map. */

import { valueTerms } from "../engine/network/arithmetic.js";
import { largest, painted } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";
import { drawn, two } from "./walk-tools.js";

/** @typedef {import("../model/state.js").State} State */

const LARGEST = 7; // rows of a kernel that are shown as numbers
const SIDE = 112; // pixels of the pictures
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

/**
 * @param {State} state
 * @param {number} id of a convolution's node
 * @param {number} channel of its map
 * @returns {{edge: number, text: string}} how far the halves of the kernel differ, as a part of all its weights; and in words
 */
export function halves(state, id, channel) {
  const { shape, weights: { bias, kernel: { shape: [h, w] } } } = state.network.nodes[id];
  const terms = valueTerms(state.pass, id, 0, [shape[0] >> 1, shape[1] >> 1, channel]).terms.slice(0, bias ? -1 : undefined), per = terms.length / (h * w);
  const sum = (/** @type {(i: number, j: number) => boolean} */ within) =>
    terms.reduce((all, { factors }, k) => all + (within(Math.floor(k / per / w), Math.floor(k / per) % w) ? factors[1].value : 0), 0);
  const sides = /** @type {const} */ ([["left", sum((_, j) => j < (w - 1) / 2), "right", sum((_, j) => j > (w - 1) / 2)],
                                       ["upper", sum((i) => i < (h - 1) / 2), "lower", sum((i) => i > (h - 1) / 2)]]);
  const far = sides.map(([, a, , b]) => Math.abs(a - b)), [one, a, other, b] = sides[far[1] > far[0] ? 1 : 0];
  const [more, less] = a > b ? [one, other] : [other, one];
  const how = a * b < 0 ? `bright under its ${more} half and dark under its ${less} half: it finds such an edge` : `bright, most of all under its ${more} half`;
  return {
    edge: Math.max(...far) / (terms.reduce((all, { factors }) => all + Math.abs(factors[1].value), 0) || 1),
    text: `The weights in the ${one} half of this kernel add up to ${two(a)}, those in the ${other} half to ${two(b)}. So the sum is large where the picture is ${a < 0 && b < 0 ? `dark, most of all under its ${less} half` : how}.`,
  };
}

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
    const others = channels === 1 ? "" : ` + ${digits(all.reduce((found, each) => found + each.value, -upTo))} (the other ${channels - 1} channels: tables of the picture)`;
    const end = shown < count ? "" : ` In all: ${digits(upTo)}${others}${state.network.nodes[id].weights.bias ? ` + ${digits(bias)} (the bias)` : ""} = ${digits(sum)}: the number in the map.`;
    const button = (/** @type {string} */ name, /** @type {number} */ to, /** @type {boolean} */ disabled) => {
      const made = make("button", { disabled }, name);
      made.addEventListener("click", () => {
        shown = to;
        draw();
        const again = [...box.querySelectorAll("button")].find((each) => each.textContent === name && !each.disabled);
        (again ?? /** @type {HTMLElement | null} */ (box.querySelector("button:enabled")))?.focus();
        if (shown === count) box.dispatchEvent(new Event("done", { bubbles: true }));
      });
      return made;
    };
    box.replaceChildren(
      ...(h > LARGEST ? [] : [make("div", { className: "patch grids" }, grid(channels === 1 ? "patch of the picture" : `patch, channel ${most}`, 0), grid("kernel", 1))]),
      make("p", { ariaLive: "polite" }, `Product ${shown} of ${count}: ${two(x.value)} · ${two(k.value)} = ${two(value)}. Sum so far: ${two(upTo)}.${end}`),
      make("p", { className: "controls" }, button("next product", shown + 1, shown === count), button("all products", count, shown === count), button("again", 1, shown === 1)),
    );
  };
  return drawn(box, state, draw);
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
  let timer = 0, pace = 1, reached = -1; // up to where the map is shown
  const asked = new Set(["end", "largest", "smallest"]);
  const did = (/** @type {string} */ what) => asked.delete(what) && asked.size === 0 && box.dispatchEvent(new Event("done", { bubbles: true }));
  const draw = () => {
    const { cell, h: rows, w: columns, first, sum } = placeOf(state, id), at = cell[0] * w + cell[1];
    const map = Array.from({ length: h * w }, (_, k) => state.pass.y[id].data[k * channels + cell[2]]), most = largest(map);
    range.value = String(reached < 0 ? 0 : at);
    const zoom = Math.max(2, Math.floor(SIDE / Math.max(rows, columns))), size = /** @type {[number, number]} */ ([rows, columns]);
    const figure = (/** @type {HTMLElement} */ canvas, /** @type {string} */ name) => make("figure", {}, canvas, make("figcaption", {}, name));
    const part = (/** @type {number} */ k) => first.map(({ factors }) => factors[k].value), step = Math.max(1, Math.floor(SIDE / Math.max(h, w)));
    pictures.replaceChildren(
      figure(painted(part(0), size, zoom, "the patch", largest(state.image.data)), "the patch"),
      figure(painted(part(1), size, zoom, "the kernel"), "the kernel"),
      figure(hatched(painted(map, [h, w], step, "the feature map so far", most), reached + 1, w, step), "the feature map"),
    );
    said.textContent = `Row ${cell[0]}, column ${cell[1]}: the sum is ${digits(sum)}. ${match(part(0), part(1))}`;
  };
  const go = (/** @type {number} */ at, to = at) => {
    reached = to;
    const channel = placeOf(state, id).cell[2];
    state.choose({ node: id, cell: [Math.floor(at / w), at % w, channel] });
    if (to === h * w - 1) did("end");
  };
  const play = make("button", {}, "slide the kernel"), faster = make("button", { disabled: true }, "faster");
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "slide the kernel";
    faster.disabled = true;
  };
  const extreme = (/** @type {1 | -1} */ sign, /** @type {string} */ name) => {
    const made = make("button", {}, `${name} sum`);
    made.addEventListener("click", () => {
      stop();
      const { data } = state.pass.y[id], { cell } = placeOf(state, id);
      let best = 0;
      for (let k = 1; k < h * w; k++) if (sign * data[k * channels + cell[2]] > sign * data[best * channels + cell[2]]) best = k;
      go(best, h * w);
      did(name);
    });
    return made;
  };
  play.addEventListener("click", () => {
    if (timer !== 0) return stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(h * w - 1);
    let at = reached >= h * w - 1 ? 0 : reached + 1;
    pace = Math.max(1, Math.floor(w / 9));
    play.textContent = "stop";
    faster.disabled = false;
    timer = window.setInterval(() => {
      if (!box.isConnected) return stop();
      go(at);
      if (at === h * w - 1) stop();
      at = Math.min(at + pace, h * w - 1);
    }, PAUSE);
    return undefined;
  });
  faster.addEventListener("click", () => (pace *= 3));
  range.addEventListener("input", () => {
    stop();
    go(Number(range.value));
  });
  const controls = make("p", { className: "controls stepper" }, play, faster, extreme(1, "largest"), extreme(-1, "smallest"), range);
  box.append(pictures, said, controls);
  return drawn(box, state, draw);
}

/** @param {HTMLCanvasElement} canvas a map @param {number} from the first cell that is not yet known @param {number} w cells of a row @param {number} zoom */
function hatched(canvas, from, w, zoom) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), { width, height } = canvas, row = Math.floor(from / w) * zoom;
  context.beginPath();
  context.rect((from % w) * zoom, row, width, zoom);
  context.rect(0, row + zoom, width, height);
  context.clip();
  context.clearRect(0, 0, width, height);
  context.strokeStyle = "#888";
  context.beginPath();
  for (let x = -height; x < width; x += 6) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  return canvas;
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
