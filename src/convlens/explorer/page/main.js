/** The page: it opens its data and shows the networks. */

import { open } from "./model/source.js";

/** @typedef {import("./model/source.js").PageNetwork} PageNetwork */

/**
 * @param {string} tag
 * @param {string} text
 * @returns {HTMLElement} a new element with this text
 */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/**
 * @param {PageNetwork} network
 * @returns {HTMLElement} the layers of a network as a list, each with its shape and number of parameters
 */
function layerList(network) {
  const section = document.createElement("section");
  const list = document.createElement("ol");
  for (const { name, kind, shape, parameters } of network.layers) {
    const many = parameters ? `, ${parameters.toLocaleString("en")} parameters` : "";
    list.append(element("li", `${name}: ${kind} → (${shape.join(", ")})${many}`));
  }
  section.append(element("h2", network.name), list);
  return section;
}

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

open().then(
  ({ networks, run }) => main.replaceChildren(...(run ? [element("p", run.name)] : []), ...networks.map(layerList)),
  (error) => main.replaceChildren(element("p", `The page could not be loaded: ${error.message}`)),
);
