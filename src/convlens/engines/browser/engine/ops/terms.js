/** The arithmetic of one cell: a list of terms, each a product of factors, whose sum is the number of the cell. */

import { sizeOf } from "../kernels/tensor.js";

/** The factors of a node's terms: numbers of one example, with the places where they stand. */
export class Reader {
  /** @param {Net.Node} node @param {Net.Pass} pass @param {number} example */
  constructor(node, pass, example) {
    this.node = node;
    this.pass = pass;
    this.example = example;
    this.saved = pass.saved[node.id];
  }

  /**
   * @param {number} id
   * @param {Net.Cell} cell
   * @param {string} text
   * @param {boolean} [gradient]
   * @returns {Net.Factor} a number of a node's output, or of its gradient
   */
  factor(id, cell, text, gradient = false) {
    const { data } = gradient ? this.pass.dy[id] : this.pass.y[id], { example } = this;
    const value = data[this.pass.y[id].at([example, ...cell])];
    return { text, value, at: gradient ? { node: id, cell, example, gradient } : { node: id, cell, example } };
  }

  /** @param {Net.Cell} cell @param {number} [input] @returns {Net.Factor} a number of an input */
  x(cell, input = 0) {
    return this.factor(this.node.inputs[input], cell, "x");
  }

  /** @param {Net.Cell} cell @returns {Net.Factor} a number of the output */
  y(cell) {
    return this.factor(this.node.id, cell, "y");
  }

  /** @param {Net.Cell} cell @returns {Net.Factor} a number of the output's gradient */
  dy(cell) {
    return this.factor(this.node.id, cell, "dy", true);
  }

  /** @param {string} weight @param {Net.Cell} cell @param {string} [text] @returns {Net.Factor} a number of a weight */
  w(weight, cell, text = "w") {
    const found = this.node.weights[weight];
    return { text, value: found.data[found.at(cell)], at: { node: this.node.id, weight, cell } };
  }
}

/** @param {string} text @param {number} value @returns {Net.Factor} a number that stands in no map */
export function number(text, value) {
  return { text, value, at: null };
}

/** @param {Net.Factor[]} factors @param {string} [note] @returns {Net.Term} the product of the factors */
export function product(factors, note) {
  const value = factors.reduce((all, factor) => all * factor.value, 1);
  return note === undefined ? { factors, value } : { factors, value, note };
}

/**
 * The operation with the arithmetic of whole numbers: `total` is the number in the pass's y, dx or dw. A weight's total
 * for one example is the example's part, the sum of its terms.
 * @param {Net.Arithmetic} op
 * @returns {Net.Op}
 */
export function withTotals(op) {
  return {
    ...op,
    terms: (node, pass, example, cell) => ({
      ...op.terms(node, cell, new Reader(node, pass, example)),
      total: pass.y[node.id].data[pass.y[node.id].at([example, ...cell])],
    }),
    inputTerms(node, pass, example, input, cell) {
      const dx = pass.dx[node.id][input];
      if (dx === null) throw new Error("the gradient of the input was not computed: call backward with input: true");
      const found = op.inputTerms(node, cell, new Reader(node, pass, example), input);
      return { ...found, total: dx.data[dx.at([example, ...cell])] };
    },
    weightTerms(node, pass, example, name, cell) {
      const { weightTerms } = op, dw = pass.dw[node.id][name];
      if (weightTerms === undefined || dw === undefined) throw new Error(`${node.name} has no gradient of ${name}`);
      const examples = example === "all" ? Array.from({ length: pass.count }, (_, q) => q) : [example];
      const parts = examples.map((q) => weightTerms(node, cell, new Reader(node, pass, q), name));
      const found = { formula: parts[0].formula, terms: parts.flatMap(({ terms }) => terms) };
      return { ...found, total: example === "all" ? dw.data[dw.at(cell)] : sumOf({ ...found, total: 0 }) };
    },
  };
}

/** @param {Net.Terms} found @returns {number} the sum of the terms' values, and of the rest */
export function sumOf(found) {
  return found.terms.reduce((sum, term) => sum + term.value, found.more ? found.more.value : 0);
}

/**
 * @param {Net.Terms} found
 * @param {number} most
 * @returns {Net.Terms} the `most` terms with the largest values, in their order, and the rest as one number
 */
export function folded(found, most) {
  if (found.terms.length <= most) return found;
  const order = found.terms.map((_, k) => k);
  order.sort((k, l) => Math.abs(found.terms[l].value) - Math.abs(found.terms[k].value) || k - l);
  const kept = new Set(order.slice(0, most));
  const rest = found.terms.filter((_, k) => !kept.has(k));
  const value = rest.reduce((sum, term) => sum + term.value, 0);
  return { ...found, terms: found.terms.filter((_, k) => kept.has(k)), more: { count: rest.length, value } };
}

/** @param {readonly number[]} shape @returns {Net.Cell[]} all cells of a shape, in C order */
export function cellsOf(shape) {
  return Array.from({ length: sizeOf(shape) }, (_, place) => cellAt(shape, place));
}

/** @param {readonly number[]} shape @param {number} place in C order @returns {Net.Cell} */
export function cellAt(shape, place) {
  const cell = new Array(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    cell[axis] = place % shape[axis];
    place = Math.floor(place / shape[axis]);
  }
  return cell;
}
