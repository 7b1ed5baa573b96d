/** Kernels as small pictures, and beside them their gradients. */

import { largest, painted } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";

const MAPS = 48, SIDE = 36; // maps that are drawn, and pixels of the longer side of one, at least 1 a number

/**
 * @param {string} name
 * @param {Net.Tensor | undefined} kernel (h, w, channels, filters), or (inputs, units)
 * @returns {HTMLElement} a picture for each filter and channel; blue is above 0, orange below
 */
export function kernelMaps(name, kernel) {
  if (kernel === undefined) return make("figure", { className: "kernels" }, make("figcaption", {}, `${name}: none yet`));
  const { shape: [h, w], data } = kernel, count = data.length / (h * w), shown = Math.min(count, MAPS);
  const most = largest(data), zoom = Math.max(1, Math.floor(SIDE / Math.max(h, w)));
  const maps = Array.from({ length: shown }, (_, k) =>
    painted(Float32Array.from({ length: h * w }, (__, at) => data[at * count + k]), [h, w], zoom, `map ${k}`, most));
  const full = `${name}${count > shown ? `, the first ${shown} of ${count}` : ""}: the strongest colour is ±${digits(most)}`;
  const ariaLabel = `${full}; the numbers of each stand in the arithmetic of its cells`;
  const row = make("div", { className: "maps", role: "img", ariaLabel }, ...maps);
  return make("figure", { className: "kernels" }, make("figcaption", {}, full), row);
}
