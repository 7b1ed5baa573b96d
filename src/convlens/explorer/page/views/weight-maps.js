/** The kernel of the chosen number as small maps, one for each input channel. A click or an arrow key chooses a weight. */

import { largest } from "../model/colours.js";
import { kernelPicture } from "./kernel-maps.js";
import { make } from "./make.js";

/** @typedef {import("../model/state.js").State} State */
/** @typedef {{h: number, w: number, name: string, cellOf: (i: number, j: number) => number[]}} Plane a part of a kernel */

const MOST = 16; // maps that are drawn
const FEW = 6, LARGE = 100, SMALL = 60; // pixels of the longer side of a map, of few maps and of many

/** @param {State} state @returns {Plane[]} the parts of the kernel that lead to the chosen channel or unit */
function planesOf({ network, chosen }) {
  const node = network.nodes[chosen.node], { shape } = node.weights.kernel;
  const last = chosen.cell[chosen.cell.length - 1]; // the output channel, or the unit
  if (shape.length === 2) {
    const unit = chosen.weight === undefined || chosen.weight === "kernel" || chosen.weight === "bias" ? last : 0;
    const before = network.nodes[node.inputs[0]];
    const [h, w, channels] = before.op.kind === "reshape" ? before.inputShapes[0] : [];
    if (channels === undefined) {
      const columns = Math.ceil(Math.sqrt(shape[0]));
      return [{ h: Math.ceil(shape[0] / columns), w: columns, name: "input", cellOf: (i, j) => [i * columns + j, unit] }];
    }
    return Array.from({ length: channels }, (_, c) => ({
      h, w, name: `channel ${c}`, cellOf: (i, j) => [(i * w + j) * channels + c, unit],
    }));
  }
  const [h, w, per, out] = shape;
  if (node.attrs.depthwise) {
    const [c, m] = chosen.weight === "kernel" ? chosen.cell.slice(2) : [Math.floor(last / out), last % out];
    return [{ h, w, name: `channel ${c}`, cellOf: (i, j) => [i, j, c, m] }];
  }
  return Array.from({ length: per }, (_, c) => ({ h, w, name: `channel ${c}`, cellOf: (i, j) => [i, j, c, last] }));
}

/**
 * @param {State} state
 * @returns {HTMLElement[]} the maps of the kernel, or of its gradient; none for a node without a kernel
 */
export function weightMaps(state) {
  const { node, cell, weight } = state.chosen, { kernel } = state.network.nodes[node].weights;
  if (kernel === undefined) return [];
  const array = state.mode === "value" ? kernel : state.pass.dw[node].kernel;
  const planes = planesOf(state), most = largest(array.data), side = planes.length > FEW ? SMALL : LARGE;
  const row = make("div", { className: "maps" });
  planes.slice(0, MOST).forEach((plane, k) => {
    const { h, w, name, cellOf } = plane, zoom = Math.max(2, Math.floor(side / Math.max(h, w)));
    const numbers = Array.from({ length: h * w }, (_, at) => array.data[array.at(cellOf(Math.floor(at / w), at % w))]);
    const canvas = kernelPicture(numbers, [h, w], zoom, `kernel, ${name}`, most);
    canvas.tabIndex = k === 0 ? 0 : -1;
    const here = weight === "kernel" ? numbers.findIndex((_, at) => String(cellOf(Math.floor(at / w), at % w)) === String(cell)) : -1;
    const context = canvas.getContext("2d");
    if (here >= 0 && context) {
      context.strokeStyle = getComputedStyle(document.body).color;
      context.lineWidth = 2;
      context.strokeRect((here % w) * zoom + 1, Math.floor(here / w) * zoom + 1, zoom - 2, zoom - 2);
    }
    /** @param {number} i @param {number} j */
    const choose = (i, j) => {
      const found = cellOf(Math.max(0, Math.min(h - 1, i)), Math.max(0, Math.min(w - 1, j)));
      if (found.every((at, axis) => at < kernel.shape[axis])) state.choose({ node, weight: "kernel", cell: found });
    };
    canvas.addEventListener("click", ({ offsetX, offsetY }) => choose(Math.floor(offsetY / zoom), Math.floor(offsetX / zoom)));
    canvas.addEventListener("keydown", (event) => {
      const [di, dj] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [0, 0] }[event.key] ?? [];
      if (di === undefined) return;
      event.preventDefault();
      choose(here < 0 ? 0 : Math.floor(here / w) + di, here < 0 ? 0 : (here % w) + dj);
    });
    row.append(canvas);
  });
  const more = planes.length > MOST ? `, the first ${MOST} of ${planes.length} channels` : "";
  const what = state.mode === "value" ? "The kernel" : "The gradient of the kernel";
  return [make("h4", {}, `${what} that leads to it${more}`), row];
}
