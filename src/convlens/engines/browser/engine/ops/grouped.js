/** Convolution with groups and dilation, of padded images: each output channel sees the input channels of its group. */

/** @typedef {{stride: Net.Pair, dilation: Net.Pair, groups: number}} Spread */

/**
 * Calls `each` for every number of y and every row of its window's kernel cells: with the number's place, its channel,
 * and the places of the first number in xp and in w. The next ones in w are co apart.
 * @param {Net.Tensor} xp (n, h, w, ci)
 * @param {Net.Tensor} w (kh, kw, ci / groups, co)
 * @param {Net.Tensor} y (n, oh, ow, co)
 * @param {Spread} spread
 * @param {(at: number, o: number, u: number, v: number) => void} each
 */
function eachRun(xp, w, y, { stride: [sh, sw], dilation: [dh, dw], groups }, each) {
  const [n, oh, ow, co] = y.shape, [, h, width, ci] = xp.shape, [kh, kw, per] = w.shape, mine = co / groups;
  for (let q = 0, at = 0; q < n; q++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        for (let o = 0; o < co; o++, at++) {
          const start = ((q * h + i * sh) * width + j * sw) * ci + Math.floor(o / mine) * per;
          for (let a = 0; a < kh; a++) {
            for (let b = 0, v = a * kw * per * co + o; b < kw; b++, v += per * co) {
              each(at, o, start + (a * dh * width + b * dw) * ci, v);
            }
          }
        }
      }
    }
  }
}

/**
 * y[n,i,j,o] = b[o] + Σ_abc xp[n, i·sh + a·dh, j·sw + b·dw, g·ci/groups + c] · w[a,b,c,o], where g is the group of o
 * @param {Net.Tensor} xp (n, h, w, ci)
 * @param {Net.Tensor} w (kh, kw, ci / groups, co)
 * @param {Net.Tensor} b (co,)
 * @param {Spread} spread
 * @param {Net.Tensor} y (n, oh, ow, co), filled
 */
export function grouped(xp, w, b, spread, y) {
  const [, , per, co] = w.shape, x = xp.data, k = w.data, sums = Float64Array.from(y.data, (_, at) => b.data[at % co]);
  eachRun(xp, w, y, spread, (at, o, u, v) => {
    for (let c = 0; c < per; c++) sums[at] += x[u + c] * k[v + c * co];
  });
  y.data.set(sums);
}

/**
 * The gradients of `grouped`: for every product in its sums, dy · w goes to the cell of xp, and xp · dy to that of w.
 * @param {Net.Tensor} dy (n, oh, ow, co)
 * @param {Net.Tensor} xp (n, h, w, ci)
 * @param {Net.Tensor} w (kh, kw, ci / groups, co)
 * @param {Spread} spread
 * @param {Net.Tensor | null} dxp (n, h, w, ci), filled
 * @param {Net.Tensor} dw (kh, kw, ci / groups, co), filled
 */
export function groupedGradients(dy, xp, w, spread, dxp, dw) {
  const [, , per, co] = w.shape, x = xp.data, k = w.data;
  const dx = new Float64Array(x.length), dk = new Float64Array(k.length);
  eachRun(xp, w, dy, spread, (at, o, u, v) => {
    const g = dy.data[at];
    for (let c = 0; c < per && g !== 0; c++) {
      dx[u + c] += g * k[v + c * co];
      dk[v + c * co] += g * x[u + c];
    }
  });
  if (dxp) dxp.data.set(dx);
  dw.data.set(dk);
}
