/** The page's pictures as its network gets them, and as thumbnails. */

import { enlarged } from "./colours.js";
import { unpack } from "./source.js";

/**
 * held: whether the network was not trained on picture k
 * @typedef {{count: number, numbers: (k: number) => Float32Array, label: (k: number) => number,
 *   held: (k: number) => boolean, name: (k: number) => string}} Pictures
 */

/**
 * @param {import("./source.js").PageData} data
 * @param {number[]} shape (h, w, channels) of the network's images
 * @returns {Pictures | null} null if there are none that fit
 */
export function picturesOf({ pictures, networks: [{ images }] }, shape) {
  if (pictures === null || String(pictures.shape.slice(1)) !== String(shape)) return null;
  const { labels, class_names: names, training, shape: [count] } = pictures;
  const all = /** @type {Float32Array} */ (unpack(pictures, images.scale).data), size = all.length / count;
  return {
    count,
    numbers: (k) => all.subarray(k * size, (k + 1) * size),
    label: (k) => labels[k],
    held: (k) => k >= training,
    name: (k) => names[labels[k]] ?? String(labels[k]),
  };
}

/**
 * @param {ArrayLike<number>} numbers of a picture, as a network gets them
 * @param {number[]} shape (h, w, channels)
 * @param {number} scale the factor from levels to these numbers
 * @param {number} [zoom] pixels of the canvas for one of the picture
 * @returns {HTMLCanvasElement}
 */
export function thumbnail(numbers, [h, w, channels], scale, zoom = 1) {
  const image = new ImageData(w, h);
  for (let k = 0; k < h * w; k++) {
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = numbers[k * channels + (channels === 3 ? c : 0)] / scale;
    image.data[4 * k + 3] = 255;
  }
  return enlarged(image, zoom);
}

/** @param {HTMLCanvasElement} canvas @returns {HTMLImageElement} the same as an image: a page with many canvases draws slowly */
export function still(canvas) {
  return Object.assign(new Image(canvas.width, canvas.height), { src: canvas.toDataURL(), alt: "" });
}
