/** A guided walk through the network in seven steps. It is a part of the page, blocks nothing, and ends at any moment. */

import { make } from "./make.js";
import { StateView } from "./state-view.js";
import { stepsOf } from "./walk-steps.js";

/** @typedef {import("./train-live.js").TrainLive} Train */

const KEY = "convlens-walk"; // in localStorage, once the walk was taken or declined

/** `<guided-walk>`; its `state` is set by the page, or it has data="ID" */
export class GuidedWalk extends StateView {
  step = -1;
  /** @type {import("./walk-steps.js").Step[]} */
  steps = [];
  /** @type {"value" | "gradient"} what the page showed before the walk */
  #mode = "value";
  #label = 0; // the picture's own
  /** @type {Net.Tensor | undefined} the picture with that label */
  #image;
  #nudges = 0; // that were there before the walk
  #acting = false;
  #text = make("div", {});
  #task = make("p", {});
  #body = make("div", {});

  begin() {
    this.setAttribute("role", "region");
    this.ariaLabel = "guided walk";
    addEventListener("keydown", (event) => event.key === "Escape" && this.step >= 0 && this.leave());
    for (const event of ["pass", "chosen", "repaint"]) this.state.addEventListener(event, () => this.changed());
    this.addEventListener("done", () => this.done());
    this.addEventListener("part", () => {
      this.changed();
      this.look(true);
    });
    addEventListener("resize", () => this.room());
    this.offer();
  }

  /** The offer at the first visit, later a button. */
  offer() {
    const start = make("button", { onclick: () => this.start() }, "start the walk");
    if (known()) return this.replaceChildren(start);
    const no = make("button", { onclick: () => {
      known(true);
      this.offer();
      this.querySelector("button")?.focus();
    } }, "no, thanks");
    const text = "New here? A walk of a few steps shows with one picture how such a network works, and what a kernel does. ";
    return this.replaceChildren(make("p", { className: "note" }, text, start, " ", no));
  }

  start() {
    known(true);
    const { mode, label, image, nudges } = this.state;
    [this.#mode, this.#label, this.#image, this.#nudges] = [mode, label, image, nudges.length];
    this.steps = stepsOf(this.state, () => this.#label);
    this.go(0);
  }

  /** @param {number} step */
  go(step) {
    this.step = step;
    const { title, task } = this.steps[step], count = this.steps.length;
    const button = (/** @type {string} */ name, /** @type {() => void} */ onclick, ariaLabel = name) => make("button", { onclick, ariaLabel }, name);
    const heading = make("h2", { tabIndex: -1, onkeydown: (/** @type {KeyboardEvent} */ event) => this.arrow(event) }, `${step + 1} of ${count}: ${title}`);
    const on = step + 1 < count ? button("next", () => this.go(step + 1)) : button("finish", () => this.finish());
    const controls = make("p", { className: "controls" }, ...(step > 0 ? [button("back", () => this.go(step - 1))] : []), on, button("leave", () => this.leave(), "leave the walk"));
    this.#task = make("p", { className: "task" }, task);
    this.#body = make("div", { className: "walk-body", tabIndex: 0, role: "group", ariaLabel: title });
    this.replaceChildren(make("div", { className: "walk-head" }, heading, controls), this.#body);
    this.classList.add("walking");
    this.act();
    this.look();
    heading.focus({ preventScroll: true });
  }

  /** @param {boolean} [near] whether a layer moves no further into view than it must, so that those before it stay */
  look(near = false) {
    this.room();
    const [first] = this.steps[this.step].where(), whole = first?.matches(".node:first-child") ? first.parentElement : first; // the input sticks
    whole?.scrollIntoView({ block: near && whole.matches(".node") ? "nearest" : "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  /** The step acts on the page: when it is shown, and again for another picture. */
  act() {
    const { act, show, backward } = this.steps[this.step], mode = backward ? "gradient" : "value";
    this.#acting = true;
    this.restore(backward);
    if (this.state.mode !== mode) this.state.set({ mode });
    act();
    this.#acting = false;
    this.#body.replaceChildren(this.#text, this.#task, ...(show?.() ?? []));
    this.changed();
  }

  /** @param {boolean} [pretends] whether another label than the picture's own may stay; changed numbers never do */
  restore(pretends = false) {
    const { state } = this;
    state.undo(this.#nudges);
    if (!pretends && state.label !== this.#label) state.set({ label: this.#label });
  }

  /** Mark what the step speaks of. */
  mark() {
    for (const marked of document.querySelectorAll(".walk-here")) marked.classList.remove("walk-here");
    if (this.step < 0) return;
    for (const element of this.steps[this.step].where()) element?.classList.add("walk-here");
  }

  /** Let a page with the walk at its lower edge end above it, so that nothing stays hidden behind it. */
  room() {
    document.documentElement.style.setProperty("--walk", this.step < 0 ? "0px" : `${this.offsetHeight}px`);
  }

  /** The page shows something else: the sentences follow, and the step may be done. */
  changed() {
    const { state } = this;
    if (this.step < 0 || this.#acting) return undefined;
    this.#nudges = Math.min(this.#nudges, state.nudges.length); // new weights take them away
    const { says, asked } = this.steps[this.step];
    if (asked?.()) this.done();
    if (state.image !== this.#image) {
      [this.#image, this.#label] = [state.image, state.label];
      return this.act();
    }
    if (state.learning && state.label !== this.#label) return state.set({ label: this.#label }); // what learns is no pretence
    this.#text.replaceChildren(...says().map((text) => make("p", {}, text)));
    return this.mark();
  }

  /** The reader has done what the step asks for. */
  done() {
    this.#task.classList.add("done");
  }

  /** @param {KeyboardEvent} event an arrow key moves in the maps of the chosen number, if the step speaks of them */
  arrow(event) {
    const { node, weight } = this.state.chosen, row = document.querySelectorAll("cnn-network .node")[node];
    const map = event.key.startsWith("Arrow") && weight === undefined && row?.matches(".walk-here") && row.querySelector("canvas");
    if (!map) return;
    event.preventDefault();
    map.focus({ preventScroll: true });
    map.dispatchEvent(new KeyboardEvent("keydown", { key: event.key }));
  }

  leave() {
    this.step = -1;
    this.classList.remove("walking");
    this.restore();
    if (this.state.mode !== this.#mode) this.state.set({ mode: this.#mode });
    this.mark();
    this.room();
    this.offer();
    this.querySelector("button")?.focus();
  }

  /** Leave, and go on where the network learns: two buttons are marked, the second when the first was pressed. */
  finish() {
    this.leave();
    const heading = document.querySelector("section:has(> train-live) h2"), train = /** @type {Train | null} */ (document.querySelector("train-live"));
    if (!(heading instanceof HTMLElement) || train === null) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    heading.scrollIntoView(); // at once: on a slow way there, other parts would begin to compute, and grow
    const { fresh, start } = train.buttons;
    fresh?.classList.add("walk-here");
    fresh?.addEventListener("click", () => this.step < 0 && start.classList.add("walk-here"), { once: true });
    for (const button of fresh ? [fresh, start] : []) button.addEventListener("click", () => button.classList.remove("walk-here"), { once: true });
  }
}

/** @param {boolean} [now] whether it is from now on @returns {boolean} whether the walk was offered before */
function known(now = false) {
  try {
    if (now) localStorage.setItem(KEY, "known");
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false; // a page without storage offers the walk again
  }
}

customElements.define("guided-walk", GuidedWalk);
