/** What the network looks for: pictures that excite a unit, pixels that the prediction depends on, and its mistakes. */

import { largest, painted } from "../model/colours.js";
import { backgroundOf, newOcclusion, newSweep, occlude, receptiveWindow, sweep, width } from "../model/looks.js";
import { digits, percent } from "../model/numbers.js";
import { picturesOf, thumbnail } from "../model/pictures.js";
import { inSlices } from "../model/slices.js";
import { shares } from "../model/state.js";
import { make } from "./make.js";
import { numberGrid } from "./number-grid.js";
import { StateView } from "./state-view.js";

const SHOWN = 12; // pictures that excite a unit most
const QUIET = 250; // milliseconds without a change, before long work begins
const ZOOM = 2, LARGE = 5; // pixels of a canvas for one of a picture
const WAIT = "Please wait …";

/** @param {import("../model/looks.js").Occlusion} found @returns {Float32Array} by patch, how the probability changes when it is covered */
const changes = ({ drop }) => drop.map((value) => 0 - value);

/** `<looks-for>`; the page sets its `data`, then its `state` */
export class LooksFor extends StateView {
  exciting = make("div", { className: "gallery" });
  unit = make("h3", {}, "Pictures that excite a map or unit most");
  progress = make("p", { className: "soft" }, WAIT);
  maps = make("div", { className: "gallery large" }, WAIT);
  patch = make("select", { ariaLabel: "patch" });
  box = make("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: "numbers of the occlusion map" });
  numbers = make("details", {}, make("summary", {}, "numbers of the occlusion map"), this.box);
  wrong = make("div", {}, WAIT);
  mistake = 0;
  /** @type {import("../model/looks.js").Sweep | null} */
  found = null;
  /** @type {import("../model/looks.js").Occlusion | null} */
  occlusion = null;
  #drawn = "";
  #weights = NaN;
  #seen = false;
  #timer = 0;
  #endSweep = () => {};
  #endOcclusion = () => {};

  begin() {
    const { state } = this, [h, w] = state.network.nodes[0].shape;
    this.pictures = picturesOf(this.data, state.network.nodes[0].shape);
    for (const size of [3, 5, 7, 9].filter((each) => each <= Math.min(h, w))) {
      this.patch.append(make("option", { value: String(size), selected: size === 5 }, `${size} × ${size}`));
    }
    this.numbers.addEventListener("toggle", () => this.fillTable());
    this.patch.addEventListener("change", () => this.later());
    this.append(
      make("section", {}, this.unit, this.progress, this.exciting),
      make("section", {}, make("h3", {}, "Pixels that the prediction depends on"),
        make("p", { className: "controls" }, make("label", {}, "patch", this.patch)),
        make("p", { className: "soft" }, "Orange speaks for the right answer here, blue against it. Elsewhere on the page orange is a negative number and blue a positive one."), this.maps, this.numbers),
      make("section", {}, make("h3", {}, "Mistakes"), this.wrong),
    );
    state.addEventListener("pass", () => this.later());
    state.addEventListener("chosen", () => this.#seen && this.excite());
    new IntersectionObserver((entries) => {
      this.#seen = entries[entries.length - 1].isIntersecting; // a busy page gets several at once
      this.later();
    }).observe(this);
  }

  /** @returns {import("../model/keep.js").Named[]} the maps of the prediction, for `keepMenu` */
  keptNumbers() {
    const { occlusion, state: { pass: { dy: [dx] } } } = this, whole = occlusion !== null && occlusion.done >= occlusion.drop.length;
    const covered = whole ? [{ name: "occlusion", shape: [occlusion.rows, occlusion.columns], data: changes(occlusion) }] : [];
    return [...covered, { name: "gradient of the picture", shape: dx.shape.slice(1), data: dx.data }];
  }

  /** Compute what is out of date, when nothing has changed for a while and the part is on the screen. */
  later() {
    clearTimeout(this.#timer);
    this.#endOcclusion();
    this.maps.ariaBusy = "true";
    if (this.state.learning) this.progress.textContent = "The weights are changing. This part is computed when the training pauses.";
    if (!this.#seen || this.state.learning) return;
    this.#timer = window.setTimeout(() => {
      this.depend();
      this.look();
    }, QUIET);
  }

  /** All units on all pictures, again if a weight has changed. */
  look() {
    const { state: { network }, pictures } = this;
    if (pictures === null || pictures === undefined) {
      this.unit.textContent = "The page has no pictures for this network";
      for (const each of [this.progress, this.wrong]) each.replaceChildren();
      return;
    }
    let sum = 0;
    for (const { data } of Object.values(network.weights())) for (let at = 0; at < data.length; at++) sum += data[at] * ((at % 7) + 1);
    if (sum === this.#weights) return this.excite();
    this.#weights = sum;
    this.#endSweep();
    const found = (this.found = newSweep(network, pictures.count));
    this.#endSweep = inSlices(sweep(network, pictures, found), () => {
      this.progress.textContent = `Please wait: looking through ${pictures.count} pictures … ${found.done} done`;
      if (found.done < pictures.count) return this.wrong.replaceChildren(this.progress.textContent);
      this.#drawn = "";
      this.excite();
      this.mistakes();
    });
  }

  /** @returns {[number, number]} the node and the channel of the chosen number; a weight belongs to its last axis */
  get chosenUnit() {
    const { node, cell } = this.state.chosen, { nodes } = this.state.network;
    return [node, cell[cell.length - 1] % width(nodes[node])];
  }

  /** The pictures that excite the chosen unit most. */
  excite() {
    const { found, pictures, state } = this, [id, channel] = this.chosenUnit, node = state.network.nodes[id];
    if (!found || !pictures || found.done < pictures.count || this.#drawn === `${id} ${channel}`) return;
    this.#drawn = `${id} ${channel}`;
    const count = width(node), maps = node.shape.length === 3;
    const value = (/** @type {number} */ k) => found.most[id][k * count + channel];
    const order = Array.from({ length: pictures.count }, (_, k) => k).sort((k, l) => value(l) - value(k) || k - l);
    this.unit.textContent = `Pictures that excite ${node.name}, ${maps ? "map" : "unit"} ${channel}, most`;
    this.progress.textContent =
      `The ${Math.min(SHOWN, pictures.count)} of ${pictures.count} pictures on which it has the largest numbers.` +
      (maps ? " The frame shows the pixels that the number is computed from." : "");
    this.exciting.replaceChildren(...order.slice(0, SHOWN).map((k) => {
      const at = found.place[id][k * count + channel], place = [Math.floor(at / node.shape[1]), at % node.shape[1]];
      const frame = maps ? receptiveWindow(state.network.nodes, id, place) : null;
      const cell = maps ? [...place, channel] : [channel];
      return this.picture(k, frame, digits(value(k)), () => state.choose({ node: id, cell }));
    }));
  }

  /**
   * @param {number} k
   * @param {number[] | null} frame rows and columns to outline
   * @param {string} text
   * @param {() => void} [also] what a click does, but for taking the picture
   * @returns {HTMLElement} a picture of the data, as a button
   */
  picture(k, frame, text, also = () => {}) {
    const { state, pictures } = this, [h, w] = state.network.nodes[0].shape;
    if (!pictures) throw new Error("there are no pictures");
    const canvas = thumbnail(pictures.numbers(k), state.network.nodes[0].shape, this.data.networks[0].images.scale, ZOOM);
    if (frame !== null && (frame[1] - frame[0] + 1 < h || frame[3] - frame[2] + 1 < w)) outline(canvas, frame, ZOOM);
    const name = `picture ${k}, ${pictures.name(k)}${pictures.held(k) ? ", held back" : ""}: ${text}`;
    const onclick = () => {
      state.setImage(pictures.numbers(k), pictures.label(k));
      also();
    };
    return make("button", { className: "choice", ariaLabel: name, onclick }, canvas, make("span", {}, text));
  }

  /** The wrong ones among the page's pictures, the most certain first. */
  mistakes() {
    const { found, pictures, state } = this;
    if (!found || !pictures) return;
    const classes = found.probabilities.map(shares);
    const sure = classes.map((p) => Math.max(...p)), said = classes.map((p, q) => p.indexOf(sure[q]));
    const wrong = said.map((_, q) => q).filter((q) => said[q] !== pictures.label(q)).sort((q, r) => sure[r] - sure[q]);
    if (wrong.length === 0) {
      this.wrong.replaceChildren(make("p", {}, `The network names all ${pictures.count} pictures of the page rightly.`));
      return;
    }
    const held = wrong.filter(pictures.held).length;
    const text = (/** @type {number} */ q) => `taken for ${state.names[said[q]]}, ${percent(sure[q])}${pictures.held(q) ? " ◆" : ""}`;
    const told = make("p", { ariaLive: "polite" });
    const buttons = wrong.map((q, k) => this.picture(q, null, text(q), () => tell(k)));
    const tell = (/** @type {number} */ k) => {
      this.mistake = k;
      buttons.forEach((button, other) => (button.ariaPressed = String(other === k)));
      const q = wrong[k], where = pictures.held(q) ? "held back from training" : "among the training pictures";
      told.textContent =
        `Mistake ${k + 1} of ${wrong.length}: the network says ${state.names[said[q]]} with ` +
        `${percent(sure[q])}; it is ${pictures.name(q)}. The picture is ${where}.`;
    };
    const go = (/** @type {string} */ name, /** @type {number} */ by) =>
      make("button", { onclick: () => buttons[(Math.max(this.mistake, by < 0 ? 0 : -1) + by + wrong.length) % wrong.length].click() }, name);
    this.mistake = -1;
    told.textContent =
      `The network is wrong on ${wrong.length} of ${pictures.count} pictures. ◆: held back from training (${held}). ` +
      "The most certain mistakes come first.";
    const stepper = make("p", { className: "controls" }, go("previous mistake", -1), go("next mistake", 1));
    this.wrong.replaceChildren(told, stepper, make("div", { className: "gallery", ariaLabel: "mistakes", role: "group" }, ...buttons));
  }

  /** The picture, and what of it the prediction depends on. */
  depend() {
    const { state } = this, { shape } = state.network.nodes[0];
    const found = (this.occlusion = newOcclusion(shape, Number(this.patch.value)));
    const background = backgroundOf(state.image, this.data.networks[0].images);
    this.#endOcclusion = inSlices(occlude(state.network, state.image, state.label, background, found), () => this.drawMaps());
  }

  drawMaps() {
    const { state, occlusion } = this, { shape } = state.network.nodes[0], [h, w, channels] = shape;
    if (occlusion === null) return;
    this.maps.ariaBusy = String(occlusion.done < occlusion.drop.length);
    const { patch, stride, columns, drop, done } = occlusion, x = state.image.data, dx = state.pass.dy[0].data;
    const size = new Float32Array(h * w), times = new Float32Array(h * w), covered = new Float32Array(h * w);
    for (let at = 0; at < x.length; at++) {
      const k = Math.floor(at / channels);
      size[k] = Math.max(size[k], Math.abs(dx[at]));
      times[k] += dx[at] * x[at];
    }
    const inset = Math.floor((patch - stride) / 2);
    changes(occlusion).forEach((value, k) => {
      const top = Math.floor(k / columns) * stride + inset, left = (k % columns) * stride + inset;
      for (let r = top; r < top + stride; r++) covered.fill(value, r * w + left, r * w + left + stride);
    });
    const name = state.names[state.label];
    const progress = done < drop.length ? ` (please wait: ${done} of ${drop.length})` : "";
    const worst = drop.indexOf(Math.max(...drop)), place = [Math.floor(worst / columns) * stride, (worst % columns) * stride];
    const picture = thumbnail(x, shape, this.data.networks[0].images.scale, LARGE);
    if (drop[worst] > 0) outline(picture, [place[0], place[0] + patch - 1, place[1], place[1] + patch - 1], LARGE);
    const map = (/** @type {Float32Array} */ numbers, /** @type {string} */ what) => painted(numbers, [h, w], LARGE, what);
    this.maps.replaceChildren(
      figure(picture, "the picture", `The frame is the patch that lowers the probability of ${name} most.`),
      figure(map(covered, "occlusion"), `occlusion${progress}`,
        `A square of background, the patch, covers one place of the picture after another: how does the probability of ${name} change? ` +
          `Orange: it falls, so that place speaks for ${name}. Blue: it grows. The largest fall: ${percent(drop[worst])}.`),
      figure(map(size, "|gradient|"), "|gradient|",
        `How strongly the loss depends on each pixel, for or against ${name}: at most ${digits(largest(size))}.`),
      figure(map(times, "gradient × picture"), "gradient × picture",
        `Orange pixels speak for ${name}: they make the loss smaller. Blue ones speak against it.`),
    );
    this.fillTable();
  }

  /** The numbers of the occlusion map, where the reader has opened them. */
  fillTable() {
    if (!this.numbers.open || this.occlusion === null) return;
    const { rows, columns, stride } = this.occlusion, change = changes(this.occlusion), name = this.state.names[this.state.label];
    const caption = `change of the probability of ${name}, a patch every ${stride} pixels`;
    this.box.replaceChildren(numberGrid({ caption, rows, columns, value: (i, j) => change[i * columns + j] }));
  }
}

/** @param {HTMLCanvasElement} canvas @param {string} name @param {string} text @returns {HTMLElement} */
function figure(canvas, name, text) {
  Object.assign(canvas, { role: "img", ariaLabel: name });
  return make("figure", {}, canvas, make("figcaption", {}, make("b", {}, name), " ", text));
}

/** @param {HTMLCanvasElement} canvas @param {number[]} frame rows and columns, both ends included @param {number} zoom */
function outline(canvas, [top, bottom, left, right], zoom) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.strokeStyle = "#ffb000";
  context.lineWidth = 2;
  context.strokeRect(left * zoom + 1, top * zoom + 1, (right - left + 1) * zoom - 2, (bottom - top + 1) * zoom - 2);
}

customElements.define("looks-for", LooksFor);
