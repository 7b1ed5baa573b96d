/** What can be handled inside a step of the guided walk: the numbers around one, a pool's window, the classes, a nudge. */

import { cellOf, digits } from "../model/numbers.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";

/** @typedef {import("../model/state.js").State} State */

const LARGEST = 7; // numbers in a side of a window or a kernel that is shown
const MOST = 5; // changes that are listed

/** @template {HTMLElement} T @param {T} box @param {State} state @param {(box: T) => void} draw now, and on changes while the box is on the page */
export function drawn(box, state, draw) {
  const events = ["pass", "chosen", "repaint"];
  const redraw = () => {
    if (box.isConnected) return draw(box);
    for (const event of events) state.removeEventListener(event, redraw);
    return undefined;
  };
  for (const event of events) state.addEventListener(event, redraw);
  draw(box);
  return box;
}

/** @param {number} value @returns {string} two digits after the point */
export const two = (value) => (value.toFixed(2) === "-0.00" ? "0.00" : value.toFixed(2).replace("-", "−"));

/** @param {State} state @param {number} id of a node @returns {HTMLElement} the numbers around the chosen one of its map */
export function neighbours(state, id) {
  const box = make("div", { className: "patch" }), { shape: [h, w] } = state.network.nodes[id];
  let at = [0, 0, 0];
  return drawn(box, state, () => {
    if (state.chosen.node === id && state.chosen.weight === undefined) at = state.chosen.cell;
    const { y, dy } = state.pass, array = (state.mode === "value" ? y : dy)[id];
    const value = (/** @type {number} */ i, /** @type {number} */ j) => {
      const [r, s] = [at[0] + i - 2, at[1] + j - 3];
      return r < 0 || s < 0 || r >= h || s >= w ? null : array.data[array.at([0, r, s, at[2]])];
    };
    const mark = (/** @type {number} */ i, /** @type {number} */ j) => (i === 2 && j === 3 ? "chosen" : "");
    const caption = `the ${state.mode === "value" ? "numbers" : "gradients"} around the chosen one`;
    box.replaceChildren(numberGrid({ caption, rows: 5, columns: 7, value, mark, text: two }));
  });
}

/** @param {State} state @param {number} id of a node @returns {HTMLElement} buttons that choose a strong gradient of each sign, and the next that is 0 */
export function jumps(state, id) {
  const { shape } = state.network.nodes[id];
  const button = (/** @type {string} */ name, /** @type {(all: number[]) => number} */ find) => make("button", { onclick: () => {
    const at = find([...state.pass.dy[id].data]);
    if (at >= 0) state.choose({ node: id, cell: cellOf(at, shape) });
  } }, name);
  const next = (/** @type {number[]} */ all) => {
    const { node, cell, weight } = state.chosen, maps = shape[2], here = node === id && weight === undefined ? state.pass.dy[id].at([0, ...cell]) : 0;
    const found = all.findIndex((value, at) => at > here && at % maps === here % maps && value === 0);
    return found < 0 ? all.indexOf(0) : found;
  };
  return make("p", { className: "controls" }, button("blue", (all) => all.indexOf(Math.max(...all))), button("orange", (all) => all.indexOf(Math.min(...all))), button("next empty place", next));
}

/** @param {State} state @param {Net.Node} pool @returns {HTMLElement} the window of its chosen number: before and after the activation, and pooled */
export function pooled(state, pool) {
  const { nodes } = state.network, read = nodes[pool.inputs[0]], bent = read.op.kind === "activation", max = pool.op.kind.includes("max");
  let cell = pool.shape.map(() => 0);
  return drawn(make("div", { className: "patch grids" }), state, (box) => {
    const { chosen, pass: { y } } = state;
    if (chosen.node === pool.id && chosen.weight === undefined) cell = chosen.cell;
    const [{ cells }] = pool.op.window(pool, cell), [[top, left, channel]] = cells, [bottom, right] = cells[cells.length - 1];
    const rows = bottom - top + 1, columns = right - left + 1, at = (/** @type {number} */ id, /** @type {number[]} */ place) => y[id].data[y[id].at([0, ...place])];
    const most = cells.map((place) => at(read.id, place)).indexOf(at(pool.id, cell));
    const grid = (/** @type {number} */ id, /** @type {string} */ caption) => {
      const mark = (/** @type {number} */ i, /** @type {number} */ j) => (id === read.id && max && i * columns + j === most ? "chosen" : "");
      return numberGrid({ caption, rows, columns, value: (i, j) => at(id, [top + i, left + j, channel]), mark, text: two });
    };
    if (Math.max(rows, columns) > LARGEST) return box.replaceChildren();
    const bend = read.attrs.function === "relu" ? "ReLU" : read.attrs.function, before = bent ? [grid(read.inputs[0], `before ${bend}`)] : [];
    const after = numberGrid({ caption: max ? "the largest" : "the mean", rows: 1, columns: 1, value: () => at(pool.id, cell), text: two });
    return box.replaceChildren(...before, grid(read.id, bent ? `after ${bend}` : read.name), after);
  });
}

/** @param {State} state @returns {HTMLElement} a button for each class: it becomes the label */
export function classes(state) {
  const buttons = state.names.map((name, k) => make("button", { onclick: () => state.set({ label: k }) }, name));
  const row = make("p", { className: "controls" }, "Another right answer: ", ...buttons);
  return drawn(row, state, () => buttons.forEach((made, k) => (made.ariaPressed = String(k === state.label))));
}

/** @param {State} state @returns {HTMLElement} buttons that change the chosen weight; what the gradient says of the loss, and what the loss does */
export function nudges(state) {
  const said = make("p", { ariaLive: "polite" }), table = make("table", { className: "figures" }), kernel = make("div", { className: "patch" });
  const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) => make("button", { onclick }, name);
  const raise = button("raise by 0.01", () => state.nudge(0.01)), lower = button("lower by 0.01", () => state.nudge(-0.01)), undo = button("undo", () => state.undo());
  const row = (/** @type {"td" | "th"} */ tag, /** @type {string[]} */ texts) => make("tr", {}, ...texts.map((text) => make(tag, {}, text)));
  let { label, nudges: { length: kept } } = state; // changes before the step, or with another label, are not listed
  return drawn(make("div", {}, make("p", { className: "controls" }, raise, lower, undo), said, table, kernel), state, () => {
    kept = state.label === label ? Math.min(kept, state.nudges.length) : state.nudges.length;
    label = state.label;
    const { loss } = state, changes = state.nudges.slice(kept), last = changes[changes.length - 1];
    const { chosen: { cell: [r, s, ...map], weight = "" }, weights: { [weight]: array } } = state, [h, w, ...maps] = array?.shape ?? [];
    const mark = (/** @type {number} */ i, /** @type {number} */ j) => (i === r && j === s ? "chosen" : "");
    const grid = { caption: "the weight in its kernel", rows: h, columns: w, mark, text: two, value: (/** @type {number} */ i, /** @type {number} */ j) => array.data[array.at([i, j, ...map])] };
    kernel.replaceChildren(...(maps.length && Math.max(h, w) <= LARGEST ? [numberGrid(grid)] : []));
    raise.disabled = lower.disabled = !state.changeable || state.learning;
    undo.disabled = last === undefined;
    const rows = changes.map(({ array, at, before, predicted }, k) => {
      const next = changes[k + 1] ?? { was: array.data[at], before: loss };
      return row("td", [digits(next.was), four(predicted), `${four(next.before)} ${next.before > before ? "↑" : "↓"}`]);
    });
    const head = row("th", ["weight", "loss, by the gradient", "loss"]);
    if (last) rows.unshift(row("td", [digits(changes[0].was), "", four(changes[0].before)]));
    table.replaceChildren(...(last ? [head] : []), ...rows.slice(-MOST));
    const size = (/** @type {number} */ to) => four(Math.abs(to - last.before));
    said.textContent = last ? `The loss ${loss > last.before ? "rose" : "fell"} by ${size(loss)}; the gradient said ${size(last.predicted)}. The network says ${state.names[label]} with ${share(last.before)} → ${share(loss)}.` : `The loss is ${four(loss)}.`;
  });
}

/** @param {number} value @returns {string} four digits after the point */
export const four = (value) => value.toFixed(4).replace("-", "−");

/** @param {number} loss @returns {string} the probability of the right answer at that loss */
const share = (loss) => `${digits(100 * Math.exp(-loss))} %`;
