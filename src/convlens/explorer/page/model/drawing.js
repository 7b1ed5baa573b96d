/** Pictures as a network gets them: a drawing scaled and centred as MNIST's digits are, or a picture's pixels. */

/** @param {number} h @param {number} w @returns {OffscreenCanvasRenderingContext2D} of a canvas as small as the network's images */
const smallContext = (h, w) => /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(w, h).getContext("2d"));

/**
 * As MNIST has it: the ink's longer side becomes 20 of 28 pixels, and its centre of mass comes to the middle.
 * @param {HTMLCanvasElement} canvas light strokes on a transparent ground
 * @param {[number, number]} size (h, w) of the network's images
 * @returns {Float32Array} levels 0 … 1, all 0 for an empty drawing
 */
export function levelsOf(canvas, [h, w]) {
  const { width, height } = canvas;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const alpha = context.getImageData(0, 0, width, height).data;
  let [top, bottom, left, right, mass, y, x] = [height, -1, width, -1, 0, 0, 0];
  for (let k = 0; k < height * width; k++) {
    const ink = alpha[4 * k + 3], i = Math.floor(k / width), j = k % width;
    if (ink === 0) continue;
    [top, bottom, left, right] = [Math.min(top, i), Math.max(bottom, i), Math.min(left, j), Math.max(right, j)];
    [mass, y, x] = [mass + ink, y + ink * (i + 0.5), x + ink * (j + 0.5)];
  }
  if (mass === 0) return new Float32Array(h * w);
  const scale = (Math.min(h, w) * 20) / 28 / Math.max(bottom - top + 1, right - left + 1);
  const target = smallContext(h, w);
  target.imageSmoothingQuality = "high";
  target.setTransform(scale, 0, 0, scale, w / 2 - (x / mass) * scale, h / 2 - (y / mass) * scale);
  target.drawImage(canvas, 0, 0);
  const found = target.getImageData(0, 0, w, h).data;
  return Float32Array.from({ length: h * w }, (_, k) => found[4 * k + 3] / 255);
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number[]} shape (h, w, channels) of the network's images
 * @param {boolean} invert whether dark ink on light paper becomes light ink
 * @returns {Float32Array} levels 0 … 1: the picture scaled to fit, on its own background
 */
export function levelsOfPicture(bitmap, [h, w, channels], invert) {
  const target = smallContext(h, w);
  target.fillStyle = "white";
  target.fillRect(0, 0, w, h);
  const scale = Math.min(w / bitmap.width, h / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  target.drawImage(bitmap, (w - width) / 2, (h - height) / 2, width, height);
  const found = target.getImageData(0, 0, w, h).data;
  return Float32Array.from({ length: h * w * channels }, (_, k) => {
    const at = 4 * Math.floor(k / channels);
    const grey = 0.299 * found[at] + 0.587 * found[at + 1] + 0.114 * found[at + 2];
    const level = (channels === 1 ? grey : found[at + (k % channels)]) / 255;
    return invert ? 1 - level : level;
  });
}
