/** A grid of numbers as a table: cells can be marked, chosen, and edited. A screen reader gets the same table. */

import { short } from "../model/numbers.js";
import { make } from "./make.js";

const LONGEST = 6; // letters of a number in a cell
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** @param {number} value @returns {string} a text that fits a cell; of a longer number "12.3M" */
const fitting = (value) => (short(value).length > LONGEST ? COMPACT.format(value).replace("-", "−") : short(value));

/**
 * @typedef {Object} GridOptions
 * @property {string} caption
 * @property {number} rows
 * @property {number} columns
 * @property {(i: number, j: number) => number | null} value null for a cell without a number
 * @property {(i: number, j: number) => string} [mark] class names of a cell
 * @property {(i: number, j: number, value: number) => void} [edit] makes cells of the input editable
 * @property {(i: number, j: number) => boolean} [editable] which of them, by default all
 * @property {(value: number) => string} [text] by default `fitting`
 */

/** @param {GridOptions} options @returns {HTMLTableElement} a new table */
export function numberGrid({ caption, rows, columns, value, mark, edit, editable, text = fitting }) {
  const table = make("table", { className: "numbers" }), body = table.createTBody();
  table.createCaption().textContent = caption;
  const all = Array.from({ length: rows * columns }, (_, k) => value(Math.floor(k / columns), k % columns));
  Object.assign(table, { numbers: { name: caption, shape: [rows, columns], data: all } }); // see views/keep-menu.js
  for (let i = 0; i < rows; i++) {
    const row = body.insertRow();
    for (let j = 0; j < columns; j++) {
      const cell = row.insertCell(), number = value(i, j), shown = number === null ? "" : text(number);
      const sign = !number ? "zero" : number > 0 ? "positive" : "negative"; // its colour tells them apart
      cell.className = `${mark?.(i, j) ?? ""} ${sign} ${shown.length > 3 ? "long" : ""}`;
      if (number !== null && shown !== short(number)) cell.title = short(number);
      if (edit !== undefined && number !== null && (editable?.(i, j) ?? true)) {
        cell.append(field(`${caption}, row ${i}, column ${j}`, number, (changed) => edit(i, j, changed)));
      } else cell.textContent = shown;
    }
  }
  return table;
}

/** @param {string} name @param {number} value @param {(value: number) => void} changed */
function field(name, value, changed) {
  const input = make("input", { inputMode: "decimal", value: fitting(value), ariaLabel: name });
  input.onfocus = () => {
    input.value = short(value);
    input.select();
  };
  input.onblur = () => (input.value = fitting(value));
  input.onchange = () => {
    const found = Number(input.value.trim().replace("−", "-").replace(",", "."));
    if (input.value.trim() !== "" && Number.isFinite(found)) changed(found);
    else input.value = short(value);
  };
  return input;
}
