/** Whether the numbers shown add up to the number stated, for every cell of a pass; and whether windows fit consumers. */

import { gradientTerms, lossTerms, probabilityTerms, valueTerms, weightTerms } from "./network/arithmetic.js";
import { cellsOf, folded, sumOf } from "./ops/terms.js";
import { sizeOf } from "./kernels/tensor.js";
import { downstream, upstream } from "./network/reach.js";
import { build, passOf } from "./passes.js";

/** The number that stands where a factor says that it stands. */
function stated(pass, at) {
  const w = pass.nodes[at.node].weights[at.weight];
  if (w) return w.data[w.at(at.cell)];
  const found = at.gradient ? pass.dy[at.node] : pass.y[at.node];
  return found.data[found.at([at.example, ...at.cell])];
}

class Worst {
  constructor(pass) {
    Object.assign(this, { pass, difference: 0, where: "", cells: 0, terms: 0, wrong: [] });
  }

  /** Compare the sum of the terms with the total, relative to the sizes of the terms; and the factors with their places. */
  take(where, found, total) {
    const size = found.terms.reduce((sum, { value }) => sum + Math.abs(value), Math.abs(total));
    const apart = size === 0 ? 0 : Math.abs(sumOf(found) - total) / size, difference = apart >= 0 ? apart : Infinity;
    this.cells += 1;
    this.terms += found.terms.length;
    if (found.total !== total) this.wrong.push(`${where}: total`);
    if (difference > this.difference) Object.assign(this, { difference, where });
    for (const { factors } of found.terms) {
      for (const { text, value, at } of factors) {
        const plain = ["x", "y", "dy", "w", "b", "z", "γ", "β"].includes(text);
        if (at && plain && stated(this.pass, at) !== value) this.wrong.push(`${where}: ${text}`);
      }
    }
  }
}

export function sums(given) {
  const network = build(given), pass = passOf(network, given), worst = new Worst(pass), { nodes } = network;
  const examples = Array.from({ length: pass.count }, (_, q) => q);
  for (const node of nodes) {
    for (const [q, cell] of examples.flatMap((q) => cellsOf(node.shape).map((cell) => [q, cell]))) {
      const place = pass.y[node.id].at([q, ...cell]), where = `${node.name} [${cell}]`;
      worst.take(where, valueTerms(pass, node.id, q, cell), pass.y[node.id].data[place]);
      worst.take(`gradient of ${where}`, gradientTerms(pass, node.id, q, cell), pass.dy[node.id].data[place]);
    }
    for (const [name, dw] of Object.entries(pass.dw[node.id])) {
      for (const cell of cellsOf(dw.shape)) {
        const where = `gradient of ${node.name}/${name} [${cell}]`, total = dw.data[dw.at(cell)];
        worst.take(where, weightTerms(pass, node.id, "all", name, cell), total);
        if (pass.count === 1) continue;
        const parts = examples.map((q) => weightTerms(pass, node.id, q, name, cell));
        const terms = parts.map((part) => ({ factors: [], value: part.total }));
        worst.take(`parts of ${where}`, { terms, total }, total);
      }
    }
  }
  for (const q of examples) {
    worst.take("loss", lossTerms(pass, q), pass.loss.data[q]);
    for (const cell of cellsOf(pass.logits.shape.slice(1))) {
      const p = pass.probabilities;
      worst.take("probability", probabilityTerms(pass, q, cell), p.data[p.at([q, ...cell])]);
    }
  }
  return { ...worst, pass: null, wrong: worst.wrong.slice(0, 5) };
}

/** For every node and input: the pairs (cell of the output, cell of the input) in one relation but not in the other. */
export function unpaired(given) {
  const found = [];
  for (const node of build(given).nodes) {
    node.inputs.forEach((_, input) => {
      const size = sizeOf(node.inputShapes[input]), place = (shape, cell) => cell.reduce((at, k, a) => at * shape[a] + k, 0);
      const windows = new Set(), consumers = new Set();
      for (const out of cellsOf(node.shape)) {
        for (const each of node.op.window(node, out).filter((one) => one.input === input)) {
          for (const cell of each.cells) windows.add(place(node.shape, out) * size + place(node.inputShapes[input], cell));
        }
      }
      for (const cell of cellsOf(node.inputShapes[input])) {
        for (const out of node.op.consumers(node, input, cell)) {
          consumers.add(place(node.shape, out) * size + place(node.inputShapes[input], cell));
        }
      }
      const extra = [...consumers].filter((pair) => !windows.has(pair)).length;
      found.push({ name: node.name, pairs: windows.size, extra, missing: windows.size + extra - consumers.size });
    });
  }
  return found;
}

export function foldedSum(given) {
  const pass = passOf(build(given), given), all = valueTerms(pass, given.node, 0, given.cell), few = folded(all, given.most);
  const { more, terms } = few, smallest = Math.min(...terms.map(({ value }) => Math.abs(value)));
  const larger = all.terms.filter(({ value }) => Math.abs(value) > smallest).length;
  return { count: all.terms.length, kept: terms.length, more: more.count, larger, difference: sumOf(all) - sumOf(few) };
}

/** For a cell: where a change of the input reaches it, by upstream; and by going downstream from each input cell. */
export function reaches({ node, cell, depth, ...given }) {
  const { nodes } = build(given), found = upstream(nodes, node, cell, depth), { shape } = nodes[0];
  const place = cell.reduce((at, k, axis) => at * nodes[node].shape[axis] + k, 0);
  const back = cellsOf(shape).map((each) => downstream(nodes.slice(0, node + 1), 0, each).get(node)?.[place] ?? 0);
  const counts = [...found].map(([id, mask]) => [id, mask.reduce((sum, one) => sum + one, 0)]);
  return { input: [...(found.get(0) ?? [])], back, counts };
}
