/** A part of the page as it is shown, as SVG and as PNG: its texts as texts, its maps as small pictures. */

import { svg } from "./svg.js";

const LEFT_OUT = ".keep, .stepper button, .stepper input, .presets"; // what only moves the view
const LINE = 18, MOST = 8000; // height of a line of the notes; the longest side of a PNG

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/** @param {number} value @returns {number} two digits after the point */
const near = (value) => Math.round(100 * value) / 100;

/**
 * @param {Element} root
 * @param {string} title
 * @param {string[]} notes lines below the picture
 * @returns {string} an SVG file
 */
export function svgOf(root, title, notes) {
  const box = root.getBoundingClientRect(), page = getComputedStyle(document.documentElement);
  const width = Math.max(320, Math.ceil(box.width)) + 16, height = Math.ceil(box.height) + 16 + LINE * (notes.length + 0.5);
  const made = svg("svg", { width, height, viewBox: `-8 -8 ${width} ${height}`, "font-family": page.fontFamily });
  made.append(svg("title", {}, title), svg("rect", { x: -8, y: -8, width, height, fill: page.backgroundColor }));
  draw(root, made, box);
  notes.forEach((note, k) => {
    made.append(svg("text", { x: 0, y: near(box.height + LINE * (k + 1)), "font-size": 12, fill: page.color }, note));
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(made)}\n`;
}

/** @param {Element} element @param {SVGElement} into @param {DOMRect} origin */
function draw(element, into, origin) {
  if (!element.checkVisibility() || element.matches(LEFT_OUT)) return;
  const { left, top, width, height } = element.getBoundingClientRect(), style = getComputedStyle(element);
  const at = { x: near(left - origin.left), y: near(top - origin.top), width: near(width), height: near(height) };
  if (width > 0 && height > 0) drawBox(element, style, into, at);
  if (element instanceof SVGElement || element instanceof HTMLSelectElement) return;
  if (style.overflowX !== "visible" || style.overflowY !== "visible") { // an inner svg cuts off what is scrolled away
    into = into.appendChild(svg("svg", { ...at, viewBox: `${at.x} ${at.y} ${at.width} ${at.height}` }));
  }
  for (const child of element.childNodes) {
    if (child instanceof Element) draw(child, into, origin);
    else if (child instanceof Text && child.data.trim() !== "") drawText(child, style, into, origin);
  }
}

/** @param {Element} element @param {CSSStyleDeclaration} style @param {SVGElement} into @param {Box} at */
function drawBox(element, style, into, at) {
  const border = parseFloat(style.borderTopWidth) > 0 && style.borderTopStyle !== "none" ? style.borderTopColor : "none";
  const stroke = parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none" ? style.outlineColor : border;
  const fill = /^rgba\(.*, 0\)$|^transparent$/.test(style.backgroundColor) ? "none" : style.backgroundColor;
  if (fill !== "none" || stroke !== "none") into.append(svg("rect", { ...at, fill, stroke }));
  if ((element instanceof HTMLCanvasElement || element instanceof HTMLImageElement) && element.width * element.height > 0) {
    const href = element instanceof HTMLCanvasElement ? element.toDataURL() : element.src;
    into.append(svg("image", { ...at, href, preserveAspectRatio: "none", "image-rendering": "pixelated" }));
  } else if (element instanceof HTMLMeterElement) {
    into.append(svg("rect", { ...at, width: near(at.width * element.value), fill: style.color, "fill-opacity": 0.5 }));
  } else if (element instanceof SVGElement) {
    into.append(inlined(element, at));
  } else {
    const text = element instanceof HTMLSelectElement ? element.selectedOptions[0]?.text
      : element instanceof HTMLInputElement && ["text", "number"].includes(element.type) ? element.value : "";
    const size = parseFloat(style.fontSize), x = near(at.x + at.width / 2), y = near(at.y + at.height / 2 + 0.35 * size);
    if (text) into.append(svg("text", { x, y, "font-size": size, fill: style.color, "text-anchor": "middle" }, text));
  }
}

/** @param {SVGElement} element @param {Box} at @returns {Node} a copy with its style in attributes */
function inlined(element, at) {
  const copy = /** @type {SVGElement} */ (element.cloneNode(true)), copies = [copy, ...copy.querySelectorAll("*")];
  [element, ...element.querySelectorAll("*")].forEach((each, k) => {
    const style = getComputedStyle(each);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "text-anchor"]) {
      copies[k].setAttribute(name, style.getPropertyValue(name));
    }
  });
  for (const [name, value] of Object.entries(at)) copy.setAttribute(name, String(value));
  return copy;
}

/** @param {Text} node @param {CSSStyleDeclaration} style @param {SVGElement} into @param {DOMRect} origin */
function drawText(node, style, into, origin) {
  const range = document.createRange(), size = parseFloat(style.fontSize);
  /** @type {{text: string, box: DOMRect, right: number}[]} */
  const lines = [];
  for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    const box = range.getClientRects()[0], last = lines[lines.length - 1];
    if (box === undefined || box.width === 0) continue;
    if (last && Math.abs(last.box.top - box.top) < 2) Object.assign(last, { text: `${last.text} ${word}`, right: box.right });
    else lines.push({ text: word, box, right: box.right });
  }
  for (const { text, box, right } of lines) {
    const [x, y] = [near(box.left - origin.left), near(box.top - origin.top + box.height / 2 + 0.35 * size)];
    const made = svg("text", { x, y, "font-size": size, "font-weight": style.fontWeight, fill: style.color }, text);
    if (text.length > 1) made.setAttribute("textLength", String(near(right - box.left)));
    into.append(made);
  }
}

/** @param {string} text an SVG file @returns {Promise<Blob>} the same as PNG, two pixels for one of the page if it fits */
export async function pngOf(text) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const zoom = Math.min(2, MOST / Math.max(image.width, image.height));
  const canvas = new OffscreenCanvas(Math.round(image.width * zoom), Math.round(image.height * zoom));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob();
}
