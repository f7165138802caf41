// Whole sentences of a text that grows, for who hears it. Pure functions.

// One that never ends is said in pieces, and of one burst no more than can be heard.
const SENTENCE_MAX_CHARS = 400;
const SAID_AT_ONCE_MAX_CHARS = 1_200;
const END = /[.!?…。！？](?=["')\]»”]*\s)["')\]»”]*\s|\n+/g;

/**
 * @param {string} text the whole text so far
 * @param {number} from what was said already
 * @param {boolean} hasEnded the rest belongs to it, too
 * @returns {{said: string, to: number}} the words to say, and how far that goes
 */
export function sentencesAfter(text, from, hasEnded) {
  const rest = text.slice(from);
  let length = hasEnded ? rest.length : lastEnd(rest);
  if (length === 0 && rest.length > SENTENCE_MAX_CHARS) length = rest.lastIndexOf(" ") + 1;
  const words = plainWords(rest.slice(0, length));
  const said =
    words.length > SAID_AT_ONCE_MAX_CHARS ? `… ${words.slice(-SAID_AT_ONCE_MAX_CHARS)}` : words;
  return { said, to: from + length };
}

/** @type {(rest: string) => number} */
function lastEnd(text) {
  let end = 0;
  for (const match of text.matchAll(END)) end = match.index + match[0].length;
  return end;
}

// Without the signs that markdown sets words with.
/** @type {(markdown: string) => string} */
function plainWords(markdown) {
  return markdown
    .replace(/^\s*(?:```|~~~).*$/gm, "")
    .replace(/^\s*[|:\s-]+$/gm, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s{0,3}(?:#{1,6}|>|[-*+])\s+/gm, "")
    .replace(/[*_`|]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}
