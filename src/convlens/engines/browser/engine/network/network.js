/** A network: nodes from a specification, with weights. */

import { Tensor, sizeOf } from "../kernels/tensor.js";
import { nodesOf } from "./nodes.js";
import { Pass } from "./pass.js";
import { readSafetensors } from "./safetensors.js";

/** @typedef {import("./nodes.js").Specification} Specification */
/** @typedef {{weights?: Net.Weights, dtype?: Net.Dtype, random?: () => number, frozen?: string[]}} Options */

/** A network that computes in the browser. `nodes` are its operations in order, the input first. */
export class Network {
  /**
   * @param {Specification} specification
   * @param {Options} [options] weights: by their names in a file, "conv2d/kernel"; without them they are drawn from
   *   `random`. dtype: the specification's by default. frozen: names of layers that training leaves as they are
   */
  constructor(specification, { weights, dtype, random = Math.random, frozen = [] } = {}) {
    this.specification = specification;
    this.name = specification.name ?? "sequential";
    this.dtype = dtype ?? (specification.dtype === "float64" ? "float64" : "float32");
    this.frozen = frozen;
    const { nodes, end } = nodesOf(specification);
    this.nodes = nodes;
    this.end = end;
    for (const node of nodes) {
      node.frozen = frozen.includes(node.layerName);
      for (const [own, shape] of Object.entries(node.op.weightShapes?.(node.inputShapes, node.attrs) ?? {})) {
        node.weights[own] = weights
          ? this.given(weights, node.weightNames[own], shape)
          : this.drawn(node.weightNames[own], shape, random);
      }
    }
  }

  /**
   * @param {Uint8Array | ArrayBuffer} content the file of a trained network, model.safetensors
   * @param {{dtype?: Net.Dtype}} [options]
   * @returns {Network}
   */
  static fromFile(content, options = {}) {
    const { tensors, metadata } = readSafetensors(content);
    const specification = metadata.convlens ? JSON.parse(metadata.convlens).about?.specification : undefined;
    if (specification === undefined) throw new Error("the file has weights alone, and no specification of a network");
    return new Network(specification, { ...options, weights: tensors });
  }

  /** @param {Net.Weights} weights @param {string} name @param {number[]} shape @returns {Net.Tensor} a copy */
  given(weights, name, shape) {
    const found = weights[name];
    if (found === undefined) throw new Error(`the weights must have ${name}; they are ${Object.keys(weights)}`);
    if (String(found.shape) !== String(shape)) {
      throw new Error(`${name} must be (${shape.join(", ")}); it is (${found.shape.join(", ")})`);
    }
    return this.tensor(shape, found.data);
  }

  /**
   * He et al. 2015: a kernel is normal with deviation sqrt(2 / fan_in); gamma and variance are 1, all others 0.
   * @param {string} name
   * @param {number[]} shape
   * @param {() => number} random
   * @returns {Net.Tensor}
   */
  drawn(name, shape, random) {
    const w = Tensor.zeros(shape, this.dtype);
    if (/(gamma|moving_variance)$/.test(name)) w.data.fill(1);
    const deviation = Math.sqrt(2 / sizeOf(shape.slice(0, -1)));
    if (/kernel$/.test(name)) {
      for (let at = 0; at < w.data.length; at++) w.data[at] = deviation * normal(random);
    }
    return w;
  }

  /** @returns {Net.Weights} all weights, by their names in a file */
  weights() {
    /** @type {Net.Weights} */
    const found = {};
    for (const node of this.nodes) {
      for (const [own, w] of Object.entries(node.weights)) found[node.weightNames[own]] = w;
    }
    return found;
  }

  /**
   * @param {readonly number[]} shape
   * @param {ArrayLike<number>} data
   * @returns {Net.Tensor} a copy of the numbers, in the network's dtype
   */
  tensor(shape, data) {
    const found = Tensor.zeros(shape, this.dtype);
    if (data.length !== found.data.length) {
      throw new RangeError(`(${shape.join(", ")}) needs ${found.data.length} numbers; got ${data.length}`);
    }
    found.data.set(data);
    return found;
  }

  /**
   * @param {Net.Tensor} x (n, …)
   * @param {import("./pass.js").Options} [options]
   * @returns {Pass}
   */
  forward(x, options) {
    const shape = this.nodes[0].shape;
    if (x.dtype !== this.dtype || String(x.shape.slice(1)) !== String(shape) || x.shape[0] < 1) {
      const wanted = `${this.dtype} (n, ${shape.join(", ")})`;
      throw new RangeError(`the images must be ${wanted}; got ${x.dtype} (${x.shape.join(", ")})`);
    }
    return new Pass(this.nodes, this.end, x, options);
  }
}

/** @param {() => number} random @returns {number} normal with deviation 1, cut off at 2 deviations of the uncut one */
function normal(random) {
  for (;;) {
    const z = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    if (Math.abs(z) < 2) return z / 0.87962566103423978;
  }
}
