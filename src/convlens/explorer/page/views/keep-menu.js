/** The menu that keeps a part of the page: as a picture, as numbers, as a link. */

import { arraysToCsv, arraysToJson, download, termsToCsv } from "../model/keep.js";
import { fragmentOf } from "../model/link.js";
import { pngOf, svgOf } from "../model/section-picture.js";
import { largest } from "../model/colours.js";
import { digits } from "../model/numbers.js";
import { make } from "./make.js";

/** @typedef {import("../model/keep.js").Named} Named */
/** @typedef {import("../model/source.js").PageData} PageData */
/** @typedef {import("../model/state.js").State} State */
/** pictures: what can be kept of the part, by name. terms: the arithmetic shown */
/** @typedef {{pictures: Record<string, () => HTMLElement | null>, notes: () => string[], numbers: () => Named[], terms?: () => Net.Terms | null}} Kept */

/** @param {State} state @param {HTMLElement} element @returns {Kept} what is kept of the network */
function ofNetwork(state, element) {
  const chosen = () => {
    const { node, weight } = state.chosen;
    return `${state.mode === "value" ? "" : "gradient of "}${state.network.nodes[node].name}${weight === undefined ? "" : ` ${weight}`}`;
  };
  const nodes = () => [...element.querySelectorAll("cnn-network .node")].map((each) => /** @type {HTMLElement} */ (each));
  return {
    pictures: {
      "the whole network": () => element.querySelector("cnn-network"),
      "the chosen node": () => nodes()[state.chosen.node],
      "the arithmetic": () => element.querySelector("conv-cell"),
    },
    notes() {
      const { mode, pass, network } = state, arrays = mode === "value" ? pass.y : pass.dy;
      const scale = network.nodes.map(({ name }, k) => `${name} ±${digits(largest(arrays[k].data))}`);
      const lines = [`${network.name}, ${mode === "value" ? "values" : "gradients"}, label ${state.names[state.label]}, loss ${digits(state.loss)}.`];
      lines.push("Blue is positive, orange negative. The strongest colour:");
      scale.forEach((each, k) => (k % 2 ? (lines[lines.length - 1] += `; ${each}`) : lines.push(each)));
      return lines;
    },
    numbers() {
      const { array: { shape, data } } = state;
      return [{ name: chosen(), shape: state.chosen.weight === undefined ? shape.slice(1) : shape, data }];
    },
    terms: () => state.terms(),
  };
}

/** @param {HTMLElement} element @returns {Kept} what is kept of another part: itself, and the numbers of its tables */
function ofPart(element) {
  /** @returns {Named[]} */
  const numbers = () => /** @type {any} */ (element).keptNumbers?.() ?? [...element.querySelectorAll("table.numbers")].map((table) => /** @type {any} */ (table).numbers);
  return { pictures: { "": () => element }, notes: () => [], numbers };
}

/**
 * @param {string} id of the part
 * @param {HTMLElement} element
 * @param {State} state
 * @param {PageData} data
 * @returns {HTMLElement}
 */
export function keepMenu(id, element, state, data) {
  const { pictures, notes, numbers, terms } = id === "network" ? ofNetwork(state, element) : ofPart(element);
  const said = make("p", { role: "status" }), names = Object.keys(pictures), file = `convlens-${id}`;
  const what = make("select", { ariaLabel: "picture of" }, ...names.map((name) => make("option", {}, name)));
  /** @param {string} name @param {() => unknown} act @param {string} [label] */
  const button = (name, act, label = name) => {
    const made = make("button", { ariaLabel: label }, name);
    made.addEventListener("click", async () => {
      said.replaceChildren();
      try {
        await act();
      } catch (error) {
        said.replaceChildren(/** @type {Error} */ (error).message);
      }
    });
    return made;
  };
  const picture = () => {
    const root = pictures[names[what.selectedIndex]]();
    if (root === null) throw new Error("there is nothing to draw");
    return svgOf(root, file, notes());
  };
  const some = () => {
    const found = numbers();
    if (found.length === 0) throw new Error("This part shows no numbers now.");
    return found;
  };
  const arithmetic = () => {
    const found = terms?.() ?? null;
    if (found === null) throw new Error("The chosen number is given: it has no arithmetic.");
    return found;
  };
  const rows = [
    make("p", {}, "Picture ", ...(names.length > 1 ? [what, " "] : []),
      button("PNG", async () => download(`${file}.png`, "image/png", await pngOf(picture())), "picture as PNG"), " ",
      button("SVG", () => download(`${file}.svg`, "image/svg+xml", picture()), "picture as SVG")),
    make("p", {}, id === "network" ? "Numbers of the chosen node " : "Numbers ",
      button("CSV", () => download(`${file}.csv`, "text/csv", arraysToCsv(some())), "numbers as CSV"), " ",
      button("JSON", () => download(`${file}.json`, "application/json", arraysToJson(some())), "numbers as JSON")),
    ...(terms === undefined ? [] : [make("p", {}, "Arithmetic of the chosen number ",
      button("CSV", () => download(`${file}-arithmetic.csv`, "text/csv", termsToCsv(arithmetic())), "arithmetic as CSV"), " ",
      button("JSON", () => download(`${file}-arithmetic.json`, "application/json", JSON.stringify(arithmetic())), "arithmetic as JSON"))]),
    make("p", {}, button("copy a link to this view", async () => copy(location.href.split("#")[0] + (await fragmentOf(id, state, data)), said)), " ",
      data.server ? "The link works as long as this server runs." : "The link works wherever this file is."),
  ];
  return make("details", { className: "keep" }, make("summary", {}, "keep: picture, numbers, link"), ...rows, said);
}

/** @param {string} link @param {HTMLElement} said */
async function copy(link, said) {
  const changed = "A link has the picture and what is chosen, not weights that were changed.";
  try {
    await navigator.clipboard.writeText(link);
    said.replaceChildren(`The link is copied. ${changed}`);
  } catch {
    const field = make("input", { type: "text", readOnly: true, value: link, ariaLabel: "link to this view" });
    said.replaceChildren(`Copy the link from here: `, field, ` ${changed}`);
    field.select();
  }
}
