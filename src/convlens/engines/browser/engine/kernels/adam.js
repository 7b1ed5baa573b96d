/** A step of Adam. */

/** @typedef {import("./tensor.js").Tensor} Tensor */

/**
 * m += (1 − beta_1)(g − m);  v += (1 − beta_2)(g² − v);  w −= rate · m / (√v + epsilon)
 * @param {Tensor} w (size,), changed in place
 * @param {Tensor} m (size,), changed in place
 * @param {Tensor} v (size,), changed in place
 * @param {Tensor} g (size,), the gradient
 * @param {number} rate
 * @param {number} beta_1
 * @param {number} beta_2
 * @param {number} epsilon
 */
export function adam(w, m, v, g, rate, beta_1, beta_2, epsilon) {
  const weights = w.data, means = m.data, squares = v.data, slopes = g.data;
  for (let k = 0; k < weights.length; k++) {
    const slope = slopes[k];
    const mean = means[k] + (1 - beta_1) * (slope - means[k]);
    const square = squares[k] + (1 - beta_2) * (slope * slope - squares[k]);
    means[k] = mean;
    squares[k] = square;
    weights[k] -= (rate * mean) / (Math.sqrt(square) + epsilon);
  }
}
