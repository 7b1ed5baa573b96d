/**
 * Convolution of padded images, and its two gradients.
 *
 * The images and kernels are first copied to double precision, and each sum runs in it. The innermost loops take four
 * windows, or four channels, at once: so each number that they load is used several times. Where fewer than four are
 * left, the last one is taken again. All pass over zeros, of which a picture's background, a ReLU and a pool make many:
 * over those of x, and for the gradients of dy.
 */

/** @typedef {import("./tensor.js").Tensor} Tensor */
/** @typedef {import("./tensor.js").Numbers} Numbers */
/** @typedef {readonly [number, number]} Pair */

/**
 * y[n,i,j,o] = b[o] + Σ_abc xp[n, i·sh + a, j·sw + b, c] · w[a,b,c,o]
 * @param {Tensor} xp (n, h, w, ci)
 * @param {Tensor} w (kh, kw, ci, co)
 * @param {Tensor} b (co,)
 * @param {Pair} stride
 * @param {Tensor} y (n, oh, ow, co), filled
 */
export function conv2d(xp, w, b, stride, y) {
  const [kh, kw, ci, co] = w.shape;
  const row = kw * ci, across = xp.shape[2] * ci, size = kh * row;
  const starts = windows(xp.shape, y.shape, stride);
  const last = starts.length - 1;
  const k = byPairs(w.data, size, co), bias = new Float64Array(b.data), out = y.data;
  const some = new Float64Array(4 * size), cells = new Int32Array(size); // what four patches have, and where in a kernel
  const all = !k.every(Number.isFinite); // 0 · NaN and 0 · ∞ count
  for (let q = 0; q < y.shape[0]; q++) {
    const x = image(xp, q);
    for (let p = 0; p <= last; p += 4) {
      const p1 = Math.min(p + 1, last), p2 = Math.min(p + 2, last), p3 = Math.min(p + 3, last);
      const d1 = starts[p1] - starts[p], d2 = starts[p2] - starts[p], d3 = starts[p3] - starts[p];
      let count = 0;
      for (let a = 0; a < kh; a++) {
        const first = starts[p] + a * across, cell = a * row - first;
        for (let u = first; u < first + row; u++) {
          const x0 = x[u], x1 = x[u + d1], x2 = x[u + d2], x3 = x[u + d3];
          if (x0 === 0 && x1 === 0 && x2 === 0 && x3 === 0 && !all) continue;
          const m = 4 * count;
          some[m] = x0;
          some[m + 1] = x1;
          some[m + 2] = x2;
          some[m + 3] = x3;
          cells[count++] = 2 * (cell + u);
        }
      }
      const place = q * (last + 1);
      const at0 = (place + p) * co, at1 = (place + p1) * co, at2 = (place + p2) * co, at3 = (place + p3) * co;
      for (let o = 0; o < co; o += 2) {
        const other = Math.min(o + 1, co - 1), channels = o * size;
        let s0 = bias[o], s1 = s0, s2 = s0, s3 = s0;
        let r0 = bias[other], r1 = r0, r2 = r0, r3 = r0;
        for (let l = 0, m = 0; l < count; l++, m += 4) {
          const v = channels + cells[l], k0 = k[v], k1 = k[v + 1];
          const x0 = some[m], x1 = some[m + 1], x2 = some[m + 2], x3 = some[m + 3];
          s0 += x0 * k0;
          r0 += x0 * k1;
          s1 += x1 * k0;
          r1 += x1 * k1;
          s2 += x2 * k0;
          r2 += x2 * k1;
          s3 += x3 * k0;
          r3 += x3 * k1;
        }
        out[at0 + o] = s0;
        out[at0 + other] = r0;
        out[at1 + o] = s1;
        out[at1 + other] = r1;
        out[at2 + o] = s2;
        out[at2 + other] = r2;
        out[at3 + o] = s3;
        out[at3 + other] = r3;
      }
    }
  }
}

/**
 * dxp[n,r,s,c] = Σ dy[n,i,j,o] · w[a,b,c,o] over all i·sh + a = r, j·sw + b = s, and o
 * @param {Tensor} dy (n, oh, ow, co)
 * @param {Tensor} w (kh, kw, ci, co)
 * @param {Pair} stride
 * @param {Tensor} dxp (n, h, w, ci), filled
 */
export function conv2d_dx(dy, w, stride, dxp) {
  const [kh, kw, ci, co] = w.shape;
  const row = kw * ci, across = dxp.shape[2] * ci, size = kh * row;
  const starts = windows(dxp.shape, dy.shape, stride);
  const k = transposed(w.data, size, co), g = dy.data;
  const sums = new Float64Array(dxp.data.length / dxp.shape[0]);
  const channels = new Int32Array(co + 3), slopes = new Float64Array(co + 3);
  for (let q = 0, at = 0; q < dy.shape[0]; q++) {
    sums.fill(0);
    for (let p = 0; p < starts.length; p++, at += co) {
      const count = nonzero(g, at, 1, co, channels, slopes);
      for (let l = 0; l < count; l += 4) {
        const g0 = slopes[l], g1 = slopes[l + 1], g2 = slopes[l + 2], g3 = slopes[l + 3];
        const v0 = channels[l] * size;
        const d1 = channels[l + 1] * size - v0, d2 = channels[l + 2] * size - v0, d3 = channels[l + 3] * size - v0;
        let v = v0;
        for (let a = 0; a < kh; a++) {
          const first = starts[p] + a * across;
          for (let u = first; u < first + row; u++, v++) {
            sums[u] += g0 * k[v] + g1 * k[v + d1] + g2 * k[v + d2] + g3 * k[v + d3];
          }
        }
      }
    }
    dxp.data.set(sums, q * sums.length);
  }
}

/**
 * dw[a,b,c,o] = Σ_nij xp[n, i·sh + a, j·sw + b, c] · dy[n,i,j,o]
 * @param {Tensor} dy (n, oh, ow, co)
 * @param {Tensor} xp (n, h, w, ci)
 * @param {Pair} stride
 * @param {Tensor} dw (kh, kw, ci, co), filled
 */
export function conv2d_dw(dy, xp, stride, dw) {
  const [kh, kw, ci, co] = dw.shape;
  const row = kw * ci, across = xp.shape[2] * ci, size = kh * row;
  const starts = windows(xp.shape, dy.shape, stride);
  const g = dy.data, sums = new Float64Array(co * size);
  const places = new Int32Array(starts.length + 3), slopes = new Float64Array(starts.length + 3);
  for (let q = 0; q < dy.shape[0]; q++) {
    const x = image(xp, q);
    for (let o = 0; o < co; o++) {
      const count = nonzero(g, q * starts.length * co + o, co, starts.length, places, slopes);
      for (let l = 0; l < count; l += 4) {
        const g0 = slopes[l], g1 = slopes[l + 1], g2 = slopes[l + 2], g3 = slopes[l + 3];
        const start = starts[places[l]];
        const d1 = starts[places[l + 1]] - start, d2 = starts[places[l + 2]] - start;
        const d3 = starts[places[l + 3]] - start;
        let v = o * size;
        for (let a = 0; a < kh; a++) {
          const first = start + a * across;
          for (let u = first; u < first + row; u++, v++) {
            sums[v] += g0 * x[u] + g1 * x[u + d1] + g2 * x[u + d2] + g3 * x[u + d3];
          }
        }
      }
    }
  }
  dw.data.set(transposed(sums, co, size));
}

/**
 * @param {readonly number[]} inputs (n, h, w, ci)
 * @param {readonly number[]} outputs (n, oh, ow, co)
 * @param {Pair} stride
 * @returns {Int32Array} (oh · ow,), the place in an image of the first number of each window
 */
function windows([, , w, ci], [, oh, ow], [sh, sw]) {
  return Int32Array.from({ length: oh * ow }, (_, p) => (Math.floor(p / ow) * sh * w + (p % ow) * sw) * ci);
}

/**
 * @param {Tensor} batch (n, h, w, c)
 * @param {number} example
 * @returns {Float64Array} (h, w, c), this example in double precision
 */
function image(batch, example) {
  const size = batch.data.length / batch.shape[0];
  const part = batch.data.subarray(example * size, (example + 1) * size);
  return part instanceof Float64Array ? part : new Float64Array(part);
}

/**
 * List the numbers that are not zero, and after them three zeros at the place of the last.
 * @param {Numbers} numbers
 * @param {number} start
 * @param {number} step
 * @param {number} count how many numbers to look at, from `start`, `step` apart
 * @param {Int32Array} places (count + 3,), gets the index of each, counted from 0 in steps
 * @param {Float64Array} values (count + 3,), gets the numbers
 * @returns {number} how many are not zero
 */
function nonzero(numbers, start, step, count, places, values) {
  let found = 0;
  for (let k = 0, at = start; k < count; k++, at += step) {
    const value = numbers[at];
    if (value === 0) continue;
    places[found] = k;
    values[found++] = value;
  }
  places.fill(places[Math.max(found - 1, 0)], found, found + 3);
  values.fill(0, found, found + 3);
  return found;
}

/**
 * @param {Numbers} matrix (rows, columns)
 * @param {number} rows
 * @param {number} columns
 * @returns {Float64Array} (columns, rows)
 */
function transposed(matrix, rows, columns) {
  const found = new Float64Array(rows * columns);
  for (let r = 0, at = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, at++) found[c * rows + r] = matrix[at];
  }
  return found;
}

/**
 * @param {Numbers} w (size, co)
 * @param {number} size
 * @param {number} co
 * @returns {Float64Array} (⌈co / 2⌉, size, 2), neighbouring channels in pairs; an odd last channel is paired with itself
 */
function byPairs(w, size, co) {
  const found = new Float64Array(Math.ceil(co / 2) * size * 2);
  for (let o = 0, v = 0; o < co; o += 2) {
    const other = Math.min(o + 1, co - 1);
    for (let t = 0; t < size; t++) {
      found[v++] = w[t * co + o];
      found[v++] = w[t * co + other];
    }
  }
  return found;
}
