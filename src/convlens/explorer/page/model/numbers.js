/** Numbers as texts. */

/** @param {number} value @returns {string} four significant digits */
export function digits(value) {
  const text = value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
  return text.replaceAll("-", "−").replace("e+", "e").replace("e", "·10^");
}

/**
 * @param {number} value
 * @returns {string} a short text: whole numbers as they are, others with three digits after the point
 */
export function short(value) {
  return Number.isInteger(value) ? String(value).replace("-", "−") : value.toFixed(3).replace("-", "−");
}
