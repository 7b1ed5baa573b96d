/** What can be handled inside a step of the guided walk: the numbers around a pixel, the classes, a nudge. */

import { digits } from "../model/numbers.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";

/** @typedef {import("../model/state.js").State} State */

/** @template {HTMLElement} T @param {T} box @param {State} state @param {() => void} draw now, and on changes while the box is on the page */
export function drawn(box, state, draw) {
  const events = ["pass", "chosen", "repaint"];
  const redraw = () => {
    if (box.isConnected) return draw();
    for (const event of events) state.removeEventListener(event, redraw);
    return undefined;
  };
  for (const event of events) state.addEventListener(event, redraw);
  draw();
  return box;
}

/** @param {number} value @returns {string} two digits after the point */
export const two = (value) => (value.toFixed(2) === "-0.00" ? "0.00" : value.toFixed(2).replace("-", "−"));

/** @param {State} state @returns {HTMLElement} the numbers of the picture around the chosen pixel */
export function neighbours(state) {
  const box = make("div", { className: "patch" }), [h, w] = state.network.nodes[0].shape;
  let at = [0, 0, 0];
  return drawn(box, state, () => {
    if (state.chosen.node === 0 && state.chosen.weight === undefined) at = state.chosen.cell;
    const value = (/** @type {number} */ i, /** @type {number} */ j) => {
      const [y, x] = [at[0] + i - 2, at[1] + j - 3];
      return y < 0 || x < 0 || y >= h || x >= w ? null : state.image.data[state.image.at([0, y, x, at[2]])];
    };
    const mark = (/** @type {number} */ i, /** @type {number} */ j) => (i === 2 && j === 3 ? "chosen" : "");
    box.replaceChildren(numberGrid({ caption: "the numbers around the chosen pixel", rows: 5, columns: 7, value, mark, text: two }));
  });
}

/** @param {State} state @returns {HTMLElement} a button for each class: it becomes the label */
export function classes(state) {
  const buttons = state.names.map((name, k) => {
    const made = make("button", {}, name);
    made.addEventListener("click", () => state.set({ label: k }));
    return made;
  });
  const row = make("p", { className: "controls" }, "The right answer is ", ...buttons);
  return drawn(make("div", {}, row), state, () => buttons.forEach((made, k) => (made.ariaPressed = String(k === state.label))));
}

/** @param {State} state @returns {HTMLElement} buttons that change the chosen number, and the loss before, after, and as predicted */
export function nudges(state) {
  const said = make("p", { ariaLive: "polite" }), undo = make("button", {}, "undo"), kept = state.nudges.length;
  undo.addEventListener("click", () => state.undo());
  const buttons = [-0.1, -0.01, 0.01, 0.1].map((by) => {
    const made = make("button", {}, `${by > 0 ? "+" : "−"}${Math.abs(by)}`);
    made.addEventListener("click", () => state.nudge(by));
    return made;
  });
  const { label, image } = state;
  return drawn(make("div", {}, make("p", { className: "controls" }, "The weight: ", ...buttons, undo), said), state, () => {
    const last = state.nudges[state.nudges.length - 1], some = state.nudges.length > kept;
    undo.disabled = !some;
    for (const button of buttons) button.disabled = !state.changeable;
    if (!some || state.label !== label || state.image !== image) return said.replaceChildren(`Loss now: ${digits(state.loss)}.`);
    const { array, at, was, before, predicted } = last;
    return said.replaceChildren(
      `The weight was ${digits(was)} and is ${digits(array.data[at])}. Loss before: ${digits(before)}. Loss after: ${digits(state.loss)}. Predicted: ${digits(predicted)}. ` +
        `It changed by ${digits(state.loss - before)}; the gradient said ${digits(predicted - before)}.`,
    );
  });
}
