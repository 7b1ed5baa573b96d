/** A pad to draw on, pictures to choose from, and a file to open: each gives the network its image. */

import { levelsOf, levelsOfPicture } from "../model/drawing.js";
import { picturesOf, thumbnail } from "../model/pictures.js";
import { make } from "./make.js";
import { StateView } from "./state-view.js";

const SIDE = 200; // pixels of the pad

/** `<digit-pad>`; the page sets its `data`, then its `state` */
export class DigitPad extends StateView {
  /** @type {Net.Tensor | null} the image that was drawn here */
  #given = null;
  #giving = false;
  pad = make("canvas", { width: SIDE, height: SIDE, className: "pad" });

  /** @returns {import("../model/source.js").Images} */
  get images() {
    return this.data.networks[0].images;
  }

  begin() {
    const clear = make("button", {}, "clear");
    clear.addEventListener("click", () => this.clear());
    const file = make("input", { type: "file", accept: "image/*" });
    file.addEventListener("change", () => file.files?.[0] && this.open(file.files[0]));
    document.addEventListener("paste", (event) => {
      const pasted = event.clipboardData?.files[0];
      if (pasted) this.open(pasted);
    });
    this.pad.ariaLabel = "draw a digit here";
    for (const event of ["pointerdown", "pointermove"]) {
      this.pad.addEventListener(event, (found) => this.stroke(/** @type {PointerEvent} */ (found)));
    }
    this.state.addEventListener("pass", () => this.state.image !== this.#given && !this.#giving && this.clear(false));
    const drawing = make("div", { className: "drawing" }, this.pad, make("p", {}, "Draw a digit here. ", clear));
    this.replaceChildren(drawing, make("div", {}, this.choices(), make("p", {}, make("label", {}, "or open a picture ", file))));
  }

  /** @returns {HTMLElement} a button for each of some pictures of the data */
  choices() {
    const row = make("div", { className: "choices" });
    const { state, state: { network: { nodes: [{ shape }] } } } = this, pictures = picturesOf(this.data, shape);
    for (let k = 0; k < (pictures?.count ?? 0); k++) {
      const { numbers, name, label } = /** @type {import("../model/pictures.js").Pictures} */ (pictures);
      const button = make("button", { className: "choice", ariaLabel: `picture ${k}, ${name(k)}` });
      button.append(thumbnail(numbers(k), shape, this.images.scale));
      button.addEventListener("click", () => {
        state.label = label(k);
        state.setImage(numbers(k));
      });
      row.append(button);
    }
    return row;
  }

  /** @param {boolean} [tell] whether the network gets the empty image */
  clear(tell = true) {
    this.pad.getContext("2d")?.clearRect(0, 0, SIDE, SIDE);
    if (tell) this.give();
  }

  /** @param {PointerEvent} event */
  stroke(event) {
    if (event.buttons === 0 && event.type !== "pointerdown") return;
    event.preventDefault();
    this.pad.setPointerCapture(event.pointerId);
    const context = /** @type {CanvasRenderingContext2D} */ (this.pad.getContext("2d"));
    const scale = SIDE / this.pad.clientWidth;
    const [x, y] = [event.offsetX * scale, event.offsetY * scale];
    context.strokeStyle = getComputedStyle(this).color;
    context.lineWidth = SIDE / 14;
    context.lineCap = "round";
    context.beginPath();
    const moved = event.type === "pointermove";
    context.moveTo(moved ? x - event.movementX * scale : x, moved ? y - event.movementY * scale : y);
    context.lineTo(x, y);
    context.stroke();
    this.give();
  }

  /** Give the drawing to the network, with its scale and polarity. */
  give() {
    const { state } = this;
    const [h, w, channels] = state.network.nodes[0].shape;
    const levels = levelsOf(this.pad, [h, w]);
    this.#giving = true;
    this.set(Float32Array.from({ length: h * w * channels }, (_, k) => levels[Math.floor(k / channels)]));
    this.#giving = false;
    this.#given = state.image;
  }

  /** @param {Float32Array} levels 0 … 1, light ink */
  set(levels) {
    const { scale, light_ink: light } = this.images;
    this.state.setImage(levels.map((level) => (light === false ? 1 - level : level) * 255 * scale));
  }

  /** @param {File} file */
  async open(file) {
    const { state } = this;
    const bitmap = await createImageBitmap(file);
    this.set(levelsOfPicture(bitmap, state.network.nodes[0].shape, this.images.light_ink === true));
  }
}

customElements.define("digit-pad", DigitPad);
