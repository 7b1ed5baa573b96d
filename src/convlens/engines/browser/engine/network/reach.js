/** Which cells a cell is computed from, and which are computed from it, through as many nodes as wanted. */

import { sizeOf } from "../kernels/tensor.js";
import { cellAt } from "../ops/terms.js";

/** @typedef {Map<number, Uint8Array>} Reached by node: for each cell in C order, 1 if it is reached, else 0 */

/** @param {Net.Node} node @returns {boolean} whether all channels of a position see the same cells, and are seen by them */
const alike = ({ op, attrs }) => op.kind === "dense" || (op.kind === "conv2d" && attrs.groups === 1 && !attrs.depthwise);

/**
 * @param {Net.Node[]} nodes
 * @param {Reached} reached
 * @param {number} id
 * @param {Net.Cell[]} cells
 */
function mark(nodes, reached, id, cells) {
  const { shape } = nodes[id], mask = reached.get(id) ?? new Uint8Array(sizeOf(shape));
  for (const cell of cells) mask[cell.reduce((place, index, axis) => place * shape[axis] + index, 0)] = 1;
  reached.set(id, mask);
}

/** @param {Reached} reached @param {number} id @returns {() => boolean} whether all of a node is reached; it looks at a place once */
function fullness(reached, id) {
  let at = 0;
  return () => (at = reached.get(id)?.indexOf(0, at) ?? 0) < 0;
}

/**
 * @param {Net.Node} node
 * @param {Uint8Array} mask
 * @param {boolean} once whether one channel of a position stands for all of them
 * @param {(cell: Net.Cell) => boolean} each called for each reached cell, until it says that nothing is left to reach
 */
function eachReached({ shape }, mask, once, each) {
  const channels = shape[shape.length - 1];
  for (let place = mask.indexOf(1); place >= 0; place = mask.indexOf(1, place + 1)) {
    if (each(cellAt(shape, place))) return;
    if (once) place += channels - 1 - (place % channels);
  }
}

/**
 * @param {Net.Node[]} nodes
 * @param {number} id
 * @param {Net.Cell} cell
 * @param {number} [depth] how many nodes back; all by default
 * @returns {Reached} the cell itself, and all cells that it is computed from
 */
export function upstream(nodes, id, cell, depth = Infinity) {
  /** @type {Reached} */
  const reached = new Map(), far = new Map([[id, 0]]);
  mark(nodes, reached, id, [cell]);
  for (const node of nodes.slice(1, id + 1).reverse()) {
    const mask = reached.get(node.id), steps = far.get(node.id) ?? 0;
    if (mask === undefined || steps >= depth) continue;
    for (const source of node.inputs) far.set(source, Math.min(steps + 1, far.get(source) ?? Infinity));
    const full = node.inputs.map((source) => fullness(reached, source));
    eachReached(node, mask, alike(node), (each) => {
      for (const { input, cells } of node.op.window(node, each)) mark(nodes, reached, node.inputs[input], cells);
      return full.every((is) => is());
    });
  }
  return reached;
}

/**
 * @param {Net.Node[]} nodes
 * @param {number} id
 * @param {Net.Cell} cell
 * @param {number} [depth] how many nodes on; all by default
 * @returns {Reached} the cell itself, and all cells that are computed from it
 */
export function downstream(nodes, id, cell, depth = Infinity) {
  /** @type {Reached} */
  const reached = new Map(), far = new Map([[id, 0]]);
  mark(nodes, reached, id, [cell]);
  for (const node of nodes.slice(id + 1)) {
    node.inputs.forEach((source, input) => {
      const mask = reached.get(source), steps = far.get(source) ?? 0;
      if (mask === undefined || steps >= depth) return;
      far.set(node.id, Math.min(steps + 1, far.get(node.id) ?? Infinity));
      const full = fullness(reached, node.id);
      eachReached(nodes[source], mask, alike(node), (each) => {
        mark(nodes, reached, node.id, node.op.consumers(node, input, each));
        return full();
      });
    });
  }
  return reached;
}
