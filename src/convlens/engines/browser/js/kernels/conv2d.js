/**
 * Convolution of padded images, and its two gradients. Each sum runs in double precision, in blocks of four channels:
 * so the four sums stay in registers, and one number of the image serves all four.
 */

/** @typedef {import("./tensor.js").Tensor} Tensor */
/** @typedef {readonly [number, number]} Pair */

/**
 * y[n,i,j,o] = b[o] + Σ_abc xp[n, i·sh + a, j·sw + b, c] · w[a,b,c,o]
 * @param {Tensor} xp (n, h, w, ci)
 * @param {Tensor} w (kh, kw, ci, co)
 * @param {Tensor} b (co,)
 * @param {Pair} stride
 * @param {Tensor} y (n, oh, ow, co), filled
 */
export function conv2d(xp, w, b, [sh, sw], y) {
  const [n, oh, ow, co] = y.shape;
  const [, h, width, ci] = xp.shape;
  const [kh, kw] = w.shape;
  const x = xp.data, k = w.data, bias = b.data, out = y.data;
  const row = kw * ci;
  for (let q = 0; q < n; q++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        const start = ((q * h + i * sh) * width + j * sw) * ci;
        const at = ((q * oh + i) * ow + j) * co;
        let o = 0;
        for (; o + 3 < co; o += 4) {
          let s0 = bias[o], s1 = bias[o + 1], s2 = bias[o + 2], s3 = bias[o + 3];
          let v = o;
          for (let a = 0; a < kh; a++) {
            const first = start + a * width * ci;
            for (let u = first; u < first + row; u++, v += co) {
              const value = x[u];
              s0 += value * k[v];
              s1 += value * k[v + 1];
              s2 += value * k[v + 2];
              s3 += value * k[v + 3];
            }
          }
          out[at + o] = s0;
          out[at + o + 1] = s1;
          out[at + o + 2] = s2;
          out[at + o + 3] = s3;
        }
        for (; o < co; o++) {
          let sum = bias[o];
          let v = o;
          for (let a = 0; a < kh; a++) {
            const first = start + a * width * ci;
            for (let u = first; u < first + row; u++, v += co) sum += x[u] * k[v];
          }
          out[at + o] = sum;
        }
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
export function conv2d_dx(dy, w, [sh, sw], dxp) {
  const [n, oh, ow, co] = dy.shape;
  const [, h, width, ci] = dxp.shape;
  const [kh, kw] = w.shape;
  const g = dy.data, k = w.data, image = h * width * ci, row = kw * ci;
  const sums = new Float64Array(image);
  for (let q = 0; q < n; q++) {
    sums.fill(0);
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        const at = ((q * oh + i) * ow + j) * co;
        const start = (i * sh * width + j * sw) * ci;
        for (let o = 0; o < co; o += 4) {
          const g0 = g[at + o];
          const g1 = o + 1 < co ? g[at + o + 1] : 0;
          const g2 = o + 2 < co ? g[at + o + 2] : 0;
          const g3 = o + 3 < co ? g[at + o + 3] : 0;
          if (g0 === 0 && g1 === 0 && g2 === 0 && g3 === 0) continue; // a ReLU or a pool gives many of them
          let v = o;
          if (o + 3 < co) {
            for (let a = 0; a < kh; a++) {
              const first = start + a * width * ci;
              for (let u = first; u < first + row; u++, v += co) {
                sums[u] += g0 * k[v] + g1 * k[v + 1] + g2 * k[v + 2] + g3 * k[v + 3];
              }
            }
            continue;
          }
          for (let a = 0; a < kh; a++) {
            const first = start + a * width * ci;
            for (let u = first; u < first + row; u++, v += co) {
              sums[u] += g0 * k[v] + (o + 1 < co ? g1 * k[v + 1] : 0) + (o + 2 < co ? g2 * k[v + 2] : 0);
            }
          }
        }
      }
    }
    dxp.data.set(sums, q * image);
  }
}

/**
 * dw[a,b,c,o] = Σ_nij xp[n, i·sh + a, j·sw + b, c] · dy[n,i,j,o]
 * @param {Tensor} dy (n, oh, ow, co)
 * @param {Tensor} xp (n, h, w, ci)
 * @param {Pair} stride
 * @param {Tensor} dw (kh, kw, ci, co), filled
 */
export function conv2d_dw(dy, xp, [sh, sw], dw) {
  const [n, oh, ow, co] = dy.shape;
  const [, h, width, ci] = xp.shape;
  const [kh, kw] = dw.shape;
  const g = dy.data, x = xp.data, row = kw * ci;
  const sums = new Float64Array(dw.data.length);
  for (let q = 0; q < n; q++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        const at = ((q * oh + i) * ow + j) * co;
        const start = ((q * h + i * sh) * width + j * sw) * ci;
        let o = 0;
        for (; o + 3 < co; o += 4) {
          const g0 = g[at + o], g1 = g[at + o + 1], g2 = g[at + o + 2], g3 = g[at + o + 3];
          if (g0 === 0 && g1 === 0 && g2 === 0 && g3 === 0) continue;
          let v = o;
          for (let a = 0; a < kh; a++) {
            const first = start + a * width * ci;
            for (let u = first; u < first + row; u++, v += co) {
              const value = x[u];
              sums[v] += value * g0;
              sums[v + 1] += value * g1;
              sums[v + 2] += value * g2;
              sums[v + 3] += value * g3;
            }
          }
        }
        for (; o < co; o++) {
          const g0 = g[at + o];
          if (g0 === 0) continue;
          let v = o;
          for (let a = 0; a < kh; a++) {
            const first = start + a * width * ci;
            for (let u = first; u < first + row; u++, v += co) sums[v] += x[u] * g0;
          }
        }
      }
    }
  }
  dw.data.set(sums);
}
