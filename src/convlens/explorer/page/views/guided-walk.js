/** A guided walk through the network in seven steps. It is a part of the page, blocks nothing, and ends at any moment. */

import { make } from "./make.js";
import { StateView } from "./state-view.js";
import { stepsOf } from "./walk-steps.js";

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

  begin() {
    this.setAttribute("role", "region");
    this.ariaLabel = "guided walk";
    addEventListener("keydown", (event) => event.key === "Escape" && this.step >= 0 && this.leave());
    for (const event of ["pass", "chosen", "repaint"]) this.state.addEventListener(event, () => this.changed());
    this.addEventListener("done", () => this.done());
    addEventListener("resize", () => this.room());
    this.offer();
  }

  /** The offer at the first visit, later a button. */
  offer() {
    const start = make("button", {}, "start the walk");
    start.addEventListener("click", () => this.start());
    if (known()) return this.replaceChildren(start);
    const no = make("button", {}, "no, thanks");
    no.addEventListener("click", () => {
      remember();
      this.offer();
      this.querySelector("button")?.focus();
    });
    const text = "New here? A walk of a few steps shows with one picture how such a network works, and what a kernel does. ";
    return this.replaceChildren(make("p", { className: "note" }, text, start, " ", no));
  }

  start() {
    remember();
    const { mode, label, image, nudges } = this.state;
    this.#mode = mode;
    this.#label = label;
    this.#image = image;
    this.#nudges = nudges.length;
    this.steps = stepsOf(this.state, () => this.#label);
    this.go(0);
  }

  /** @param {number} step */
  go(step) {
    this.step = step;
    const { title, act, task, show, pretends } = this.steps[step], count = this.steps.length;
    this.#acting = true;
    this.restore(pretends === true);
    act();
    this.#acting = false;
    const button = (/** @type {string} */ name, /** @type {() => void} */ to, label = name) => {
      const made = make("button", { ariaLabel: label }, name);
      made.addEventListener("click", to);
      return made;
    };
    const heading = make("h2", { tabIndex: -1 }, `${step + 1} of ${count}: ${title}`);
    heading.addEventListener("keydown", (event) => this.arrow(event));
    const on = step + 1 < count ? button("next", () => this.go(step + 1)) : button("finish", () => this.finish());
    const controls = make("p", { className: "controls" }, ...(step > 0 ? [button("back", () => this.go(step - 1))] : []), on, button("leave", () => this.leave(), "leave the walk"));
    this.replaceChildren(
      make("div", { className: "walk-head" }, heading, controls),
      make("p", { className: "task" }, task),
      make("div", { className: "walk-body", tabIndex: 0, role: "group", ariaLabel: title }, this.#text, ...(show ? [show()] : [])),
    );
    this.classList.add("walking");
    this.changed();
    this.room();
    this.mark();
    heading.focus({ preventScroll: true });
  }

  /** @param {boolean} pretends whether another label than the picture's own may stay; changed numbers never do */
  restore(pretends) {
    const { state } = this;
    state.undo(Math.min(this.#nudges, state.nudges.length));
    if (!pretends && state.label !== this.#label) state.set({ label: this.#label });
  }

  /** Mark what the step speaks of, and bring it into view. */
  mark() {
    for (const marked of document.querySelectorAll(".walk-here")) marked.classList.remove("walk-here");
    if (this.step < 0) return;
    const elements = this.steps[this.step].where().filter((each) => each instanceof Element);
    for (const element of elements) element.classList.add("walk-here");
    elements[0]?.scrollIntoView({ block: "start", behavior: still() ? "auto" : "smooth" });
  }

  /** Let the page end above the walk, so that nothing stays hidden behind it. */
  room() {
    const height = this.step < 0 ? "0px" : `${this.offsetHeight}px`;
    document.documentElement.style.setProperty("--walk", height);
  }

  /** The page shows something else: the sentences follow, and the step may be done. */
  changed() {
    const { state } = this;
    if (this.step < 0) return;
    if (state.image !== this.#image) {
      this.#image = state.image;
      this.#label = state.label;
    }
    const { says, asked } = this.steps[this.step];
    this.#text.replaceChildren(...says().map((text) => make("p", {}, text)));
    if (!this.#acting && asked?.()) this.done();
  }

  /** The reader has done what the step asks for. */
  done() {
    this.querySelector(".task")?.classList.add("done");
  }

  /** @param {KeyboardEvent} event an arrow key moves in the first map that the step speaks of */
  arrow(event) {
    const map = event.key.startsWith("Arrow") && document.querySelector(".node.walk-here canvas");
    if (!(map instanceof HTMLElement)) return;
    event.preventDefault();
    map.focus({ preventScroll: true });
    map.dispatchEvent(new KeyboardEvent("keydown", { key: event.key }));
  }

  leave() {
    this.step = -1;
    this.classList.remove("walking");
    this.restore(false);
    if (this.state.mode !== this.#mode) this.state.set({ mode: this.#mode });
    this.mark();
    this.room();
    this.offer();
    this.querySelector("button")?.focus();
  }

  /** Leave, and go on where the network learns. */
  finish() {
    this.leave();
    const heading = document.querySelector("section:has(> train-live) h2");
    if (!(heading instanceof HTMLElement)) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ block: "start", behavior: still() ? "auto" : "smooth" });
  }
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** @returns {boolean} whether the walk was offered before */
function known() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(KEY, "known");
  } catch {
    // A page without storage offers the walk again.
  }
}

customElements.define("guided-walk", GuidedWalk);
