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
export function max_pool2d(xp, kernel, stride, y) {
  const x = xp.data, out = y.data, places = cells(xp.shape, kernel);
  eachWindow(xp.shape, y.shape, stride, (first, end, at) => {
    for (let start = first; start < end; start++, at++) {
      let most = x[start];
      for (let k = 1; k < places.length; k++) most = Math.max(most, x[start + places[k]]);
      out[at] = most;
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
export function max_pool2d_dx(dy, xp, y, kernel, stride, ties, dxp) {
  const g = dy.data, x = xp.data, most = y.data, places = cells(xp.shape, kernel);
  const all = ties === "all";
  const sums = accumulator(dxp, kernel, stride);
  eachWindow(xp.shape, y.shape, stride, (first, end, at) => {
    for (let start = first; start < end; start++, at++) {
      if (g[at] === 0) continue;
      for (let k = 0; k < places.length; k++) {
        if (x[start + places[k]] !== most[at]) continue;
        sums[start + places[k]] += g[at];
        if (!all) break;
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
export function sum_pool2d(xp, kernel, stride, y) {
  const x = xp.data, out = y.data, places = cells(xp.shape, kernel);
  eachWindow(xp.shape, y.shape, stride, (first, end, at) => {
    for (let start = first; start < end; start++, at++) {
      let sum = x[start];
      for (let k = 1; k < places.length; k++) sum += x[start + places[k]];
      out[at] = sum;
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
export function sum_pool2d_dx(dy, kernel, stride, dxp) {
  const g = dy.data, places = cells(dxp.shape, kernel);
  const sums = accumulator(dxp, kernel, stride);
  eachWindow(dxp.shape, dy.shape, stride, (first, end, at) => {
    for (let start = first; start < end; start++, at++) {
      for (let k = 0; k < places.length; k++) sums[start + places[k]] += g[at];
    }
  });
  store(sums, dxp);
}

/**
 * @param {readonly number[]} inputs (n, h, w, c)
 * @param {Pair} kernel
 * @returns {Int32Array} (kh · kw,), the place of each cell of a window, counted from its first cell
 */
function cells([, , w, c], [kh, kw]) {
  return Int32Array.from({ length: kh * kw }, (_, k) => (Math.floor(k / kw) * w + (k % kw)) * c);
}

/**
 * Call `body` for each window, with the places of the channels of its first cell, `first` to `end`, and of its output.
 * @param {readonly number[]} inputs (n, h, w, c)
 * @param {readonly number[]} outputs (n, oh, ow, c)
 * @param {Pair} stride
 * @param {(first: number, end: number, at: number) => void} body
 */
function eachWindow([, h, w, c], [n, oh, ow], [sh, sw], body) {
  let at = 0;
  for (let q = 0; q < n; q++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++, at += c) {
        const first = ((q * h + i * sh) * w + j * sw) * c;
        body(first, first + c, at);
      }
    }
  }
}

/**
 * @param {Tensor} tensor
 * @param {Pair} kernel
 * @param {Pair} stride
 * @returns {Numbers} zeros in which its sums run, in double precision where windows overlap; else its own memory
 */
function accumulator({ data }, [kh, kw], [sh, sw]) {
  const alone = kh <= sh && kw <= sw;
  return alone || data instanceof Float64Array ? data.fill(0) : new Float64Array(data.length);
}

/**
 * @param {Numbers} sums
 * @param {Tensor} tensor gets the sums, rounded to its type
 */
function store(sums, tensor) {
  if (tensor.data !== sums) tensor.data.set(sums);
}
