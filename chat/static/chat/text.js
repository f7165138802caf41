// Offsets and lengths on the wire count Unicode code points; JavaScript counts UTF-16 units.

const encoder = new TextEncoder();
const BEYOND_ASCII = /[^\u0000-\u007f]/;

/**
 * Number of code points in `text`.
 * @param {string} text
 */
export function countPoints(text) {
  let pairs = 0;
  for (let i = 0; i < text.length - 1; i += 1) {
    if (isPair(text, i)) {
      pairs += 1;
      i += 1;
    }
  }
  return text.length - pairs;
}

/**
 * Index in UTF-16 units of the code point at `point`; the end when there are fewer.
 * @param {string} text
 * @param {number} point
 */
export function indexOfPoint(text, point) {
  let index = 0;
  for (let passed = 0; passed < point && index < text.length; passed += 1) {
    index += isPair(text, index) ? 2 : 1;
  }
  return index;
}

/**
 * Bytes of `text` in UTF-8.
 * @param {string} text
 */
export function countBytes(text) {
  return BEYOND_ASCII.test(text) ? encoder.encode(text).length : text.length;
}

/**
 * SHA-256 of `text` in UTF-8, in hex.
 * @param {string} text
 */
export async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @type {(text: string, index: number) => boolean} */
function isPair(text, index) {
  const unit = text.charCodeAt(index);
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(index + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}
