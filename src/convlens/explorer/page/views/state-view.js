/** What all views of a network share: the state that they show, and the page's data. */

import { attached } from "../model/attached.js";

/** @typedef {import("../model/state.js").State} State */
/** @typedef {import("../model/source.js").PageData} PageData */

/**
 * A view. The page sets `data`, then `state`. In a lesson, the attribute data="ID" names the script element with both:
 *
 *     <cnn-network data="lenet5"></cnn-network> <conv-cell data="lenet5"></conv-cell>
 */
export class StateView extends HTMLElement {
  /** @type {State | undefined} */
  #state;
  /** @type {PageData | undefined} */
  #data;

  connectedCallback() {
    const id = this.getAttribute("data");
    if (id === null || this.#state !== undefined) return;
    const { data, state } = attached(id);
    Object.assign(this, { data, state });
  }

  /** @returns {PageData} */
  get data() {
    return /** @type {PageData} */ (this.#data);
  }

  set data(data) {
    this.#data = data;
  }

  /** @returns {State} */
  get state() {
    return /** @type {State} */ (this.#state);
  }

  set state(state) {
    this.#state = state;
    this.begin();
  }

  /** Build the view, and listen to the state: its "pass" and "chosen". To be overridden. */
  begin() {}
}
