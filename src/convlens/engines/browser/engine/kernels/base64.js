/** Bytes as text: base64, with which arrays travel between Python and the page. */

const PIECE = 0x8000; // characters that one call of fromCharCode takes

/**
 * @param {string} text base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = characters.charCodeAt(k);
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} base64
 */
export function toBase64(bytes) {
  const pieces = [];
  for (let k = 0; k < bytes.length; k += PIECE) pieces.push(String.fromCharCode(...bytes.subarray(k, k + PIECE)));
  return btoa(pieces.join(""));
}
