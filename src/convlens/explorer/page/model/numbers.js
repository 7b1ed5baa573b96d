/** Numbers: as texts, and where they stand in an array. */

/** @param {number} value @returns {string} four significant digits, such as 0.1235 or 1.23·10⁻⁵ */
export function digits(value) {
  const text = value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
  return text.replace(/^-/, "−").replace(/e\+?(-?)(\d+)$/, (_, sign, power) => (
    `·10${sign && "⁻"}${Array.from(power, (/** @type {string} */ each) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(each)]).join("")}`));
}

/** @param {number} value @returns {string} a short text: whole numbers as they are, others with three digits after the point */
export const short = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(3)).replace("-", "−");

/** @param {number} k @param {readonly number[]} shape @returns {number[]} the index on each axis of the k-th number */
export function cellOf(k, shape) {
  const cell = new Array(shape.length);
  for (let axis = shape.length - 1, rest = k; axis >= 0; rest = Math.floor(rest / shape[axis--])) cell[axis] = rest % shape[axis];
  return cell;
}

/** @param {number} part a probability, or a part of a whole @returns {string} */
export const percent = (part) => (part < 0.0005 ? "almost 0" : `${(100 * part).toFixed(1)} %`);
