/** A convolution of one channel on small numbers that can be changed, forward and backward, window by window. */

import { conv2d, conv2d_dw, conv2d_dx } from "../engine/kernels/conv2d.js";
import { Tensor } from "../engine/kernels/tensor.js";
import { crop, pad } from "../engine/ops/geometry.js";
import { short } from "../model/numbers.js";
import { numberGrid } from "./number-grid.js";
import { Playground } from "./playground.js";

/**
 * @param {Tensor | undefined} old
 * @param {number[]} shape (1, h, w, 1)
 * @param {(i: number, j: number) => number} start a number for a cell that is new
 * @returns {Tensor} the old numbers where they fit
 */
export function resized(old, shape, start) {
  const made = Tensor.zeros(shape, "float64");
  const [, h, w] = shape;
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      const kept = old !== undefined && i < old.shape[1] && j < old.shape[2];
      made.data[i * w + j] = kept ? old.data[i * old.shape[2] + j] : start(i, j);
    }
  }
  return made;
}

/**
 * @param {[number, number][]} products
 * @param {number} [bias]
 * @returns {string} the sum, product by product, and its value
 */
export function sum(products, bias) {
  const total = products.reduce((found, [a, b]) => found + a * b, bias ?? 0);
  const terms = products.map(([a, b]) => `${short(a)}·${b < 0 ? `(${short(b)})` : short(b)}`);
  return `${[...terms, ...(bias === undefined ? [] : [`${short(bias)} (bias)`])].join(" + ") || "0"} = ${short(total)}`;
}

/** `<conv-playground size="5 6" kernel="3 2" stride="1 2" padding="course" backward>` */
export class ConvPlayground extends Playground {
  /** @type {Tensor | undefined} */ x;
  /** @type {Tensor | undefined} */ w;
  /** @type {Tensor | undefined} */ dy;
  bias = 0;
  backwardWords = "The gradient dZ says how the loss changes with each number of the output: in a network it comes from the layers after this one, here it is made up. dA says the same of the input, for the layers before; dW of the kernel, which training changes by it.";
  fault = "";

  get kept() {
    return { bias: null, fault: ["", "cut"] };
  }

  connectedCallback() {
    super.connectedCallback();
    const [{ setting, note }] = this.presets();
    if (this.attributes.length === 0) this.change({ ...setting, note });
  }

  presets() {
    const square = { size: [5, 5], kernel: [3, 3], stride: [2, 2], fault: "" };
    const edge = resized(undefined, [1, 5, 6, 1], (_, j) => (j < 3 ? 0 : 5)), sides = resized(undefined, [1, 3, 3, 1], (_, j) => j - 1);
    const simple = [
      { name: "find an edge", setting: { ...square, size: [5, 6], stride: [1, 1], padding: "valid", x: edge, w: sides, bias: 0 },
        note: "The picture is dark (0) on the left and bright (5) on the right. The kernel subtracts what is under its left side from what is under its right side: the output is large at the edge and 0 elsewhere." },
      { name: "keep the size", setting: { ...square, stride: [1, 1], padding: "same" },
        note: "With zeros around the picture, its padding, the window also stands at the border: the output is as large as the picture." },
      { name: "larger steps", setting: { ...square, size: [5, 7], padding: "valid" },
        note: "With stride 2 the window moves by two cells: the output has about half as many rows and columns." },
    ];
    const expert = [
      { name: "Keras and the course differ", setting: { ...square, padding: "course" },
        note: 'With stride 2, Keras\'s "same" gives ⌈h / s⌉ = 3 rows. The course\'s "same" gives as many rows as the input has, 5, and needs 6 rows of zeros for it. Choose the padding same to see the other one.' },
      { name: "the mistake ph:-ph", setting: { ...square, padding: "valid", stride: [1, 1], backward: true, fault: "cut" },
        note: "dA is computed with its padding, and a program cuts it off by dA[ph:-ph, pw:-pw]. Without padding that is dA[0:-0], and -0 is 0: no row is left. dA[ph:ph + h, pw:pw + w] is right for every padding." },
      { name: "one row too much padding", setting: { ...square, kernel: [2, 2], stride: [1, 1], padding: "explicit", pads: [[1, 1], [1, 1]] },
        note: "A kernel of 2 rows needs one row of zeros in all to keep the size. A program that adds (kh − 1) // 2 + 1 rows on both sides gets one row and one column too many: 6 by 6 in place of 5 by 5." },
    ];
    return [...simple, ...expert.map((each) => ({ ...each, expert: true }))];
  }

  compute() {
    const { size, kernel } = this.setting;
    const { pads, out } = this.plan;
    this.x = resized(this.x, [1, ...size, 1], (i, j) => ((3 * i + 5 * j) % 7) - 2);
    this.w = resized(this.w, [1, ...kernel, 1], (i, j) => ((2 * i + j) % 4) - 1);
    this.dy = resized(this.dy, [1, ...out, 1], (i, j) => ((i + 2 * j) % 3) - 1);
    this.xp = pad(this.x, pads);
    this.y = Tensor.zeros([1, ...out, 1], "float64");
    const bias = new Tensor([1], new Float64Array([this.bias]));
    conv2d(this.xp, this.kernel4, bias, this.setting.stride, this.y);
    // The gradients of the windows up to the present one: they grow as the window moves
    const dy = this.dy.copy();
    dy.data.fill(0, this.step + 1);
    this.dxp = this.xp.like();
    this.dw = Tensor.zeros(this.kernel4.shape, "float64");
    conv2d_dx(dy, this.kernel4, this.setting.stride, this.dxp);
    conv2d_dw(dy, this.xp, this.setting.stride, this.dw);
    if (!this.setting.backward) this.fault = "";
  }

  /** @returns {Tensor} the kernel (kh, kw, 1, 1) */
  get kernel4() {
    const w = /** @type {Tensor} */ (this.w);
    return w.reshape([w.shape[1], w.shape[2], 1, 1]);
  }

  views() {
    const [i, j] = this.window;
    /** @param {number} r @param {number} s */
    const here = (r, s) => (r === i && s === j ? "chosen" : "");
    const input = this.grid("input A, with its padding", this.xp, (r, s) => this.markOf(r, s), "x");
    const kernel = this.grid("kernel W", this.w, () => "", "w");
    if (!this.setting.backward) {
      const output = this.grid("output Z", this.y, here);
      output.querySelectorAll("td").forEach((cell, k) => (cell.onclick = () => this.go(k)));
      return [input, kernel, output];
    }
    const dxp = /** @type {Tensor} */ (this.dxp);
    const cut = this.fault === "cut" ? dxp.like([1, 0, 0, 1]) : crop(dxp, this.plan.pads);
    return [
      this.grid("gradient dZ of the output", this.dy, here, "dy"),
      kernel,
      input,
      this.grid("dA with its padding, from the windows so far", dxp, (r, s) => this.markOf(r, s)),
      this.grid(this.fault === "cut" ? "dA[ph:-ph, pw:-pw]: nothing" : "dA", cut, () => ""),
      this.grid("dW, from the windows so far", this.dw?.reshape([1, ...this.setting.kernel, 1]), () => ""),
    ];
  }

  /**
   * @param {string} caption
   * @param {Tensor | undefined} tensor (1, h, w, 1)
   * @param {(i: number, j: number) => string} mark
   * @param {"x" | "w" | "dy"} [edited] the field that the grid edits; of the input, what is no padding
   */
  grid(caption, tensor, mark, edited) {
    const [, rows, columns] = /** @type {Tensor} */ (tensor).shape;
    const [[top], [left]] = edited === "x" ? this.plan.pads : [[0], [0]];
    const field = edited === undefined ? undefined : /** @type {Tensor} */ (this[edited]);
    return numberGrid({
      caption,
      rows,
      columns,
      value: (i, j) => /** @type {Tensor} */ (tensor).data[i * columns + j],
      mark,
      editable: (i, j) => edited !== "x" || !this.markOf(i, j).includes("padding"),
      edit:
        field &&
        ((i, j, value) => {
          field.data[(i - top) * field.shape[2] + j - left] = value;
          this.change({});
        }),
    });
  }

  arithmetic() {
    const [i, j] = this.window;
    const { kernel, stride } = this.setting;
    const [xp, w] = [/** @type {Tensor} */ (this.xp), /** @type {Tensor} */ (this.w)];
    const gradient = /** @type {Tensor} */ (this.dy).data[this.step];
    /** @type {[number, number][]} */
    const products = [];
    for (let a = 0; a < kernel[0]; a++) {
      for (let b = 0; b < kernel[1]; b++) {
        products.push([xp.data[xp.at([0, i * stride[0] + a, j * stride[1] + b, 0])], w.data[a * kernel[1] + b]]);
      }
    }
    if (!this.setting.backward) return `Z[${i}, ${j}] = ${sum(products, this.bias)}`;
    const [r, s] = [i * stride[0], j * stride[1]];
    return (
      `dZ[${i}, ${j}] = ${short(gradient)}. To dA from row ${r} and column ${s} on: ${short(gradient)} times the ` +
      `kernel. To dW: ${short(gradient)} times the window of A, for its first cell ${sum([[products[0][0], gradient]])}.`
    );
  }
}

customElements.define("conv-playground", ConvPlayground);
