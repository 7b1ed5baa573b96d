/** A view as the fragment of the page's address: the picture, the label, what is chosen, the playgrounds' numbers. */

import { fromBase64, toBase64 } from "../engine/kernels/base64.js";
import { sizeOf } from "../engine/kernels/tensor.js";
import { pack, unpack } from "./source.js";

/** @typedef {import("./source.js").PageData} PageData */
/** @typedef {import("./state.js").State} State */
/** What can be kept and restored: a playground @typedef {Element & {keep: () => any, restore: (found: any) => void}} Keeper */

const START = "#view=";

/** @param {State} state @param {PageData} data @returns {Record<string, unknown>} picture: of the data; else its numbers */
function imageOf({ image: { data: now } }, { pictures, networks: [{ images }] }) {
  if (pictures !== null) {
    const { data: all } = unpack(pictures, images.scale), size = now.length;
    for (let k = 0; k < pictures.shape[0] && all.length === size * pictures.shape[0]; k++) {
      if (now.every((value, at) => value === Math.fround(all[k * size + at]))) return { picture: k };
    }
  }
  const scale = Math.fround(images.scale), levels = Uint8Array.from(now, (value) => Math.round(value / scale));
  const exact = now.every((value, k) => Math.fround(levels[k] * scale) === Math.fround(value));
  return exact ? { levels: toBase64(levels) } : { numbers: pack({ shape: [now.length], data: Float32Array.from(now) }).data };
}

/**
 * @param {string} part the part of the page to go to
 * @param {State} state
 * @param {PageData} data
 * @returns {string} the fragment
 */
export function fragmentOf(part, state, data) {
  const { label, mode, ties, chosen } = state;
  const playgrounds = Object.fromEntries(keepers().map((each) => [each.localName, each.keep()]));
  const found = { part, network: data.networks[0].name, ...imageOf(state, data), label, mode, ties, chosen, playgrounds };
  const bytes = new TextEncoder().encode(JSON.stringify(found));
  return START + toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @returns {Keeper[]} the playgrounds of the page */
function keepers() {
  return [.../** @type {NodeListOf<Keeper>} */ (document.querySelectorAll("conv-playground, pool-playground"))];
}

/** @param {unknown} yes @param {string} what */
function must(yes, what) {
  if (!yes) throw new Error(what);
}

/** @param {unknown} value @param {number} below @returns {boolean} */
export const isIndex = (value, below) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < below;

/**
 * Restore the view of a fragment.
 * @param {string} fragment of the page's address
 * @param {State} state
 * @param {PageData} data
 * @returns {string | null} the part of the page to go to, null if the fragment is of no view; an Error says what is wrong
 */
export function restore(fragment, state, data) {
  if (!fragment.startsWith(START)) return null;
  const found = parsed(fragment.slice(START.length)), { label, mode, ties, chosen = state.chosen, playgrounds } = found;
  must(found.network === data.networks[0].name, `it is of the network ${found.network.slice(0, 60)}`);
  must(isIndex(label, state.names.length), "its label is no class");
  must(["value", "gradient"].includes(mode) && ["first", "all"].includes(ties), "it is damaged");
  const { nodes } = state.network, node = isIndex(chosen?.node, nodes.length) ? nodes[chosen.node] : null;
  const own = typeof chosen?.weight === "string" && node !== null && Object.hasOwn(node.weights, chosen.weight);
  const shape = own ? node?.weights[chosen.weight].shape : node?.shape, cell = chosen?.cell;
  const exists = Array.isArray(cell) && cell.length === shape?.length && cell.every((k, axis) => isIndex(k, shape[axis]));
  must(exists && (own || chosen.weight === undefined), "its number is not in this network");
  const numbers = numbersOf(found, state.image.data.length, data);
  Object.assign(state, { label, mode, ties });
  const end = node?.id === nodes.length - 1 && ["probability", "loss"].includes(chosen.end) ? { end: chosen.end } : {};
  state.chosen = own ? { node: chosen.node, cell, weight: chosen.weight } : { node: chosen.node, cell, ...end };
  state.setImage(numbers);
  state.choose(state.chosen);
  for (const each of keepers()) if (playgrounds?.[each.localName]) each.restore(playgrounds[each.localName]);
  return typeof found.part === "string" ? found.part : "network";
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    const bytes = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
    const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    must(typeof found?.network === "string", "");
    return found;
  } catch {
    throw new Error("it is damaged");
  }
}

/** @param {any} found @param {number} size @param {PageData} data @returns {ArrayLike<number>} the image */
function numbersOf({ picture, levels, numbers }, size, { pictures, networks: [{ images }] }) {
  if (picture !== undefined) {
    must(pictures !== null && isIndex(picture, pictures.shape[0]) && sizeOf(pictures.shape.slice(1)) === size, "its picture is not in this page");
    return unpack(/** @type {import("./source.js").Pictures} */ (pictures), images.scale).data.subarray(picture * size, (picture + 1) * size);
  }
  try {
    const packed = /** @type {import("./source.js").PackedArray} */ ({ shape: [size], dtype: levels === undefined ? "float32" : "uint8", data: levels ?? numbers });
    const { data } = unpack(packed, images.scale);
    must(data.length === size && data.every(Number.isFinite), "");
    return data;
  } catch {
    throw new Error("its picture does not fit this network");
  }
}
