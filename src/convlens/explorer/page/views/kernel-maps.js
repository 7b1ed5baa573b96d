/** Kernels as small pictures, and beside them their gradients. */

import { largest, painted, theme } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";

const MAPS = 48, FEW = 12; // maps that are drawn; so many of them are large
const SIDES = { small: 45, large: 80 }, LEGIBLE = 9; // pixels of a map's longer side, and of a number that has its sign

/**
 * @param {ArrayLike<number>} numbers (h, w)
 * @param {[number, number]} size (h, w)
 * @param {number} zoom pixels of a number
 * @param {string} name what a screen reader says
 * @param {number} most the number with the strongest colour
 * @returns {HTMLCanvasElement} a kernel with the signs of its numbers, where there is room for them
 */
export function kernelPicture(numbers, [h, w], zoom, name, most) {
  const canvas = painted(numbers, [h, w], zoom, name, most), context = canvas.getContext("2d");
  if (zoom < LEGIBLE || context === null) return canvas;
  const [ink, paper] = theme() === "light" ? ["#1b1d22", "#fff"] : ["#eceef2", "#16181d"]; // a computed style would cost the stroke a layout
  Object.assign(context, { font: `${0.9 * zoom}px monospace`, textAlign: "center", textBaseline: "middle" });
  for (let k = 0; k < h * w; k++) {
    context.fillStyle = Math.abs(numbers[k]) > most / 4 ? paper : ink;
    if (numbers[k]) context.fillText(numbers[k] < 0 ? "−" : "+", ((k % w) + 0.5) * zoom, (Math.floor(k / w) + 0.5) * zoom);
  }
  return canvas;
}

/**
 * @param {string} name
 * @param {Pick<Net.Tensor, "shape" | "data"> | undefined} kernel (h, w, channels, filters), or (inputs, units)
 * @param {number} most the number with the strongest colour
 * @returns {HTMLElement} a picture for each filter and channel; blue is above 0, orange below
 */
export function kernelMaps(name, kernel, most = largest(kernel?.data ?? [])) {
  if (kernel === undefined) return make("figure", {}, make("figcaption", {}, `${name}: none`));
  const { shape: [h, w], data } = kernel, count = data.length / (h * w), shown = Math.min(count, MAPS);
  const zoom = Math.max(1, Math.floor((shown > FEW ? SIDES.small : SIDES.large) / Math.max(h, w)));
  const maps = Array.from({ length: shown }, (_, k) =>
    kernelPicture(Float32Array.from({ length: h * w }, (__, at) => data[at * count + k]), [h, w], zoom, `map ${k}`, most));
  const full = `${name}${count > shown ? `, the first ${shown} of ${count}` : ""}: the strongest colour is ±${digits(most)}`;
  const ariaLabel = `${full}; the numbers of each stand in the arithmetic of its cells`;
  const row = make("div", { className: "maps", role: "img", ariaLabel }, ...maps);
  return make("figure", { className: "kernels" }, make("figcaption", {}, full), row);
}

/** @param {Net.Weights} before @param {Net.Weights} now @param {string} name of a weight @returns {number} how far it moved, as a part of its length */
export function moved(before, now, name) {
  const old = before[name].data, w = now[name].data;
  let step = 0, length = 0;
  for (let k = 0; k < w.length; k++) {
    step += (w[k] - old[k]) ** 2;
    length += old[k] ** 2;
  }
  return Math.sqrt(step / length) || 0;
}
