/** A curve as SVG, with axes that have numbers, and a text that says what it shows. */

import { svg } from "../model/svg.js";

const WIDTH = 360, HEIGHT = 170, LEFT = 40, BOTTOM = 34, TOP = 8, RIGHT = 10;

/** @param {number} most @returns {number[]} three to six round numbers from 0 to `most` */
function ticks(most) {
  const size = 10 ** Math.floor(Math.log10(most / 3)), step = [1, 2, 5, 10].map((k) => k * size).find((k) => most / k < 5.5);
  return Array.from({ length: Math.floor(most / (step ?? most) + 1e-9) + 1 }, (_, k) => k * (step ?? most));
}

/** @param {number} value @returns {string} without the errors of rounding */
const short = (value) => String(Number(value.toPrecision(6)));

/**
 * @param {{text: string, x: string, most: number, line: number[][], dots: number[][], mark: number | null}} options
 *   text: what the curve says, for those who do not see it; x: the name of the axis; most: the largest y; line, dots:
 *   points [x, y]; mark: the x that is looked at
 * @returns {SVGElement}
 */
export function curve({ text, x, most, line, dots, mark }) {
  const end = Math.max(...line.map(([at]) => at), ...dots.map(([at]) => at), 1e-9);
  const [wide, high] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
  const px = (/** @type {number} */ at) => LEFT + (wide * at) / end;
  const py = (/** @type {number} */ at) => TOP + high * (1 - Math.min(at, most) / most);
  const path = (/** @type {number[][]} */ points) => points.map(([at, y]) => `${px(at).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
  const found = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", "aria-label": text });
  for (const y of ticks(most)) {
    found.append(
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: py(y), y2: py(y) }),
      svg("text", { x: LEFT - 5, y: py(y) + 4, "text-anchor": "end" }, short(y)),
    );
  }
  for (const at of line.length + dots.length > 1 ? ticks(end) : []) {
    found.append(svg("text", { x: px(at), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, short(at)));
  }
  found.append(svg("text", { x: LEFT + wide / 2, y: HEIGHT - 4, "text-anchor": "middle" }, x));
  if (mark !== null) found.append(svg("line", { class: "mark", x1: px(mark), x2: px(mark), y1: TOP, y2: TOP + high }));
  found.append(svg("polyline", { class: "line", points: path(line) }), svg("polyline", { class: "held", points: path(dots) }));
  for (const [at, y] of line.length === 1 ? line : []) found.append(svg("circle", { class: "line", cx: px(at), cy: py(y), r: 2 }));
  for (const [at, y] of dots) found.append(svg("circle", { class: "dot", cx: px(at), cy: py(y), r: 2 }));
  return found;
}
