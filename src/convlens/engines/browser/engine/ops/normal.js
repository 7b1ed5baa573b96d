/** The standard normal distribution, as in `convlens.ops`: its density and its cumulative distribution function. */

const FLAT = 28; // beyond this z, erfc(z) is 0

// The polynomial p(u), lowest power first, for (1 + 2 z) exp(z²) erfc(z) with u = (z - K) / (z + K) and z from 0: the
// form of Shepherd and Laframboise 1981, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 <= x < infinity"
const K = 3.75;
const POWERS = [
  1.2375126308378275,
  -0.1402405985855381,
  0.0035854154854105674,
  0.08227673848950645,
  -0.10880393013978192,
  0.09230432117349316,
  -0.058693398612524546,
  0.028362277294390028,
  -0.00974657944403191,
  0.0017556265283030826,
  0.0002937134572994183,
  -0.0002901563850991806,
  5.1648735588969426e-05,
  2.2389412224583792e-05,
  -1.1441449969424867e-05,
  -9.812998177949338e-07,
  1.745367626426742e-06,
  -4.959438228979707e-08,
  -2.5067594833672046e-07,
  1.853099092841149e-08,
  3.2724346965551366e-08,
  -2.07219272851944e-09,
  -2.7380883693695068e-09,
  5.587935447692871e-11,
];

/**
 * Phi(x) = erfc(-x / sqrt 2) / 2, the probability that a standard normal number is below x, within 2e-15
 * @param {number} x
 * @returns {number}
 */
export function normalCdf(x) {
  const z = Math.min(Math.abs(x) * Math.SQRT1_2, FLAT), u = (z - K) / (z + K);
  let y = 0;
  for (let k = POWERS.length - 1; k >= 0; k--) y = y * u + POWERS[k];
  y = (y / (2 + 4 * z)) * Math.exp(-z * z);
  return x > 0 ? 1 - y : y;
}

/**
 * phi(x) = exp(-x² / 2) / sqrt(2 pi), the derivative of Phi
 * @param {number} x
 * @returns {number}
 */
export function normalDensity(x) {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}
