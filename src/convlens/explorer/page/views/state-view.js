/** What all views of a network share: the state that they show, and the page's data. */

import { attached } from "../model/attached.js";

/** @typedef {import("../model/state.js").State} State */

/**
 * A view. The page sets `data`, then `state`. In a lesson, the attribute data="ID" names the script element with both:
 *
 *     <cnn-network data="lenet5"></cnn-network> <conv-cell data="lenet5"></conv-cell>
 */
export class StateView extends HTMLElement {
  data = /** @type {import("../model/source.js").PageData} */ (/** @type {unknown} */ (undefined));
  #state = /** @type {State} */ (/** @type {unknown} */ (undefined));
  #scheduled = false;

  connectedCallback() {
    const id = this.getAttribute("data");
    if (id !== null && this.#state === undefined) Object.assign(this, attached(id));
  }

  get state() {
    return this.#state;
  }

  set state(state) {
    this.#state = state;
    this.begin();
  }

  /** Build the view, and listen to the state: its "pass" and "chosen". To be overridden. */
  begin() {}

  /** To be overridden, by a view that draws with `schedule` */
  draw() {}

  /** Draw in the next frame, once. */
  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.draw();
    });
  }
}
