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
/**
 * pictures: what can be kept of the part, by name. terms: the arithmetic shown
 * @typedef {{pictures: Record<string, () => Element | null>, notes: () => string[], numbers: () => Named[],
 *   terms?: () => Net.Terms | null}} Kept
 */

/** @param {State} state @param {HTMLElement} element @returns {Kept} what is kept of the network */
const ofNetwork = (state, element) => ({
  pictures: {
    "the whole network": () => element.querySelector("cnn-network"),
    "the chosen node": () => element.querySelectorAll("cnn-network .node")[state.chosen.node],
    "the arithmetic": () => element.querySelector("conv-cell"),
  },
  notes() {
    const { mode, pass, network } = state, value = mode === "value", arrays = value ? pass.y : pass.dy;
    const scale = network.nodes.map(({ name }, k) => `${name} ±${digits(largest(arrays[k].data))}`);
    return [
      `${network.name}, ${value ? "values" : "gradients"}, label ${state.names[state.label]}, loss ${digits(state.loss)}.`,
      "Blue is positive, orange negative. The strongest colour:",
      ...scale.flatMap((_, k) => (k % 2 ? [] : scale.slice(k, k + 2).join("; "))),
    ];
  },
  numbers() {
    const { array: { shape, data }, chosen: { node, weight }, mode } = state;
    const name = `${mode === "value" ? "" : "gradient of "}${state.network.nodes[node].name}${weight === undefined ? "" : ` ${weight}`}`;
    return [{ name, shape: weight === undefined ? shape.slice(1) : shape, data }];
  },
  terms: () => state.terms(),
});

/** @param {any} element @returns {Kept} what is kept of another part: itself, and its numbers, or those of its tables */
const ofPart = (element) => ({
  pictures: { "": () => element },
  notes: () => [],
  numbers: () => element.keptNumbers?.() ?? Array.from(element.querySelectorAll("table.numbers"), ({ numbers }) => numbers),
});

/**
 * @template T
 * @param {T | null | undefined} found
 * @param {string} what
 * @returns {T}
 */
function must(found, what) {
  if (found === null || found === undefined) throw new Error(what);
  return found;
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
  /** @param {string} name @param {string} ariaLabel @param {() => unknown} act */
  const button = (name, ariaLabel, act) => make("button", { ariaLabel, onclick: async () => {
    said.replaceChildren();
    try {
      await act();
    } catch (error) {
      said.replaceChildren(/** @type {Error} */ (error).message);
    }
  } }, name);
  /** @param {string} kept @param {(Node | string)[]} head @param {Record<string, [string, () => BlobPart | Promise<BlobPart>]>} forms */
  const row = (kept, head, forms) => make("p", {}, ...head, ...Object.entries(forms).flatMap(([form, [type, content]]) => {
    const name = `${file}${kept === "arithmetic" ? "-arithmetic" : ""}.${form.toLowerCase()}`;
    return [button(form, `${kept} as ${form}`, async () => download(name, type, await content())), " "];
  }));
  const picture = () => svgOf(must(pictures[names[what.selectedIndex]](), "there is nothing to draw"), file, notes());
  const some = () => must(numbers().length ? numbers() : null, "This part shows no numbers now.");
  const arithmetic = () => must(terms?.(), "The chosen number is given: it has no arithmetic.");
  return make("details", { className: "keep" }, make("summary", {}, "keep: picture, numbers, link"),
    row("picture", ["Picture ", ...(names.length > 1 ? [what, " "] : [])],
      { PNG: ["image/png", () => pngOf(picture())], SVG: ["image/svg+xml", picture] }),
    row("numbers", [id === "network" ? "Numbers of the chosen node " : "Numbers "],
      { CSV: ["text/csv", () => arraysToCsv(some())], JSON: ["application/json", () => arraysToJson(some())] }),
    ...(terms === undefined ? [] : [row("arithmetic", ["Arithmetic of the chosen number "],
      { CSV: ["text/csv", () => termsToCsv(arithmetic())], JSON: ["application/json", () => JSON.stringify(arithmetic())] })]),
    make("p", {}, button("copy a link to this view", "copy a link to this view", async () => (
      copy(location.href.split("#")[0] + (await fragmentOf(id, state, data)), said))), " ",
      data.server ? "The link works as long as this server runs." : "The link works wherever this file is."),
    said);
}

/** @param {string} link @param {HTMLElement} said */
async function copy(link, said) {
  const changed = "A link has the picture and what is chosen, not weights that were changed.";
  try {
    await navigator.clipboard.writeText(link);
    said.replaceChildren(`The link is copied. ${changed}`);
  } catch {
    const field = make("input", { type: "text", readOnly: true, value: link, ariaLabel: "link to this view" });
    said.replaceChildren("Copy the link from here: ", field, ` ${changed}`);
    field.select();
  }
}
