/** Colours of numbers: zero is the page's background, positive is blue and negative orange, the larger the stronger. */

const COLOURS = {
  light: { zero: [255, 255, 255], positive: [9, 72, 134], negative: [163, 59, 0] },
  dark: { zero: [22, 24, 29], positive: [140, 203, 255], negative: [255, 160, 105] },
};

/** @returns {"light" | "dark"} */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** @param {ArrayLike<number>} numbers @returns {number} the largest absolute value, 1 if all are 0 */
export function largest(numbers) {
  let most = 0;
  for (let k = 0; k < numbers.length; k++) most = Math.max(most, Math.abs(numbers[k]) || 0);
  return most || 1;
}

/**
 * Paint one channel of a map (h, w, c) into an image, one number a pixel.
 * @param {ImageData} image (h, w)
 * @param {ArrayLike<number>} numbers
 * @param {number} channel
 * @param {number} channels
 * @param {number} most the number with the strongest colour
 */
export function paint(image, numbers, channel, channels, most) {
  const { zero, positive, negative } = COLOURS[theme()], { data } = image;
  for (let k = 0, at = channel; at < numbers.length; k += 4, at += channels) {
    const strength = Math.max(-1, Math.min(1, numbers[at] / most)) || 0;
    const full = strength > 0 ? positive : negative, part = Math.abs(strength) ** 0.7;
    for (let c = 0; c < 3; c++) data[k + c] = zero[c] + (full[c] - zero[c]) * part;
    data[k + 3] = 255;
  }
}

/**
 * @param {ImageData} image enlarged without smoothing
 * @param {number} zoom pixels of the canvas for one of the image
 * @param {Partial<HTMLCanvasElement>} [properties]
 * @returns {HTMLCanvasElement} a new one
 */
export function enlarged(image, zoom, properties) {
  const [width, height] = [image.width * zoom, image.height * zoom], small = new OffscreenCanvas(image.width, image.height);
  small.getContext("2d")?.putImageData(image, 0, 0);
  const canvas = Object.assign(document.createElement("canvas"), { width, height, ...properties });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
  return canvas;
}

/**
 * @param {ArrayLike<number>} numbers (h, w)
 * @param {[number, number]} size (h, w)
 * @param {number} zoom
 * @param {string} name what a screen reader says
 * @param {number} [most] the number with the strongest colour
 * @returns {HTMLCanvasElement} a new picture of the numbers
 */
export function painted(numbers, [h, w], zoom, name, most = largest(numbers)) {
  const image = new ImageData(w, h);
  paint(image, numbers, 0, 1, most);
  return enlarged(image, zoom, { role: "img", ariaLabel: name });
}
