// Markdown that still grows, cut into top-level blocks, so that finished ones are left alone.

/**
 * @import {Env, MarkdownIt, Token} from "../vendor/markdown-it.js"
 *
 * @typedef {{start: number, tokens: Token[]}} Block `start` is an index into the text
 */

/**
 * The top-level blocks of `text`.
 * @param {MarkdownIt} md
 * @param {string} text
 * @param {Env} env link references collect in it
 */
export function blocksOf(md, text, env) {
  const lines = lineStarts(text);
  /** @type {Block[]} */
  const blocks = [];
  let depth = 0;
  for (const token of md.parse(text, env)) {
    if (depth === 0 && token.nesting >= 0)
      blocks.push({ start: lines[token.map?.[0] ?? 0], tokens: [] });
    blocks.at(-1)?.tokens.push(token);
    depth += token.nesting;
  }
  return blocks;
}

/**
 * How many leading blocks later text cannot change any more.
 * A block is finished once another stands behind it; but while that other's first line is
 * incomplete ("1." may become "1.5 is…"), it may still turn out to belong to the one before.
 * @param {string} text
 * @param {Block[]} blocks
 */
export function finishedCount(text, blocks) {
  const last = blocks.at(-1);
  if (last === undefined) return 0;
  const surplus = text.indexOf("\n", last.start) < 0 ? 2 : 1;
  return Math.max(0, blocks.length - surplus);
}

/** @type {(text: string) => number[]} */
function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
