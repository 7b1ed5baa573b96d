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
  /** @type {{label: number, mode: "value" | "gradient"} | null} what the page showed before the walk */
  #before = null;
  #acting = false;

  begin() {
    this.setAttribute("role", "region");
    this.ariaLabel = "guided walk";
    addEventListener("keydown", (event) => event.key === "Escape" && this.step >= 0 && this.leave());
    for (const event of ["pass", "chosen"]) this.state.addEventListener(event, () => this.done());
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
    const { label, mode } = this.state;
    this.#before = { label, mode };
    this.steps = stepsOf(this.state);
    this.go(0);
  }

  /** @param {number} step */
  go(step) {
    this.step = step;
    const { title, act, says, task, show } = this.steps[step], count = this.steps.length;
    this.#acting = true;
    act();
    this.#acting = false;
    const button = (/** @type {string} */ name, /** @type {() => void} */ to, label = name) => {
      const made = make("button", { ariaLabel: label }, name);
      made.addEventListener("click", to);
      return made;
    };
    const heading = make("h2", { tabIndex: -1 }, `${step + 1} of ${count}: ${title}`);
    this.replaceChildren(
      make("div", { className: "walk-head" }, heading, button("leave", () => this.leave(), "leave the walk")),
      make("div", { className: "walk-body", tabIndex: 0, role: "group", ariaLabel: title },
        ...says().map((text) => make("p", {}, text)), ...(show ? [show()] : []), make("p", { className: "task" }, task)),
      make("p", { className: "controls" }, ...(step > 0 ? [button("back", () => this.go(step - 1))] : []),
        step + 1 < count ? button("next", () => this.go(step + 1)) : button("finish", () => this.leave())),
    );
    this.classList.add("walking");
    this.room();
    this.mark();
    heading.focus({ preventScroll: true });
  }

  /** Mark what the step speaks of, and bring it into view. */
  mark() {
    for (const marked of document.querySelectorAll(".walk-here")) marked.classList.remove("walk-here");
    if (this.step < 0) return;
    const elements = this.steps[this.step].where().filter((each) => each instanceof Element);
    for (const element of elements) element.classList.add("walk-here");
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    elements[0]?.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
  }

  /** Let the page end above the walk, so that nothing stays hidden behind it. */
  room() {
    const height = this.step < 0 ? "0px" : `${this.offsetHeight}px`;
    document.documentElement.style.setProperty("--walk", height);
  }

  /** The reader has done something. */
  done() {
    if (this.step >= 0 && !this.#acting) this.querySelector(".task")?.classList.add("done");
  }

  leave() {
    this.step = -1;
    this.classList.remove("walking");
    if (this.#before !== null) this.state.set(this.#before);
    this.#before = null;
    this.mark();
    this.room();
    this.offer();
    this.querySelector("button")?.focus();
  }
}

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
