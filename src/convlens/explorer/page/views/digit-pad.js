/** A pad to draw on, pictures to choose from, and a file to open: each gives the network its image. */

import { levelsOf, levelsOfPicture } from "../model/drawing.js";
import { picturesOf, still, thumbnail } from "../model/pictures.js";
import { readPicture } from "../model/server.js";
import { unpack } from "../model/source.js";
import { make } from "./make.js";
import { StateView } from "./state-view.js";

const SIDE = 200; // pixels of the pad
const INK = "#2f7fd6"; // it can be seen on light and on dark
const MOST = 2 ** 25; // bytes of a picture's file

/** `<digit-pad>`; the page sets its `data`, then its `state` */
export class DigitPad extends StateView {
  /** @type {Net.Tensor | null} the image that was drawn here */
  #given = null;
  #giving = false;
  #opening = 0;
  /** @type {Net.Tensor | null} the picture that the pad shows, from elsewhere: the first stroke wipes it off */
  #shown = null;
  /** @type {[number, number] | null} where the stroke is */
  #last = null;
  said = make("div", { role: "status" });
  /** @param {ClipboardEvent} event */
  #paste = (event) => {
    const pasted = event.clipboardData?.files[0];
    if (pasted) this.open(pasted);
  };
  pad = make("canvas", { width: SIDE, height: SIDE, className: "pad" });

  /** @returns {import("../model/source.js").Images} */
  get images() {
    return this.data.networks[0].images;
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("paste", this.#paste);
  }

  disconnectedCallback() {
    document.removeEventListener("paste", this.#paste);
  }

  begin() {
    const clear = make("button", { onclick: () => this.clear() }, "clear"), file = make("input", { type: "file", accept: "image/*" });
    file.onchange = () => {
      if (file.files?.[0]) this.open(file.files[0]);
      file.value = ""; // so the same file can be opened again
    };
    this.pad.ariaLabel = "draw here";
    for (const event of ["pointerdown", "pointermove"]) {
      this.pad.addEventListener(event, (found) => this.stroke(/** @type {PointerEvent} */ (found)));
    }
    this.state.addEventListener("pass", () => this.show());
    this.show();
    const drawing = make("div", { className: "drawing" }, this.pad, make("p", {}, "Draw here, ", clear));
    const choices = this.choices(), choose = choices.childElementCount ? "or choose one, " : "";
    this.replaceChildren(drawing, make("div", {}, choices, make("p", {}, make("label", {}, `${choose}or open a picture `, file)), this.said));
  }

  /** A picture that was not drawn here is shown on the pad. */
  show() {
    const { image, network: { nodes: [{ shape }] } } = this.state;
    if (image === this.#given || image === this.#shown || this.#giving) return;
    this.#shown = image;
    const context = this.clear(false), [h, w] = shape, zoom = SIDE / Math.max(h, w);
    context.imageSmoothingEnabled = false;
    context.drawImage(thumbnail(image.data, shape, this.images.scale), (SIDE - w * zoom) / 2, (SIDE - h * zoom) / 2, w * zoom, h * zoom);
  }

  /** @returns {HTMLElement} a button for each of some pictures of the data */
  choices() {
    const row = make("div", { className: "choices" });
    const { state, state: { network: { nodes: [{ shape }] } } } = this, pictures = picturesOf(this.data, shape);
    for (let k = 0; k < (pictures?.count ?? 0); k++) {
      const { numbers, name, label } = /** @type {import("../model/pictures.js").Pictures} */ (pictures);
      const onclick = () => state.setImage(numbers(k), label(k));
      row.append(make("button", { className: "choice", ariaLabel: `picture ${k}, ${name(k)}`, onclick }, still(thumbnail(numbers(k), shape, this.images.scale))));
    }
    return row;
  }

  /** @param {boolean} [tell] whether the network gets the empty image @returns {CanvasRenderingContext2D} of the pad */
  clear(tell = true) {
    const context = /** @type {CanvasRenderingContext2D} */ (this.pad.getContext("2d"));
    context.clearRect(0, 0, SIDE, SIDE);
    if (tell) this.give();
    return context;
  }

  /** @param {PointerEvent} event */
  stroke(event) {
    if (event.buttons === 0 && event.type !== "pointerdown") return;
    event.preventDefault();
    this.pad.setPointerCapture(event.pointerId);
    const context = this.#shown === null ? /** @type {CanvasRenderingContext2D} */ (this.pad.getContext("2d")) : this.clear(false);
    const scale = SIDE / this.pad.clientWidth, x = event.offsetX * scale, y = event.offsetY * scale;
    const [fromX, fromY] = event.type === "pointermove" && this.#last !== null ? this.#last : [x, y];
    this.#last = [x, y];
    Object.assign(context, { strokeStyle: INK, lineWidth: SIDE / 14, lineCap: "round" });
    context.beginPath();
    context.moveTo(fromX, fromY);
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
    this.#shown = null;
  }

  /** @param {Float32Array} levels 0 … 1, light ink */
  set(levels) {
    const { scale, light_ink: light } = this.images;
    this.state.setImage(levels.map((level) => (light === false ? 1 - level : level) * 255 * scale), "guess");
  }

  /** @param {File} file a picture; what cannot be read is told */
  async open(file) {
    const opening = ++this.#opening;
    this.said.replaceChildren("The picture is being read …");
    try {
      if (file.size > MOST) throw new Error(`a picture must have at most ${MOST >> 20} MB; it has ${Math.ceil(file.size / 2 ** 20)} MB`);
      const read = this.data.server?.picture ? this.readThere(file) : this.readHere(file), found = await read;
      if (opening === this.#opening) found();
    } catch (error) {
      if (opening === this.#opening) this.said.replaceChildren(`${file.name || "The picture"} cannot be opened: ${/** @type {Error} */ (error).message}.`);
    }
  }

  /** @param {File} file @returns {Promise<() => void>} what shows it */
  async readHere(file) {
    const bitmap = await createImageBitmap(file).catch(() => {
      throw new Error("the browser knows no picture in it");
    });
    return () => {
      this.set(levelsOfPicture(bitmap, this.state.network.nodes[0].shape, this.images.light_ink === true));
      this.said.replaceChildren();
    };
  }

  /** @param {File} file @returns {Promise<() => void>} what shows it, as `convlens predict` reads it; of many digits, one */
  async readThere(file) {
    const { images, remarks } = await readPicture(file), { shape: [count], data } = unpack(images), size = data.length / count;
    const shape = this.state.network.nodes[0].shape, row = make("p", { className: "choices" });
    for (let k = 0; k < count && count > 1; k++) {
      const numbers = data.slice(k * size, (k + 1) * size), onclick = () => this.state.setImage(numbers, "guess");
      row.append(make("button", { className: "choice", ariaLabel: `digit ${k + 1} of ${count}`, onclick }, thumbnail(numbers, shape, this.images.scale)));
    }
    return () => {
      this.state.setImage(data.slice(0, size), "guess");
      const found = count > 1 ? [make("p", {}, `${count} digits are in the picture; choose one:`), row] : [];
      this.said.replaceChildren(...found, remarks.length ? `Remarks: ${remarks.join("; ")}.` : "");
    };
  }
}

customElements.define("digit-pad", DigitPad);
