/** A grid of numbers as a table: cells can be marked, chosen, and edited. A screen reader gets the same table. */

import { short } from "../model/numbers.js";

/**
 * @typedef {Object} GridOptions
 * @property {string} caption
 * @property {number} rows
 * @property {number} columns
 * @property {(i: number, j: number) => number | null} value null for a cell without a number
 * @property {(i: number, j: number) => string} [mark] class names of a cell
 * @property {(i: number, j: number, value: number) => void} [edit] makes cells of the input editable
 * @property {(i: number, j: number) => boolean} [editable] which of them, by default all
 * @property {(i: number, j: number) => void} [choose] called when a cell is pointed at or gets the focus
 * @property {(value: number) => string} [text] by default `short`
 */

/**
 * @param {GridOptions} options
 * @returns {HTMLTableElement} a new table
 */
export function numberGrid({ caption, rows, columns, value, mark, edit, editable, choose, text = short }) {
  const table = document.createElement("table");
  table.className = "numbers";
  table.createCaption().textContent = caption;
  const all = Array.from({ length: rows * columns }, (_, k) => value(Math.floor(k / columns), k % columns));
  Object.assign(table, { numbers: { name: caption, shape: [rows, columns], data: all } }); // see views/keep-menu.js
  const body = table.createTBody();
  for (let i = 0; i < rows; i++) {
    const row = body.insertRow();
    for (let j = 0; j < columns; j++) {
      const cell = row.insertCell();
      const number = value(i, j);
      cell.className = `${mark?.(i, j) ?? ""} ${sign(number)}`;
      if (edit !== undefined && number !== null && (editable?.(i, j) ?? true)) {
        cell.append(field(`${caption}, row ${i}, column ${j}`, number, (changed) => edit(i, j, changed)));
      } else {
        cell.textContent = number === null ? "" : text(number);
        if (choose !== undefined) cell.tabIndex = 0;
      }
      if (choose === undefined) continue;
      for (const event of ["pointerenter", "focusin"]) cell.addEventListener(event, () => choose(i, j));
    }
  }
  return table;
}

/**
 * @param {number | null} number
 * @returns {string} the class of a cell: its colour tells zero, positive and negative
 */
function sign(number) {
  if (number === null || number === 0) return "zero";
  return number > 0 ? "positive" : "negative";
}

/**
 * @param {string} name
 * @param {number} value
 * @param {(value: number) => void} changed
 * @returns {HTMLInputElement}
 */
function field(name, value, changed) {
  const input = document.createElement("input");
  input.inputMode = "decimal";
  input.value = short(value);
  input.ariaLabel = name;
  input.addEventListener("focus", () => input.select());
  input.addEventListener("change", () => {
    const found = Number(input.value.trim().replace("−", "-").replace(",", "."));
    if (input.value.trim() !== "" && Number.isFinite(found)) changed(found);
    else input.value = short(value);
  });
  return input;
}
