/** The chosen number of a convolution as the eye sees it: patch, kernel, and their products, one channel at a time. */

import { make } from "./make.js";
import { digits, short } from "../model/numbers.js";
import { numberGrid } from "./number-grid.js";

const LARGEST = 7; // cells of a kernel's side that are shown as a grid
const MOST = 8; // channels whose sums are listed

/**
 * @param {import("../model/state.js").State} state whose chosen number is a value of a convolution
 * @param {Net.Term[]} terms its products, in the order kernel row, kernel column, channel; then the bias
 * @param {number} channel of the patch
 * @param {(channel: number) => void} choose called when the reader takes another channel
 * @returns {HTMLElement[]} the sums of the channels, and three tables; none for a kernel without a side, or a large one
 */
export function patchGrids({ network, chosen }, terms, channel, choose) {
  const { op, weights } = network.nodes[chosen.node];
  if (op.kind !== "conv2d") return [];
  const [kh, kw, per] = weights.kernel.shape;
  if (kh * kw === 1 || Math.max(kh, kw) > LARGEST) return [];
  const channels = terms.length >= kh * kw * per ? per : 1; // a depthwise kernel reads one channel
  const shown = Math.min(channel, channels - 1);
  /** @param {number} i @param {number} j */
  const term = (i, j) => terms[(i * kw + j) * channels + shown];
  /** @param {string} caption @param {(i: number, j: number) => number} number */
  const grid = (caption, number) => {
    const text = (/** @type {number} */ value) => String(Number(value.toPrecision(2))).replace("-", "−");
    const mark = (/** @type {number} */ i, /** @type {number} */ j) => (term(i, j).note === "padding" ? "padding" : "");
    return numberGrid({ caption, rows: kh, columns: kw, value: number, mark, text });
  };
  const sums = new Array(channels).fill(0), bias = terms.length > kh * kw * channels ? terms[terms.length - 1].value : 0;
  terms.slice(0, kh * kw * channels).forEach((each, k) => (sums[k % channels] += each.value));
  const row = make("div", { className: "patch grids" }, grid("patch x", (i, j) => term(i, j).factors[0].value),
    grid("kernel w", (i, j) => term(i, j).factors[1].value), grid("products x · w", (i, j) => term(i, j).value));
  const select = make("select", { onchange: () => choose(select.selectedIndex) });
  for (let c = 0; c < channels; c++) select.append(make("option", { selected: c === shown }, short(c)));
  const which = channels === 1 ? "" : make("p", {}, make("label", {}, "input channel ", select), ` of ${channels}. A channel is one of the maps that the layer reads.`);
  const parts = channels > MOST ? "" : `Sum of ${channels === 1 ? "the products" : "each channel"}, and the bias: ${[...sums, bias].map(digits).join(" + ")}. `;
  return [make("p", {}, parts, channels === 1 && parts ? "" : `This channel: ${digits(sums[shown])}.`), make("div", {}, which, row)];
}
