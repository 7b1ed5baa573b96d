/** Numbers and arithmetic as files: CSV with one number a line, or JSON. */

import { cellOf } from "./numbers.js";

/** An array with its name: data in C order @typedef {{name: string, shape: readonly number[], data: ArrayLike<number>}} Named */

/** @param {string} name @param {string} type @param {BlobPart} content offer a file to save */
export function download(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {(string | number)[][]} rows @returns {string} */
const csv = (rows) => rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");

/** @param {string | number} value @returns {string} */
const field = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

/** @param {readonly Named[]} arrays @returns {string} each number with its array's name and its index on each axis */
export function arraysToCsv(arrays) {
  const axes = Math.max(...arrays.map(({ shape }) => shape.length));
  /** @type {(string | number)[][]} */
  const rows = [["array", ...Array.from({ length: axes }, (_, k) => `axis ${k}`), "number"]];
  for (const { name, shape, data } of arrays) {
    const blank = new Array(axes - shape.length).fill("");
    for (let k = 0; k < data.length; k++) rows.push([name, ...cellOf(k, shape), ...blank, data[k]]);
  }
  return csv(rows);
}

/** @param {readonly Named[]} arrays @returns {string} */
export const arraysToJson = (arrays) => JSON.stringify(arrays.map(({ name, shape, data }) => ({ name, shape, data: Array.from(data) })));

/** @param {Net.Terms} found @returns {string} a line for each term: its value, and its factors with their numbers */
export function termsToCsv({ terms, total, more }) {
  const most = Math.max(0, ...terms.map(({ factors }) => factors.length));
  const head = Array.from({ length: most }, (_, k) => [`factor ${k}`, `number ${k}`]).flat();
  return csv([
    ["term", "value", "note", ...head],
    ...terms.map(({ factors, value, note = "" }, k) => [k, value, note, ...factors.flatMap(({ text, value: number }) => [text, number])]),
    ...(more ? [["more", more.value, `${more.count} more terms`]] : []),
    ["total", total],
  ]);
}
