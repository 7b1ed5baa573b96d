/** A view as the fragment of the page's address: JSON, compressed, in base64 of the kind for addresses. */

import { fromBase64, toBase64 } from "../engine/kernels/base64.js";

/** @typedef {import("./source.js").PageData} PageData */
/** @typedef {import("./state.js").State} State */
/** What can be kept and restored: a playground @typedef {Element & {keep: () => any, restore: (found: any) => void}} Keeper */

const START = "#view=";

/** @param {BlobPart} content @param {CompressionStream | DecompressionStream} stream @returns {Promise<ArrayBuffer>} */
const through = (content, stream) => new Response(new Blob([content]).stream().pipeThrough(stream)).arrayBuffer();

/** @param {number} value @returns {number} with nine digits if they are enough for its float32 */
const shorter = (value) => (Math.fround(Number(value.toPrecision(9))) === value ? Number(value.toPrecision(9)) : value);

/** @returns {Keeper[]} the playgrounds of the page */
const keepers = () => [.../** @type {NodeListOf<Keeper>} */ (document.querySelectorAll("conv-playground, pool-playground"))];

/**
 * @param {string} part the part of the page to go to
 * @param {State} state
 * @param {PageData} data
 * @returns {Promise<string>} the fragment: the picture, the label, what is chosen, the playgrounds' numbers
 */
export async function fragmentOf(part, { image, label, guess, mode, ties, chosen }, { networks: [{ name: network }] }) {
  const playgrounds = Object.fromEntries(keepers().map((each) => [each.localName, each.keep()]));
  const text = JSON.stringify({ part, network, image: Array.from(image.data, shorter), label, guess, mode, ties, chosen, playgrounds });
  const bytes = new Uint8Array(await through(text, new CompressionStream("deflate")));
  return START + toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {unknown} yes @param {string} what */
function must(yes, what) {
  if (!yes) throw new Error(what);
}

/** @param {unknown} value @param {number} below @returns {boolean} */
const isIndex = (value, below) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < below;

/**
 * Restore the view of a fragment.
 * @param {string} fragment of the page's address
 * @param {State} state
 * @param {PageData} data
 * @returns {Promise<string | null>} the part to go to, null if the fragment is of no view; an Error says what is wrong
 */
export async function restore(fragment, state, data) {
  if (!fragment.startsWith(START)) return null;
  const found = await parsed(fragment.slice(START.length)), { image, label, mode, ties, chosen = state.chosen, playgrounds } = found;
  must(found.network === data.networks[0].name, `it is of the network ${found.network.slice(0, 60)}`);
  must(isIndex(label, state.names.length), "its label is no class");
  must(["value", "gradient"].includes(mode) && ["first", "all"].includes(ties), "it is damaged");
  const { nodes } = state.network, { node: id, weight, cell } = chosen ?? {}, node = isIndex(id, nodes.length) ? nodes[id] : null;
  const own = typeof weight === "string" && node !== null && Object.hasOwn(node.weights, weight);
  const shape = own ? node?.weights[weight].shape : weight === undefined ? node?.shape : undefined;
  const exists = Array.isArray(cell) && cell.length === shape?.length && cell.every((k, axis) => isIndex(k, shape[axis]));
  must(exists, "its number is not in this network");
  const fits = Array.isArray(image) && image.length === state.image.data.length && image.every(Number.isFinite);
  must(fits, "its picture does not fit this network");
  const ends = id === nodes.length - 1 && ["probability", "loss"].includes(chosen.end);
  Object.assign(state, { mode, ties, chosen: { node: id, cell, ...(own ? { weight } : ends && { end: chosen.end }) } });
  state.setImage(image, found.guess === label ? "guess" : label);
  state.choose(state.chosen);
  for (const each of keepers()) if (playgrounds?.[each.localName]) each.restore(playgrounds[each.localName]);
  return typeof found.part === "string" ? found.part : "network";
}

/** @param {string} text @returns {Promise<any>} */
async function parsed(text) {
  try {
    const bytes = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
    const json = await through(bytes, new DecompressionStream("deflate"));
    const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
    must(typeof found?.network === "string", "");
    return found;
  } catch {
    throw new Error("it is damaged");
  }
}
