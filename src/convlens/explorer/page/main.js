/** The page: it opens its data, connects the views of a network to one state, and puts them one below the other. */

import { stateOf } from "./model/attached.js";
import { restore } from "./model/link.js";
import { percent } from "./model/numbers.js";
import { open } from "./model/source.js";
import "./views/cnn-network.js";
import "./views/conv-cell.js";
import "./views/conv-playground.js";
import "./views/digit-pad.js";
import "./views/guided-walk.js";
import { keepMenu } from "./views/keep-menu.js";
import "./views/looks-for.js";
import { make } from "./views/make.js";
import "./views/map-numbers.js";
import { answer, modes } from "./views/network-answer.js";
import "./views/own-code.js";
import "./views/pool-playground.js";
import "./views/train-live.js";
import "./views/theme-switch.js";

/** @typedef {import("./model/source.js").PageData} PageData */
/** @typedef {import("./model/state.js").State} State */
/** A part of the page: its address in the page, its heading, and its element. */
/** @typedef {{id: string, title: string, element: HTMLElement}} Part */

/** What each part is for @type {Record<string, string>} */
const ABOUT = {
  network: "Every number of the network for one picture. Point at a number to see how it is computed.",
  "looks-for": "The pictures and the pixels that matter to a map, to a unit (one number of a layer's output) and to the prediction.",
  convolution: "A kernel moves over a small picture: change any number and see which windows exist.",
  pooling: "One number stays of each window: see which one, and where its gradient goes.",
  training: "The network learns on the pictures before your eyes; pause, step and go back in time.",
  "own-code": "Your functions compute beside the reference, and the first wrong number is opened.",
};

/** @param {State} state @param {PageData} data @returns {string} what the network does with its pictures, and what one can do here */
function purpose({ names, opened, network: { nodes: [{ shape: [h, w] }] } }, { networks: [{ images }], run }) {
  const digits = names.join("") === "0123456789" && images.light_ink !== null;
  const some = names.length > 8 ? [...names.slice(0, 4), "…", names[names.length - 1]] : names, right = run?.history?.epochs?.slice(-1)[0]?.val_accuracy;
  const does = digits ? "reads handwritten digits: it says which of 0 to 9 a picture shows"
    : `gets a picture of ${h} × ${w} pixels and says what it shows: ${some.join(", ")}`;
  const learned = !opened ? "Its weights are others now: “Watch it learn” says how much it gets right with them." : Number.isFinite(right) ? `Trained on examples, it got ${percent(right)} of other pictures right.`
    : "As long as it has not been trained, it only guesses.";
  return `This network ${does}. It is a chain of layers, each computing new numbers from those before it. ${learned} Draw a picture, see each number on the way to the answer, and watch it learn.`;
}

/**
 * A view of the state: an element that is given the state, and the page's data if it wants them.
 * @param {string} tag
 * @param {State} state
 * @param {PageData} data
 * @returns {HTMLElement}
 */
function view(tag, state, data) {
  const element = document.createElement(tag);
  return Object.assign(element, { data, state });
}

/** @param {State} state @param {PageData} data @returns {HTMLElement} the maps of the network, and the chosen number */
function network(state, data) {
  const said = make("div", { className: "said" }, answer(state), modes(state));
  const given = make("div", { className: "given" }, view("digit-pad", state, data), said);
  const panes = make("div", { className: "panes" }, view("cnn-network", state, data), view("conv-cell", state, data));
  return make("div", {}, given, view("map-numbers", state, data), panes);
}

/** @param {State} state @param {PageData} data @returns {Part[]} the parts of the page, from top to bottom */
function partsOf(state, data) {
  const code = data.server?.code ? [{ id: "own-code", title: "Your own code", element: view("own-code", state, data) }] : [];
  return [
    { id: "network", title: data.networks[0].name, element: network(state, data) },
    { id: "looks-for", title: "What it looks for", element: view("looks-for", state, data) },
    { id: "training", title: "Watch it learn", element: view("train-live", state, data) },
    { id: "convolution", title: "Convolution on small numbers", element: document.createElement("conv-playground") },
    { id: "pooling", title: "Pooling on small numbers", element: document.createElement("pool-playground") },
    ...code,
  ];
}

/** @param {PageData} data */
function show(data) {
  const state = stateOf(data), parts = partsOf(state, data);
  const links = parts.map(({ id, title }) => make("a", { href: `#${id}` }, title));
  const intro = make("p", {}, purpose(state, data));
  state.addEventListener("pass", () => {
    if (intro.textContent !== purpose(state, data)) intro.textContent = purpose(state, data);
  });
  document.querySelector("header")?.append(intro, make("nav", { ariaLabel: "parts of the page" }, ...links), view("theme-switch", state, data));
  main.replaceChildren(...parts.map(({ id, title, element }) => {
    const head = [make("h2", {}, title), make("p", { className: "about" }, ABOUT[id] ?? "")];
    return make("section", { id }, ...head, element, keepMenu(id, element, state, data));
  }));
  const note = make("p", { className: "note", hidden: true, role: "status" });
  main.prepend(view("guided-walk", state, data), note);
  const follow = async () => {
    note.hidden = true;
    try {
      const part = await restore(location.hash, state, data);
      if (part !== null) document.getElementById(part)?.scrollIntoView();
    } catch (error) {
      note.hidden = false;
      note.textContent = `The link's view cannot be shown: ${/** @type {Error} */ (error).message}.`;
    }
  };
  follow();
  window.addEventListener("hashchange", follow);
}

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

open().then(
  show,
  (error) => main.replaceChildren(make("p", {}, `The page could not be loaded: ${error.message}`)),
);
