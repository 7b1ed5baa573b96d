/** New SVG elements. */

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children texts lose the characters that XML does not have
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children.map((each) => (typeof each === "string" ? each.replace(/\p{Cc}|[\ufffe\uffff]/gu, " ") : each)));
  return made;
}
