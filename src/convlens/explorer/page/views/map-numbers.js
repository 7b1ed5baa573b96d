/** The chosen map as numbers: its scale of colours, and a table that a screen reader reads. */

import { largest, painted } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";
import { StateView } from "./state-view.js";

const LARGEST = 30; // rows and columns of the table; of a larger map, those around the chosen cell
const ROW = 10; // units in a row of the table of a dense layer

/** `<map-numbers>`; its `state` is set by the page, or it has data="ID" */
export class MapNumbers extends StateView {
  scale = make("p", { className: "scale" });
  summary = make("summary");
  table = make("div", { className: "scroll", tabIndex: 0, role: "group" });
  details = make("details", {}, this.summary, this.table);

  begin() {
    for (const event of ["pass", "chosen"]) this.state.addEventListener(event, () => this.schedule());
    this.details.addEventListener("toggle", () => this.schedule());
    this.replaceChildren(this.scale, this.details);
    this.draw();
  }

  draw() {
    const { state, details } = this, { node, cell, weight } = state.chosen, { name, shape } = state.network.nodes[node];
    const { data } = (state.mode === "value" ? state.pass.y : state.pass.dy)[node], most = largest(data);
    const colours = painted(Array.from({ length: 41 }, (_, k) => k / 20 - 1), [1, 41], 4, "scale of the colours");
    const what = state.mode === "value" ? name : `the gradient of ${name}`;
    const ends = [make("span", {}, digits(-most)), colours, make("span", {}, `${digits(most)}. The background's colour is 0.`)];
    this.scale.replaceChildren(`Colours of ${what}:`, ...ends);
    const maps = shape.length === 3, channel = maps ? cell[cell.length - 1] % shape[2] : 0;
    this.summary.textContent = `numbers of ${what}${maps ? `, map ${channel}` : ""}`;
    this.table.ariaLabel = this.summary.textContent;
    if (!details.open) return this.table.replaceChildren();
    const [h, w] = maps ? shape : [Math.ceil(shape[0] / ROW), Math.min(ROW, shape[0])], own = weight === undefined;
    const from = (/** @type {number} */ size, /** @type {number} */ at) => Math.max(0, Math.min(size - LARGEST, at - LARGEST / 2));
    const here = !own ? [-1, -1] : maps ? cell : [Math.floor(cell[0] / ROW), cell[0] % ROW];
    const [top, left] = [from(h, here[0]), from(w, here[1])], rows = Math.min(h, LARGEST), columns = Math.min(w, LARGEST);
    const place = (/** @type {number} */ i, /** @type {number} */ j) => (i + top) * w + j + left;
    const table = numberGrid({
      caption: `${this.summary.textContent}: rows ${top} to ${top + rows - 1}, columns ${left} to ${left + columns - 1}`,
      rows,
      columns,
      value: (i, j) => data[maps ? place(i, j) * shape[2] + channel : place(i, j)] ?? null,
      text: (value) => (value === 0 ? "0" : digits(value)),
      mark: (i, j) => (i + top === here[0] && j + left === here[1] ? "chosen" : ""),
    });
    return this.table.replaceChildren(table);
  }
}

customElements.define("map-numbers", MapNumbers);
