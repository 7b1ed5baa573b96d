/** Where windows lie: padding, the number of windows, and which windows see a cell. As in `convlens.geometry`. */

/** @param {number | readonly number[]} value @returns {Net.Pair} two numbers; one stands for both directions */
export function pair(value) {
  return typeof value === "number" ? [value, value] : [value[0], value[1]];
}

/**
 * before + after rows of padding along one axis. same: ceil(size / stride) windows, the odd row after. course: `size`
 * windows at any stride, the odd row before
 * @param {number} size
 * @param {number} kernel
 * @param {number} stride
 * @param {"valid" | "same" | "course"} rule
 * @returns {Net.Pair}
 */
function padsOf(size, kernel, stride, rule) {
  if (rule === "valid") return [0, 0];
  const windows = rule === "same" ? Math.ceil(size / stride) : size;
  const total = Math.max((windows - 1) * stride + kernel - size, 0);
  const less = Math.floor(total / 2);
  return rule === "same" ? [less, total - less] : [total - less, less];
}

/**
 * The padding of each side, and the number of windows: (before + size + after - kernel) // stride + 1
 * @param {readonly number[]} size (h, w)
 * @param {Net.Pair} kernel the reach of the kernel
 * @param {Net.Pair} stride
 * @param {Net.Padding} padding
 * @returns {{pads: [Net.Pair, Net.Pair], out: Net.Pair}}
 */
export function plan(size, kernel, stride, padding) {
  /** @param {0 | 1} axis @returns {Net.Pair} */
  const side = (axis) =>
    typeof padding === "string" ? padsOf(size[axis], kernel[axis], stride[axis], padding) : pair(padding[axis]);
  /** @type {[Net.Pair, Net.Pair]} */
  const pads = [side(0), side(1)];
  /** @param {0 | 1} axis */
  const count = (axis) =>
    Math.floor((pads[axis][0] + size[axis] + pads[axis][1] - kernel[axis]) / stride[axis]) + 1;
  const out = /** @type {Net.Pair} */ ([count(0), count(1)]);
  if (out[0] < 1 || out[1] < 1) {
    throw new RangeError(`the kernel (${kernel}) must fit into the padded input of (${size})`);
  }
  return { pads, out };
}

/**
 * The windows along one axis that see a place: pairs of the window's number i and the kernel's cell a, with
 * i·stride + a·dilation - before = place
 * @param {number} place
 * @param {number} kernel the number of the kernel's cells
 * @param {number} stride
 * @param {number} dilation
 * @param {number} before
 * @param {number} out the number of windows
 * @returns {Net.Pair[]}
 */
export function seeing(place, kernel, stride, dilation, before, out) {
  /** @type {Net.Pair[]} */
  const found = [];
  for (let a = kernel - 1; a >= 0; a--) {
    const start = place + before - a * dilation;
    if (start >= 0 && start % stride === 0 && start / stride < out) found.push([start / stride, a]);
  }
  return found;
}

/**
 * @param {Net.Tensor} x (n, h, w, c)
 * @param {[Net.Pair, Net.Pair]} pads
 * @param {number} [value]
 * @returns {Net.Tensor} (n, top + h + bottom, left + w + right, c); x itself without padding
 */
export function pad(x, [[top, bottom], [left, right]], value = 0) {
  if (top + bottom + left + right === 0) return x;
  const [n, h, w, c] = x.shape;
  const y = x.like([n, top + h + bottom, left + w + right, c]);
  if (value !== 0) y.data.fill(value);
  for (let q = 0; q < n; q++) {
    for (let i = 0; i < h; i++) {
      const from = (q * h + i) * w * c;
      y.data.set(x.data.subarray(from, from + w * c), ((q * y.shape[1] + top + i) * y.shape[2] + left) * c);
    }
  }
  return y;
}

/**
 * @param {Net.Tensor} xp (n, top + h + bottom, left + w + right, c)
 * @param {[Net.Pair, Net.Pair]} pads
 * @returns {Net.Tensor} (n, h, w, c), without the frame; xp itself without padding
 */
export function crop(xp, [[top, bottom], [left, right]]) {
  if (top + bottom + left + right === 0) return xp;
  const [n, hp, wp, c] = xp.shape;
  const h = hp - top - bottom, w = wp - left - right;
  const x = xp.like([n, h, w, c]);
  for (let q = 0; q < n; q++) {
    for (let i = 0; i < h; i++) {
      const from = ((q * hp + top + i) * wp + left) * c;
      x.data.set(xp.data.subarray(from, from + w * c), (q * h + i) * w * c);
    }
  }
  return x;
}
