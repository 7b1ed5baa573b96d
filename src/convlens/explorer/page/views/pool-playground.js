/** Max and average pooling of one channel on small numbers that can be changed, forward and backward. */

import { max_pool2d, max_pool2d_dx, sum_pool2d, sum_pool2d_dx } from "../engine/kernels/pool2d.js";
import { Tensor } from "../engine/kernels/tensor.js";
import { crop, pad } from "../engine/ops/geometry.js";
import { resized, sum } from "./conv-playground.js";
import { short } from "../model/numbers.js";
import { numberGrid } from "./number-grid.js";
import { make } from "./make.js";
import { Playground } from "./playground.js";

/** `<pool-playground size="4 6" kernel="2 3" stride="2 3" mode="average" ties="all" backward>` */
export class PoolPlayground extends Playground {
  /** @type {Tensor | undefined} */ x;
  /** @type {Tensor | undefined} */ dy;
  /** @type {"max" | "average"} */ mode = "max";
  backwardWords = "The gradient of the output says how the loss changes with each number of the output: in a network it comes from the layers after this one, here it is made up. The gradient of A says the same of the input, for the layers before.";
  /** @type {"first" | "all"} */ ties = "all";

  get kept() {
    return { mode: ["max", "average"], ties: ["first", "all"] };
  }

  connectedCallback() {
    if (this.getAttribute("mode") === "average") this.mode = "average";
    if (this.getAttribute("ties") === "first") this.ties = "first";
    if (!this.hasAttribute("size")) Object.assign(this.setting, { size: [4, 6], kernel: [2, 3], stride: [2, 3] });
    super.connectedCallback();
  }

  presets() {
    const even = { size: [4, 6], kernel: [2, 3], stride: [2, 3], padding: "valid" };
    const tied = Tensor.zeros([1, 4, 6, 1], "float64");
    tied.data.set([1, 4, 0, 2, 2, 2, 4, 3, 1, 0, 1, 1, 0, 0, 5, 3, 3, 0, 1, 2, 0, 1, 3, 2]);
    return [
      { name: "windows that overlap", setting: { ...even, stride: [1, 1], mode: "max" },
        note: "One cell can be the maximum of several windows. Going backward, it gets the sum of their gradients." },
      { name: "rows left over", setting: { ...even, size: [5, 7] },
        note: "The last row and the last column are in no window: they have no effect, and their gradient is 0." },
      { name: "a tie", expert: true, setting: { ...even, x: tied, mode: "max", ties: "all", backward: true },
        note: "The first window has its maximum twice. The course gives the whole gradient to both cells. TensorFlow and PyTorch give it to the first: choose the other rule to see it." },
    ];
  }

  compute() {
    const { size, kernel, stride } = this.setting;
    const { pads, out } = this.plan;
    const max = this.mode === "max";
    this.x = resized(this.x, [1, ...size, 1], (i, j) => (7 * i + 5 * j + i * j) % 9);
    this.dy = resized(this.dy, [1, ...out, 1], (i, j) => 1 + ((i + 2 * j) % 3));
    this.xp = pad(this.x, pads, max ? -Infinity : 0);
    this.y = Tensor.zeros([1, ...out, 1], "float64");
    const dy = this.dy.copy();
    dy.data.fill(0, this.step + 1); // the gradients of the windows up to the present one
    this.dxp = this.xp.like();
    if (max) {
      max_pool2d(this.xp, kernel, stride, this.y);
      max_pool2d_dx(dy, this.xp, this.y, kernel, stride, this.ties, this.dxp);
      return;
    }
    const cells = kernel[0] * kernel[1];
    sum_pool2d(this.xp, kernel, stride, this.y);
    sum_pool2d_dx(dy, kernel, stride, this.dxp);
    for (const tensor of [this.y, this.dxp]) tensor.data.forEach((value, k) => (tensor.data[k] = value / cells));
  }

  controls() {
    const found = super.controls();
    /** @param {"mode" | "ties"} name @param {string[]} values */
    const choice = (name, values) => {
      const select = make("select", { ariaLabel: name });
      for (const value of values) select.append(make("option", { value, selected: value === this[name] }, value));
      select.addEventListener("change", () => this.change({ [name]: select.value }));
      return make("label", {}, name, select);
    };
    found.prepend(choice("mode", ["max", "average"]));
    if (this.mode === "max" && this.setting.backward) found.append(choice("ties", ["all", "first"]));
    return found;
  }

  views() {
    const [i, j] = this.window;
    const { pads } = this.plan;
    const xp = /** @type {Tensor} */ (this.xp);
    const x = /** @type {Tensor} */ (this.x);
    /** @param {string} caption @param {Tensor} tensor @param {Partial<import("./number-grid.js").GridOptions>} more */
    const grid = (caption, tensor, more) => {
      const [, rows, columns] = tensor.shape;
      const finite = (/** @type {number} */ v) => (Number.isFinite(v) ? v : null);
      return numberGrid({ caption, rows, columns, value: (r, s) => finite(tensor.data[r * columns + s]), ...more });
    };
    const input = grid("input A, with its padding", xp, {
      mark: (r, s) => `${this.markOf(r, s)} ${this.wins(r, s) ? "winner" : ""}`,
      editable: (r, s) => !this.markOf(r, s).includes("padding"),
      edit: (r, s, value) => {
        x.data[(r - pads[0][0]) * x.shape[2] + s - pads[1][0]] = value;
        this.change({});
      },
    });
    /** @param {number} r @param {number} s */
    const here = (r, s) => (r === i && s === j ? "chosen" : "");
    if (!this.setting.backward) {
      const output = grid("output", /** @type {Tensor} */ (this.y), { mark: here });
      output.querySelectorAll("td").forEach((cell, k) => (cell.onclick = () => this.go(k)));
      return [input, output];
    }
    const dy = /** @type {Tensor} */ (this.dy);
    return [
      grid("gradient of the output", dy, {
        mark: here,
        edit: (r, s, value) => {
          dy.data[r * dy.shape[2] + s] = value;
          this.change({});
        },
      }),
      input,
      grid("gradient of A, from the windows so far", crop(/** @type {Tensor} */ (this.dxp), pads), {
        mark: (r, s) => this.markOf(r + pads[0][0], s + pads[1][0]),
      }),
    ];
  }

  /** @returns {[number, number, number][]} the cells of the present window, each with its value */
  get cells() {
    const { kernel, stride } = this.setting;
    const xp = /** @type {Tensor} */ (this.xp);
    /** @type {[number, number, number][]} */
    const found = [];
    for (let a = 0; a < kernel[0]; a++) {
      for (let b = 0; b < kernel[1]; b++) {
        const [r, s] = [this.window[0] * stride[0] + a, this.window[1] * stride[1] + b];
        found.push([r, s, xp.data[xp.at([0, r, s, 0])]]);
      }
    }
    return found;
  }

  /** @param {number} r @param {number} s whether the cell gets the gradient of the present window's maximum */
  wins(r, s) {
    if (this.mode !== "max") return false;
    const most = Math.max(...this.cells.map(([, , value]) => value));
    const winners = this.cells.filter(([, , value]) => value === most);
    const counted = this.setting.backward && this.ties === "first" ? winners.slice(0, 1) : winners;
    return counted.some(([a, b]) => a === r && b === s);
  }

  arithmetic() {
    const [i, j] = this.window;
    const values = this.cells.map(([, , value]) => value);
    const gradient = /** @type {Tensor} */ (this.dy).data[this.step];
    const list = values.filter(Number.isFinite).map(short).join(", ");
    const most = values.filter((value) => value === Math.max(...values)).length;
    if (!this.setting.backward && this.mode === "max") return `output[${i}, ${j}] = max(${list}) = ${short(Math.max(...values))}`;
    if (!this.setting.backward) {
      const total = sum(values.map((value) => [value, 1])).split(" = ")[1];
      return `output[${i}, ${j}] = (${list}): the sum ${total} divided by ${values.length} cells is ${short(/** @type {Tensor} */ (this.y).data[this.step])}`;
    }
    if (this.mode === "average") {
      return `The gradient ${short(gradient)} is spread: each of the ${values.length} cells gets ${short(gradient)} / ${values.length} = ${short(gradient / values.length)}.`;
    }
    const who = most === 1 ? "the one maximum" : this.ties === "all" ? `all ${most} equal maxima` : `the first of ${most} equal maxima`;
    return `The gradient ${short(gradient)} goes to ${who}, ${short(Math.max(...values))}; the other cells get 0.`;
  }
}

customElements.define("pool-playground", PoolPlayground);
