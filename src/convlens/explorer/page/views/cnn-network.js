/** All maps of a network, one row for each node. Any cell can be chosen by pointer or arrow keys. */

import { largest, paint } from "../model/colours.js";
import { gloss } from "./layer-words.js";
import { make } from "./make.js";
import { StateView } from "./state-view.js";

const SIDE = 84; // pixels of the longer side of a map, at most 6 a cell
const ROW = 128; // numbers in a row of a layer without maps: a canvas has at most 32,767 pixels
const MAPS = 16; // maps of one node that are drawn at first

/**
 * A map as it is drawn: its place, its size in cells, the pixels of a cell, and where its cells are painted
 * @typedef {{node: number, channel: number, h: number, w: number, channels: number, zoom: number,
 *   canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, cells: OffscreenCanvas, image: ImageData}} Drawn
 */

/** @param {number[]} shape @returns {string} */
const sizeOfOutput = (shape) =>
  shape.length === 3 ? `${shape[2]} ${shape[2] === 1 ? "map" : "maps"} of ${shape[0]} × ${shape[1]} numbers` : `${shape[0]} ${shape[0] === 1 ? "number" : "numbers"}`;

/** `<cnn-network>`; its `state` is set by the page, or it has data="ID" */
export class CnnNetwork extends StateView {
  /** @type {Drawn[]} */
  #maps = [];
  /** @type {Set<number>} the nodes of which all maps are drawn */
  #all = new Set();

  begin() {
    const { state } = this;
    this.build();
    state.addEventListener("pass", () => this.schedule());
    state.addEventListener("chosen", () => {
      const { node, cell } = state.chosen;
      if (cell.length === 3 && cell[2] >= MAPS && !this.#all.has(node)) this.all(node);
      this.schedule();
    });
  }

  build() {
    this.#maps = [];
    const { nodes, end } = this.state.network;
    const rows = nodes.map((node) => {
      const { id, name, shape } = node, words = gloss(node, id === nodes.length - 1 ? end : null);
      const [h, w, channels] = shape.length === 3 ? shape : [Math.ceil(shape[0] / ROW), Math.min(ROW, shape[0]), 1];
      const zoom = Math.max(1, shape.length === 3 ? Math.min(6, Math.floor(SIDE / Math.max(h, w))) : 9);
      const shown = this.#all.has(id) ? channels : Math.min(channels, MAPS), maps = make("div", { className: "maps" });
      for (let channel = 0; channel < shown; channel++) {
        const canvas = make("canvas", { width: w * zoom, height: h * zoom, tabIndex: channel === 0 ? 0 : -1, role: "img", ariaLabel: `${name}, map ${channel}` });
        canvas.onpointermove = canvas.onpointerdown = (event) => this.point(id, channel, zoom, event);
        canvas.onkeydown = (event) => this.key(id, channel, event);
        const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
        context.imageSmoothingEnabled = false;
        const [cells, image] = [new OffscreenCanvas(w, h), new ImageData(w, h)];
        this.#maps.push({ node: id, channel, h, w, channels, zoom, canvas, context, cells, image });
        maps.append(canvas);
      }
      const rest = make("button", { hidden: shown === channels, onclick: () => this.all(id) }, `show all ${channels} maps`);
      return make("section", { className: "node" }, make("h3", {}, make("b", {}, name), make("span", {}, ` ${words}`), `: ${sizeOfOutput(shape)} `, rest), maps);
    });
    this.replaceChildren(...rows);
    this.draw();
  }

  /** @param {number} node all maps of it are drawn from now on */
  all(node) {
    this.#all.add(node);
    this.build();
  }

  draw() {
    const { state } = this;
    // If all cells of a node are linked, an outline would say nothing
    const linked = new Map([...state.linked()].filter(([, cells]) => cells.includes(0)));
    const arrays = state.mode === "value" ? state.pass.y : state.pass.dy;
    const most = arrays.map((array) => largest(array.data));
    for (const map of this.#maps) {
      const { node, channel, channels, h, w, zoom, context, cells, image } = map;
      paint(image, arrays[node].data, channel, channels, most[node]);
      /** @type {OffscreenCanvasRenderingContext2D} */ (cells.getContext("2d")).putImageData(image, 0, 0);
      context.drawImage(cells, 0, 0, w * zoom, h * zoom);
      const here = linked.get(node);
      if (here !== undefined) this.mark(map, here);
    }
  }

  /**
   * Outline the linked cells of one map: a line wherever a linked cell meets one that is not.
   * @param {Drawn} map
   * @param {Uint8Array} linked
   */
  mark({ node, channel, channels, h, w, zoom, context }, linked) {
    /** @param {number} i @param {number} j */
    const is = (i, j) => i >= 0 && j >= 0 && i < h && j < w && linked[(i * w + j) * channels + channel] === 1;
    context.fillStyle = getComputedStyle(context.canvas).color;
    const wide = this.state.chosen.node === node ? 2 : 1;
    for (let i = 0; i < h; i++) {
      for (let j = 0; j < w; j++) {
        if (!is(i, j)) continue;
        const [top, left, far] = [i * zoom, j * zoom, zoom - wide];
        if (!is(i - 1, j)) context.fillRect(left, top, zoom, wide);
        if (!is(i + 1, j)) context.fillRect(left, top + far, zoom, wide);
        if (!is(i, j - 1)) context.fillRect(left, top, wide, zoom);
        if (!is(i, j + 1)) context.fillRect(left + far, top, wide, zoom);
      }
    }
  }

  /** @param {number} node @param {number} channel @param {number} zoom @param {PointerEvent} event */
  point(node, channel, zoom, event) {
    const { state } = this;
    const canvas = /** @type {HTMLCanvasElement} */ (event.currentTarget);
    const scale = canvas.width / canvas.clientWidth / zoom;
    const [i, j] = [event.offsetY * scale, event.offsetX * scale].map((value) => Math.max(0, Math.floor(value)));
    const shape = state.network.nodes[node].shape;
    const cell = shape.length === 3 ? [Math.min(i, shape[0] - 1), Math.min(j, shape[1] - 1), channel] : [Math.min(i * ROW + j, shape[0] - 1)];
    if (state.chosen.node !== node || String(state.chosen.cell) !== String(cell)) state.choose({ node, cell });
  }

  /** @param {number} node @param {number} channel @param {KeyboardEvent} event arrows move in a map, Page keys between maps */
  key(node, channel, event) {
    const { state } = this;
    const shape = state.network.nodes[node].shape;
    const own = state.chosen.node === node && state.chosen.weight === undefined;
    const cell = own ? [...state.chosen.cell] : shape.length === 3 ? [0, 0, channel] : [0];
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step !== undefined) {
      const to = shape.length === 3 ? [cell[0] + step[0], cell[1] + step[1]] : [cell[0] + ROW * step[0] + step[1]];
      if (to.every((at, axis) => at >= 0 && at < shape[axis])) cell.splice(0, to.length, ...to);
    } else if (shape.length === 3 && (event.key === "PageDown" || event.key === "PageUp")) {
      cell[2] = (cell[2] + (event.key === "PageDown" ? 1 : -1) + shape[2]) % shape[2];
      this.#maps.find((map) => map.node === node && map.channel === cell[2])?.canvas.focus();
    } else if (event.key !== "Enter") return;
    event.preventDefault();
    state.choose({ node, cell });
  }
}

customElements.define("cnn-network", CnnNetwork);
