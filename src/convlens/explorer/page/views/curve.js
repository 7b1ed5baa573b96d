/** A curve of training, with its key and with numbers on its axes. */

import { svg } from "../model/svg.js";
import { make } from "./make.js";

/** @typedef {{x: number, loss: number, accuracy: number}} Figures at x epochs */

const WIDTH = 360, HEIGHT = 170, LEFT = 40, BOTTOM = 34, TOP = 8, RIGHT = 10;

/** @param {number} most @returns {number[]} three to six round numbers from 0 to `most` */
function ticks(most) {
  const size = 10 ** Math.floor(Math.log10(most / 3)), step = [1, 2, 5, 10].map((k) => k * size).find((k) => most / k < 5.5);
  return Array.from({ length: Math.floor(most / (step ?? most) + 1e-9) + 1 }, (_, k) => k * (step ?? most));
}

/** @param {number} value @returns {string} without the errors of rounding */
const short = (value) => String(Number(value.toPrecision(6)));

/**
 * @param {"loss" | "accuracy"} name what is drawn
 * @param {(value: number) => string} written
 * @param {number} most the largest number
 * @param {Figures[]} line of the training batches
 * @param {Figures[]} dots of the held-back pictures
 * @param {number | null} mark the epochs that are looked at
 * @returns {HTMLElement} a figure with its key; a text says what it shows, for those who do not see it
 */
export function curve(name, written, most, line, dots, mark) {
  const range = (/** @type {Figures[]} */ all) => `from ${written(all[0][name])} to ${written(all[all.length - 1][name])}`;
  const held = dots.length ? `, of the held-back pictures ${range(dots)}` : "";
  const text = line.length ? `${name} of the training batches ${range(line)}${held}` : `${name}: nothing yet`;
  const end = Math.max(...[...line, ...dots].map(({ x }) => x), 1e-9), [wide, high] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
  const px = (/** @type {number} */ x) => LEFT + (wide * x) / end;
  const py = (/** @type {number} */ y) => TOP + high * (y <= most ? 1 - y / most : 0), last = line[line.length - 1];
  const points = (/** @type {Figures[]} */ all) => all.map((each) => `${px(each.x).toFixed(1)},${py(each[name]).toFixed(1)}`).join(" ");
  const dot = (/** @type {string} */ kind) => (/** @type {Figures} */ each) =>
    svg("circle", { class: kind, cx: px(each.x), cy: py(each[name]), r: 2 });
  const across = line.length + dots.length > 1 ? ticks(end) : [];
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", "aria-label": text },
    ...ticks(most).flatMap((y) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: py(y), y2: py(y) }),
      svg("text", { x: LEFT - 5, y: py(y) + 4, "text-anchor": "end" }, short(y)),
    ]),
    ...across.map((x) => svg("text", { x: px(x), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, short(x))),
    svg("text", { x: LEFT + wide / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "epochs"),
    ...(mark === null ? [] : [svg("line", { class: "mark", x1: px(mark), x2: px(mark), y1: TOP, y2: TOP + high })]),
    ...(!last || last[name] <= most ? [] : [svg("text", { class: "over", x: px(end), y: TOP + 9, "text-anchor": "end" }, `↑ ${Number.isFinite(last[name]) ? written(last[name]) : "∞"}`)]),
    svg("polyline", { class: "line", points: points(line) }), svg("polyline", { class: "held", points: points(dots) }),
    ...(line.length === 1 ? line.map(dot("line")) : []), ...dots.map(dot("dot")));
  const keys = [["line", "training batches"], ["held", "held-back pictures"]];
  const key = keys.map(([kind, words]) => make("span", { className: `key ${kind}` }, words));
  return make("figure", {}, make("figcaption", {}, `${name} `, ...key), drawn);
}
