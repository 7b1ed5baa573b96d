/** Pooling of padded images, and its gradients. */

/** @typedef {import("./tensor.js").Tensor} Tensor */
/** @typedef {import("./tensor.js").Numbers} Numbers */
/** @typedef {readonly [number, number]} Pair */
/** @typedef {"first" | "all"} Ties */

/**
 * y[n,i,j,c] = max_ab xp[n, i·sh + a, j·sw + b, c]; a window with a NaN gives NaN
 * @param {Tensor} xp (n, h, w, c)
 * @param {Pair} kernel
 * @param {Pair} stride
 * @param {Tensor} y (n, oh, ow, c), filled
 */
export function max_pool2d(xp, [kh, kw], stride, y) {
  const x = xp.data, out = y.data, c = y.shape[3], across = xp.shape[2] * c;
  eachWindow(xp.shape, y.shape, stride, (at, start) => {
    for (let k = 0; k < c; k++) {
      let most = x[start + k];
      for (let a = 0; a < kh; a++) {
        const first = start + a * across + k;
        for (let u = first; u < first + kw * c; u += c) most = Math.max(most, x[u]);
      }
      out[at + k] = most;
    }
  });
}

/**
 * dxp[n,r,s,c] = Σ dy[n,i,j,c] over the windows (i, j) whose maximum y[n,i,j,c] is xp[n,r,s,c]: only where (r, s) is
 * the first such cell of the window, or at all of them
 * @param {Tensor} dy (n, oh, ow, c)
 * @param {Tensor} xp (n, h, w, c)
 * @param {Tensor} y (n, oh, ow, c)
 * @param {Pair} kernel
 * @param {Pair} stride
 * @param {Ties} ties
 * @param {Tensor} dxp (n, h, w, c), filled
 */
export function max_pool2d_dx(dy, xp, y, [kh, kw], stride, ties, dxp) {
  const g = dy.data, x = xp.data, most = y.data, c = y.shape[3], across = xp.shape[2] * c;
  const all = ties === "all";
  const sums = accumulator(dxp);
  eachWindow(xp.shape, y.shape, stride, (at, start) => {
    for (let k = 0; k < c; k++) {
      const value = most[at + k], slope = g[at + k];
      for (let a = 0; a < kh; a++) {
        const first = start + a * across + k;
        let u = first;
        for (; u < first + kw * c; u += c) {
          if (x[u] !== value) continue;
          sums[u] += slope;
          if (!all) break;
        }
        if (u < first + kw * c) break;
      }
    }
  });
  store(sums, dxp);
}

/**
 * y[n,i,j,c] = Σ_ab xp[n, i·sh + a, j·sw + b, c]
 * @param {Tensor} xp (n, h, w, c)
 * @param {Pair} kernel
 * @param {Pair} stride
 * @param {Tensor} y (n, oh, ow, c), filled
 */
export function sum_pool2d(xp, [kh, kw], stride, y) {
  const x = xp.data, out = y.data, c = y.shape[3], across = xp.shape[2] * c;
  eachWindow(xp.shape, y.shape, stride, (at, start) => {
    for (let k = 0; k < c; k++) {
      let sum = 0;
      for (let a = 0; a < kh; a++) {
        const first = start + a * across + k;
        for (let u = first; u < first + kw * c; u += c) sum += x[u];
      }
      out[at + k] = sum;
    }
  });
}

/**
 * dxp[n,r,s,c] = Σ dy[n,i,j,c] over all i·sh + a = r, j·sw + b = s
 * @param {Tensor} dy (n, oh, ow, c)
 * @param {Pair} kernel
 * @param {Pair} stride
 * @param {Tensor} dxp (n, h, w, c), filled
 */
export function sum_pool2d_dx(dy, [kh, kw], stride, dxp) {
  const g = dy.data, c = dy.shape[3], across = dxp.shape[2] * c;
  const sums = accumulator(dxp);
  eachWindow(dxp.shape, dy.shape, stride, (at, start) => {
    for (let a = 0; a < kh; a++) {
      const first = start + a * across;
      for (let u = 0; u < kw * c; u++) sums[first + u] += g[at + (u % c)];
    }
  });
  store(sums, dxp);
}

/**
 * Call `body` for each window, with the place of its first output channel and of the first number of its first cell.
 * @param {readonly number[]} inputs (n, h, w, c)
 * @param {readonly number[]} outputs (n, oh, ow, c)
 * @param {Pair} stride
 * @param {(at: number, start: number) => void} body
 */
function eachWindow([, h, w, c], [n, oh, ow], [sh, sw], body) {
  let at = 0;
  for (let q = 0; q < n; q++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++, at += c) body(at, ((q * h + i * sh) * w + j * sw) * c);
    }
  }
}

/**
 * @param {Tensor} tensor
 * @returns {Float64Array} zeros in which its sums run: its own memory if that is in double precision
 */
function accumulator(tensor) {
  return tensor.data instanceof Float64Array ? tensor.data.fill(0) : new Float64Array(tensor.data.length);
}

/**
 * @param {Float64Array} sums
 * @param {Tensor} tensor gets the sums, rounded to its type
 */
function store(sums, tensor) {
  if (tensor.data !== sums) tensor.data.set(sums);
}
