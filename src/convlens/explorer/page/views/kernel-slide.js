/** A kernel on its patch, product by product; and the same kernel over the whole picture, which gives a map. */

import { valueTerms } from "../engine/network/arithmetic.js";
import { largest, painted } from "../model/colours.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";
import { drawn, four, two } from "./walk-tools.js";

/** @typedef {import("../model/state.js").State} State */

const LARGEST = 7; // rows of a kernel that are shown as numbers
const SIDE = 112; // pixels of the pictures
const PLACES = 200; // of the kernel that are shown while it slides,
const PAUSE = 30; // with so many milliseconds between them

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
  const lines = (/** @type {number} */ of, /** @type {string} */ name) => (of >> 1 === 1 ? name : `${of >> 1} ${name}s`);
  const sides = /** @type {const} */ ([[lines(w, "column"), "left", sum((_, j) => j < (w - 1) / 2), "right", sum((_, j) => j > (w - 1) / 2)],
                                       [lines(h, "row"), "upper", sum((i) => i < (h - 1) / 2), "lower", sum((i) => i > (h - 1) / 2)]]);
  const far = sides.map(([, , a, , b]) => Math.abs(a - b)), [half, one, a, other, b] = sides[far[1] > far[0] ? 1 : 0];
  const [more, less] = a > b ? [one, other] : [other, one];
  const how = a * b < 0 ? `large numbers under the ${more} ${half} and small ones under the ${less} ${half}: it finds such an edge` : `large numbers, most of all under the ${more} ${half}`;
  return {
    edge: Math.max(...far) / (terms.reduce((all, { factors }) => all + Math.abs(factors[1].value), 0) || 1),
    text: `The weights in the ${one} ${half} of this kernel add up to ${two(a)}, those in the ${other} ${half} to ${two(b)}. So its sum is large where the picture has ${a < 0 && b < 0 ? `small numbers, most of all under the ${less} ${half}` : how}.`,
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
    const others = channels === 1 ? "" : ` + ${four(all.reduce((found, each) => found + each.value, -upTo))} (the other ${channels - 1} channels: tables of the picture)`;
    const end = shown < count ? "" : ` In all: ${four(upTo)}${others}${state.network.nodes[id].weights.bias ? ` + ${four(bias)} (the bias)` : ""} = ${four(sum)}: the number in the map.`;
    const button = (/** @type {string} */ name, /** @type {number} */ to, /** @type {boolean} */ disabled) => {
      const onclick = () => {
        shown = to;
        draw();
        const again = [...box.querySelectorAll("button")].find((each) => each.textContent === name && !each.disabled);
        (again ?? /** @type {HTMLElement | null} */ (box.querySelector("button:enabled")))?.focus();
        if (shown === count) box.dispatchEvent(new Event("done", { bubbles: true }));
      };
      return make("button", { disabled, onclick }, name);
    };
    box.replaceChildren(
      ...(h > LARGEST ? [] : [make("div", { className: "patch grids" }, grid(channels === 1 ? "patch of the picture" : `patch, channel ${most}`, 0), grid("kernel", 1))]),
      make("p", { ariaLive: "polite" }, `Product ${shown} of ${count}: ${four(x.value)} · ${four(k.value)} = ${four(value)}. Sum so far: ${four(upTo)}.${end}`),
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
  const range = make("input", { type: "range", min: 0, max: h * w - 1 });
  let timer = 0, reached = -1; // up to where the map is shown
  const asked = new Set(["end", "largest", "smallest"]);
  const did = (/** @type {string} */ what) => asked.delete(what) && asked.size === 0 && box.dispatchEvent(new Event("done", { bubbles: true }));
  const mapOf = (/** @type {number} */ channel) => Array.from({ length: h * w }, (_, k) => state.pass.y[id].data[k * channels + channel]);
  const draw = () => {
    const { cell, h: rows, w: columns, first, sum } = placeOf(state, id), most = largest(state.pass.y[id].data); // the colours of the page's maps
    range.value = String(cell[0] * w + cell[1]);
    for (const button of extremes) button.disabled = asked.has("end");
    const zoom = Math.max(2, Math.floor(SIDE / Math.max(rows, columns))), size = /** @type {[number, number]} */ ([rows, columns]);
    const figure = (/** @type {HTMLElement} */ canvas, /** @type {string} */ name) => make("figure", {}, canvas, make("figcaption", {}, name));
    const part = (/** @type {number} */ k) => first.map(({ factors }) => factors[k].value), step = Math.max(1, Math.floor(SIDE / Math.max(h, w)));
    pictures.replaceChildren(
      figure(painted(part(0), size, zoom, "the patch", largest(state.image.data)), "the patch"),
      figure(painted(part(1), size, zoom, "the kernel"), "the kernel"),
      figure(hatched(painted(mapOf(cell[2]), [h, w], step, "the feature map so far", most), reached + 1, w, step), "the feature map"),
    );
    said.textContent = `Row ${cell[0]}, column ${cell[1]}: the sum is ${four(sum)}. ${first.some(({ factors }) => factors[0].at === null) ? "The patch lies partly outside the picture, where zeros stand in: padding. " : ""}${match(part(0), part(1))}`;
  };
  const go = (/** @type {number} */ at, to = at) => {
    reached = to;
    if (to === h * w - 1) did("end");
    state.choose({ node: id, cell: [Math.floor(at / w), at % w, placeOf(state, id).cell[2]] });
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "slide the kernel";
  };
  const start = () => {
    if (timer !== 0) return stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(h * w - 1);
    let at = reached >= h * w - 1 ? 0 : reached + 1;
    play.textContent = "stop";
    timer = window.setInterval(() => {
      if (!box.isConnected) return stop();
      go(at);
      if (at === h * w - 1) stop();
      at = Math.min(at + Math.ceil((h * w) / PLACES), h * w - 1);
    }, PAUSE);
    return undefined;
  };
  const play = make("button", { onclick: start }, "slide the kernel");
  const extremes = ["largest", "smallest"].map((name, k) => make("button", { onclick: () => {
    stop();
    const { cell } = placeOf(state, id), sums = mapOf(cell[2]);
    go(sums.indexOf(Math[k ? "min" : "max"](...sums)), h * w);
    did(name);
  } }, `${name} sum`));
  range.addEventListener("input", () => {
    stop();
    go(Number(range.value));
  });
  const label = make("label", { className: "stepper" }, "place of the kernel ", range);
  box.append(pictures, said, make("p", { className: "controls" }, play, ...extremes), label);
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
  if (Math.max(...patch) - Math.min(...patch) < 1e-6) return "The numbers of the patch are all the same: it has no stroke and no edge.";
  const mean = (/** @type {number} */ sign) => {
    const some = patch.filter((_, k) => sign * kernel[k] > 0);
    return two(some.reduce((sum, value) => sum + value, 0) / (some.length || 1));
  };
  return `The mean of the patch is ${mean(1)} under the positive weights (blue) and ${mean(-1)} under the negative ones (orange).`;
}
