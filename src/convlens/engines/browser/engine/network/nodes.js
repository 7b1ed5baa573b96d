/** A network's nodes from its specification: the layers and their fields as JSON, see `convlens.nn.specification`. */

import { input } from "../ops/shapes.js";
import { ADD, LAYERS } from "./layers.js";

/** @typedef {import("./layers.js").Step} Step */
/** @typedef {Record<string, any> & {layer: string}} Description a layer's fields */
/** @typedef {{name: string, layer: string, layerName: string}} Place a layer's name, also in a block, and place */
/**
 * @typedef {{format: string, version?: number, name?: string, input_shape: number[], dtype?: string,
 *   layers: Description[]}} Specification
 */

/**
 * @param {Specification} specification
 * @returns {{nodes: Net.Node[], end: Net.End}} the nodes in order, the input first; and the activation at the end that
 *   belongs to the loss, which is no node
 */
export function nodesOf(specification) {
  const { format, input_shape: shape, layers } = specification;
  if (format !== "convlens network" || !Array.isArray(shape) || !Array.isArray(layers)) {
    throw new Error('a network needs a specification of the format "convlens network"');
  }
  /** @type {Net.Node[]} */
  const nodes = [];
  addNode(nodes, { op: input, attrs: { shape } }, [], { name: "input", layer: "input", layerName: "input" });
  const names = namesOf(layers);
  let end = 0;
  layers.forEach((layer, k) => {
    end = addLayer(nodes, layer, end, { name: names[k], layer: String(k), layerName: names[k] });
  });
  return { nodes, end: takeEnd(nodes, layers[layers.length - 1].layer) };
}

/**
 * @param {Description[]} layers
 * @returns {string[]} their names: given ones, else the kind, from the second one of a kind on with a number
 */
function namesOf(layers) {
  const given = layers.map((layer) => layer.name ?? null);
  /** @type {Record<string, number>} */
  const counts = {};
  return layers.map((layer, k) => {
    let name = given[k];
    while (name === null || (given[k] === null && given.includes(name))) {
      const kind = layer.layer === "Add" ? ADD.kind : knownLayer(layer, `layer ${k + 1}`).kind;
      name = kind + (counts[kind] ? `_${counts[kind]}` : "");
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return name;
  });
}

/**
 * @param {Description} layer
 * @param {string} where
 * @returns {import("./layers.js").Layer}
 */
function knownLayer(layer, where) {
  if (Object.hasOwn(LAYERS, layer.layer)) return LAYERS[layer.layer];
  throw new Error(`${where} is of the kind ${layer.layer}, which the browser does not compute`);
}

/**
 * Adds the nodes of a layer.
 * @param {Net.Node[]} nodes
 * @param {Description} layer
 * @param {number} source the node that it reads
 * @param {Place} place
 * @returns {number} the node with its output
 */
function addLayer(nodes, layer, source, place) {
  const block = layer.layer === "Add";
  const steps = block ? ADD.activated(layer.activation ?? null) : stepsOf(layer, place);
  let end = block ? addBlock(nodes, layer, source, place) : source;
  for (const step of steps) {
    end = addNode(nodes, step, [end], place);
    nodes[end].attrs = { ...step.attrs, penalties: penaltiesOf(nodes[end], layer) };
  }
  return end;
}

/**
 * Adds both chains of a residual block, and their sum.
 * @param {Net.Node[]} nodes
 * @param {Description} layer
 * @param {number} source
 * @param {Place} place
 * @returns {number} the node of the sum
 */
function addBlock(nodes, layer, source, place) {
  const ends = ["branch", "shortcut"].map((chain) => {
    let end = source;
    (layer[chain] ?? []).forEach((/** @type {Description} */ inner, /** @type {number} */ k) => {
      const [name, at] = [`${place.name}/${chain}_${k}`, `${place.layer}.${chain}.${k}`];
      end = addLayer(nodes, inner, end, { name, layer: at, layerName: place.layerName });
    });
    return end;
  });
  return addNode(nodes, { op: ADD.op, attrs: {} }, ends, place);
}

/**
 * @param {Description} layer
 * @param {Place} place
 * @returns {Step[]} the operations of a layer that is no block
 */
function stepsOf(layer, place) {
  const { fields, steps } = knownLayer(layer, place.name);
  const values = Object.fromEntries(
    Object.entries(fields).map(([field, start]) => [field, layer[field] === undefined ? start : layer[field]]),
  );
  const missing = Object.keys(values).find((field) => values[field] === undefined);
  if (missing !== undefined) throw new Error(`${place.name} (${layer.layer}) must have the field ${missing}`);
  return steps(values);
}

/**
 * @param {Net.Node[]} nodes
 * @param {Step} step
 * @param {number[]} inputs
 * @param {Place} place
 * @returns {number} the new node
 */
function addNode(nodes, { op, attrs, part, names }, inputs, place) {
  const inputShapes = inputs.map((id) => nodes[id].shape), name = part ? `${place.name}/${part}` : place.name;
  try {
    const own = Object.keys(op.weightShapes?.(inputShapes, attrs) ?? {});
    const weightNames = Object.fromEntries(own.map((weight) => [weight, `${place.name}/${names?.[weight] ?? weight}`]));
    const shape = op.shape(inputShapes, attrs), { layer, layerName } = place, id = nodes.length;
    nodes.push({ id, name, layer, layerName, op, inputs, inputShapes, shape, attrs, weights: {}, weightNames });
  } catch (error) {
    throw new Error(`${name}: ${/** @type {Error} */ (error).message}`);
  }
  return nodes.length - 1;
}

/**
 * @param {Net.Node} node
 * @param {Description} layer
 * @returns {Record<string, {l1: number, l2: number}>} the penalties of its weights, from texts such as "l2(l2=0.01)"
 */
function penaltiesOf(node, layer) {
  /** @type {Record<string, {l1: number, l2: number}>} */
  const found = {};
  for (const [own, name] of Object.entries(node.weightNames)) {
    const last = name.slice(name.lastIndexOf("/") + 1);
    const field = layer.layer === "DepthwiseConv2D" && last === "kernel" ? "depthwise" : last.replace(/_kernel$/, "");
    const text = layer[`${field}_regularizer`];
    if (typeof text !== "string") continue;
    const [l1, l2] = ["l1", "l2"].map((each) => {
      const written = text.match(new RegExp(`${each}=([0-9.e+-]+)`));
      return written ? Number(written[1]) : text === each ? 0.01 : 0;
    });
    found[own] = { l1, l2 };
  }
  return found;
}

/**
 * Takes a softmax or sigmoid off the end, where the output is one number for each class: the loss computes it.
 * @param {Net.Node[]} nodes
 * @param {string} layer the kind of the last layer
 * @returns {Net.End}
 */
function takeEnd(nodes, layer) {
  const last = nodes[nodes.length - 1], { function: name } = last.attrs;
  const end = last.op.kind === "softmax" ? "softmax" : name === "sigmoid" ? "sigmoid" : null;
  const fits = ["Activation", "Dense", "Softmax"].includes(layer) && nodes.length > 2 && last.shape.length === 1;
  if (!fits || end === null) return String(last.shape) === "1" ? "sigmoid" : null; // softmax of a single number is 1
  nodes.pop();
  return end;
}
