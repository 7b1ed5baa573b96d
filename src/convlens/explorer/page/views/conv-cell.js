/** The arithmetic of the chosen number: term by term, with its sum; a pixel or a weight can be changed. */

import { make } from "./playground.js";

/** @typedef {import("../model/state.js").State} State */

const SHOWN = 60; // the largest terms that are listed; the rest is added up

/** @param {number} value @returns {string} four significant digits */
export function digits(value) {
  const text = value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
  return text.replace("-", "−").replace("e", "·10^");
}

/** `<conv-cell>`; its `state` is set by the page */
export class ConvCell extends HTMLElement {
  /** @type {State | undefined} */
  #state;
  #said = "";

  /** @param {State} state */
  set state(state) {
    this.#state = state;
    for (const event of ["pass", "chosen"]) state.addEventListener(event, () => this.draw());
    this.draw();
  }

  draw() {
    const state = /** @type {State} */ (this.#state);
    const { node, cell, weight } = state.chosen;
    const { name } = state.network.nodes[node];
    const what = `${state.mode === "value" ? "" : "gradient of "}${name}${weight === undefined ? "" : ` ${weight}`}[${cell.join(", ")}]`;
    const terms = state.terms();
    this.replaceChildren(
      make("h3", {}, `${what} = ${digits(state.number)}`),
      ...(terms === null ? [make("p", {}, "This number is given: it is not computed.")] : this.sum(terms)),
      ...(weight !== undefined || node === 0 ? [this.nudges()] : []),
      this.weights(),
      make("p", { className: "note", hidden: this.#said === "" }, this.#said),
    );
  }

  /** @param {Net.Terms} found @returns {HTMLElement[]} */
  sum({ formula, terms, total, more }) {
    const order = terms.length > SHOWN ? [...terms].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)) : terms;
    const rest = order.slice(SHOWN).reduce((sum, term) => sum + term.value, more?.value ?? 0);
    const count = Math.max(0, order.length - SHOWN) + (more?.count ?? 0);
    const list = make("ol", { className: "terms" });
    for (const { factors, value, note } of order.slice(0, SHOWN)) {
      const item = make("li", {});
      factors.forEach((factor, k) => {
        if (k > 0) item.append(" · ");
        const button = make("button", { title: factor.text, disabled: factor.at === null }, digits(factor.value));
        const place = factor.at;
        if (place !== null) button.addEventListener("click", () => this.follow(place));
        item.append(button);
      });
      item.append(` = ${digits(value)}${note === undefined ? "" : ` (${note})`}`);
      list.append(item);
    }
    if (count > 0) list.append(make("li", {}, `${count} more terms = ${digits(rest)}`));
    return [make("p", { className: "formula" }, `${formula} = ${digits(total)}`), list];
  }

  /** @param {Exclude<Net.Place, null>} place look at the number that a factor is */
  follow(place) {
    const state = /** @type {State} */ (this.#state);
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
    const state = /** @type {State} */ (this.#state);
    const row = make("p", {});
    for (const [name, w] of Object.entries(state.weights)) {
      const button = make("button", {}, `${name} (${w.shape.join(", ")})`);
      button.addEventListener("click", () => state.choose({ node: state.chosen.node, cell: w.shape.map(() => 0), weight: name }));
      row.append(button, " ");
    }
    return row;
  }

  /** @returns {HTMLElement} buttons that change the number, and so the loss */
  nudges() {
    const state = /** @type {State} */ (this.#state);
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
