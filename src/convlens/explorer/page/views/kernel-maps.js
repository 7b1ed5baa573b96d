/** Kernels as small pictures, and beside them their gradients. */

import { largest, paint } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";

const MAPS = 48, SIDE = 36; // maps that are drawn, and pixels of the longer side of one, at least 1 a number

/**
 * @param {string} name
 * @param {Net.Tensor | undefined} kernel (h, w, channels, filters), or (inputs, units)
 * @returns {HTMLElement} a picture for each filter and channel; blue is above 0, orange below
 */
export function kernelMaps(name, kernel) {
  const figure = make("figure", { className: "kernels" });
  if (kernel === undefined) {
    figure.append(make("figcaption", {}, `${name}: none yet`));
    return figure;
  }
  const { shape, data } = kernel, [h, w] = shape, count = shape.slice(2).reduce((product, size) => product * size, 1);
  const most = largest(data), zoom = Math.max(1, Math.floor(SIDE / Math.max(h, w))), shown = Math.min(count, MAPS);
  const maps = Array.from({ length: shown }, (_, k) => {
    const canvas = make("canvas", { width: w, height: h }), image = new ImageData(w, h);
    paint(image, data, k, count, most);
    canvas.getContext("2d")?.putImageData(image, 0, 0);
    canvas.style.width = `${w * zoom}px`;
    return canvas;
  });
  const more = count > shown ? `, the first ${shown} of ${count}` : "", full = `${name}${more}: the strongest colour is ±${digits(most)}`;
  const row = make("div", { className: "maps", ariaLabel: `${full}; the numbers of each stand in the arithmetic of its cells` }, ...maps);
  row.setAttribute("role", "img");
  figure.append(make("figcaption", {}, full), row);
  return figure;
}
