/** The arithmetic of the chosen number: term by term, with its sum; a pixel or a weight can be changed. */

import { digits } from "../model/numbers.js";
import { gloss } from "./layer-words.js";
import { make } from "./make.js";
import { patchGrids } from "./patch-grids.js";
import { StateView } from "./state-view.js";
import { weightMaps } from "./weight-maps.js";

const GIVEN = "This number is given: it is a pixel of the picture.", LEARNED = "This number is a weight: training finds it, and it is the same for each picture.";
const RUNNING = "This number has no gradient: training keeps a running mean of the batches in it.";
const NAMED = 4; // with at most so many terms, the factors have their names
const SHOWN = 60; // the largest terms that are listed; the rest is added up
const OF_ROW = 20; // the same for a dense layer, whose terms have no place in a picture

/** @param {number[]} cell @returns {string} */
const placeOf = ([i, j, channel]) => (j === undefined ? `Number ${i}.` : `Row ${i}, column ${j} of map ${channel}.`);

/** `<conv-cell>`; its `state` is set by the page, or it has data="ID" */
export class ConvCell extends StateView {
  #said = "";
  #channel = 0; // of the patch that is shown

  begin() {
    const { state } = this;
    state.addEventListener("pass", () => this.draw());
    state.addEventListener("chosen", () => {
      this.#said = "";
      this.draw();
    });
    this.draw();
  }

  draw() {
    const { state } = this;
    const focus = this.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
    const { node, cell, weight, end } = state.chosen;
    const layer = state.network.nodes[node], { name } = layer;
    const last = { loss: "loss", probability: `probability of ${state.names.at(cell[0] - state.pass.logits.shape[1])}` };
    const what = end !== undefined ? last[end] : `${state.shown === "value" ? "" : "gradient of "}${name}${weight === undefined ? "" : ` ${weight}`}[${cell.join(", ")}]`;
    const terms = state.terms();
    this.replaceChildren(
      make("h3", { title: state.number.toLocaleString("en", { maximumSignificantDigits: 4 }) }, `${what} = ${digits(state.number)}`),
      make("p", { className: "soft" }, end !== undefined || weight !== undefined ? "" : `${placeOf(cell)} ${name}: ${gloss(layer)}.`),
      ...(terms === null ? [make("p", {}, weight === undefined ? GIVEN : state.changeable ? LEARNED : RUNNING)] : this.sum(terms)),
      ...(state.changeable ? [this.nudges()] : []),
      make("p", { className: "note", hidden: this.#said === "" }, this.#said),
      ...weightMaps(state),
      this.weights(),
    );
    if (focus) /** @type {HTMLElement | null} */ (this.querySelector(`[aria-label="${focus}"]`))?.focus();
  }

  /** @param {Net.Terms} found @returns {HTMLElement[]} */
  sum({ formula, terms, total, more }) {
    const row = this.state.network.nodes[this.state.chosen.node].op.kind === "dense", most = row ? OF_ROW : SHOWN;
    const order = terms.length > most ? [...terms].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)) : terms;
    const rest = order.slice(most).reduce((sum, term) => sum + term.value, more?.value ?? 0);
    const count = Math.max(0, order.length - most) + (more?.count ?? 0);
    const list = make("ol", { className: "terms" });
    for (const { factors, value, note } of order.slice(0, most)) {
      const item = make("li", {});
      factors.forEach((factor, k) => {
        if (k > 0) item.append(" · ");
        const button = make("button", { title: factor.text, disabled: factor.at === null }, digits(factor.value));
        const place = factor.at;
        if (place !== null) button.addEventListener("click", () => this.follow(place));
        if (order.length <= NAMED) item.append(make("small", {}, `${factor.text} `));
        item.append(button);
      });
      item.append(` = ${digits(value)}${note === undefined ? "" : ` (${note})`}`);
      list.append(item);
    }
    if (count > 0) list.append(make("li", {}, `${count} more terms = ${digits(rest)}`));
    return [make("p", { className: "formula" }, `${formula} = ${digits(total)}`), ...this.grids(terms), list];
  }

  /** @param {Net.Term[]} terms @returns {HTMLElement[]} patch, kernel and products, if the number is a convolution's value */
  grids(terms) {
    const { chosen, mode } = this.state;
    if (mode === "gradient" || chosen.weight !== undefined || chosen.end !== undefined) return [];
    return patchGrids(this.state, terms, this.#channel, (channel) => {
      this.#channel = channel;
      this.draw();
    });
  }

  /** @param {Exclude<Net.Place, null>} place look at the number that a factor is */
  follow(place) {
    const { state } = this;
    if ("weight" in place) {
      if (state.mode === "gradient") state.set({ mode: "value" });
      state.choose(place);
      return;
    }
    if (Boolean(place.gradient) !== (state.mode === "gradient")) state.set({ mode: place.gradient ? "gradient" : "value" });
    state.choose({ node: place.node, cell: place.cell });
  }

  /** @returns {HTMLElement} the weights of the node, as links to their first cell */
  weights() {
    const { state } = this;
    const row = make("p", {});
    for (const [name, w] of Object.entries(state.weights)) {
      const onclick = () => state.choose({ node: state.chosen.node, cell: w.shape.map(() => 0), weight: name });
      row.append(make("button", { onclick }, `${name} (${w.shape.join(", ")})`), " ");
    }
    return row;
  }

  /** @returns {HTMLElement} buttons that change the number, and so the loss */
  nudges() {
    const { state } = this;
    const row = make("p", {}, "Change it: ");
    for (const by of [-0.1, -0.01, 0.01, 0.1]) {
      const button = make("button", {}, `${by > 0 ? "+" : "−"}${Math.abs(by)}`);
      button.addEventListener("click", () => {
        const { before, after, predicted } = state.nudge(by);
        const slope = (after - before) / by, said = (predicted - before) / by;
        this.#said =
          `The loss goes from ${digits(before)} to ${digits(after)}; the gradient predicted ${digits(predicted)}. ` +
          `Difference divided by the change: ${digits(slope)}; gradient: ${digits(said)}.`;
        this.draw();
      });
      row.append(button, " ");
    }
    return row;
  }
}

customElements.define("conv-cell", ConvCell);
