// What a search found in a text: pieces of it, marked or not.

import { indexOfPoint } from "./text.js";

/**
 * The text in order, cut at its marks.
 * @param {string} text
 * @param {[number, number][]} marks from and to, in code points; what does not fit is passed over
 * @returns {{text: string, isMarked: boolean}[]}
 */
export function piecesOf(text, marks) {
  /** @type {{text: string, isMarked: boolean}[]} */
  const pieces = [];
  let end = 0;
  /** @type {(to: number, isMarked: boolean) => void} */
  const add = (to, isMarked) => {
    if (to > end) pieces.push({ text: text.slice(end, to), isMarked });
    end = Math.max(end, to);
  };
  for (const [from, to] of [...marks].sort((a, b) => a[0] - b[0])) {
    if (!(to > from)) continue;
    add(indexOfPoint(text, from), false);
    add(indexOfPoint(text, to), true);
  }
  add(text.length, false);
  return pieces;
}
