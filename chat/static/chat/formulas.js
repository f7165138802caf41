// Formulas in markdown: \(…\), \[…\] and $$…$$. Never single dollars, which are mostly money.

/**
 * @import {MarkdownIt, StateBlock, StateInline, Token} from "../vendor/markdown-it.js"
 *
 * @typedef {{content: string, isOpen: boolean}} Formula its source, and whether it still grows
 */

/** @type {Record<string, string>} */
const CLOSERS = { "\\(": "\\)", "\\[": "\\]", $$: "$$" };
const IN_BLOCKS = new Set(["\\[", "$$"]);
// A longer one is no formula that anybody reads, and looking for its end costs as much each time.
export const FORMULA_MAX_CHARS = 4_000;

/**
 * Teaches a markdown-it instance formulas; they stay their source, for math.js to set.
 * @param {MarkdownIt} md
 */
export function useFormulas(md) {
  md.inline.ruler.before("escape", "formula", inlineFormula);
  md.block.ruler.before("fence", "formula_block", blockFormula, {
    alt: ["paragraph", "reference", "blockquote", "list"],
  });
}

/**
 * The TeX of a formula, and whether it stands alone, or null of what is none.
 * @param {string} source
 */
export function formulaIn(source) {
  const text = source.trim();
  const closer = CLOSERS[text.slice(0, 2)];
  if (closer === undefined || text.length < 5 || !text.endsWith(closer)) return null;
  return { tex: text.slice(2, -2), isDisplay: IN_BLOCKS.has(text.slice(0, 2)) };
}

/**
 * The classes of a formula's element.
 * @param {string} content
 * @param {{isOpen: boolean}} meta
 */
export function formulaClass(content, { isOpen }) {
  const display = IN_BLOCKS.has(content.trimStart().slice(0, 2)) ? " math--display" : "";
  return `math${display}${isOpen ? " math--open" : ""}`;
}

/** @type {(state: StateInline, silent: boolean) => boolean} */
function inlineFormula(state, silent) {
  const { src, pos, posMax } = state;
  const opener = src.slice(pos, pos + 2);
  const closer = CLOSERS[opener];
  if (closer === undefined) return false;
  const rest = src.slice(pos + 2, Math.min(posMax, pos + FORMULA_MAX_CHARS));
  const length = rest.indexOf(closer);
  if (length < 0) return openFormula(state, silent, { opener, rest });
  const end = pos + length + 4;
  const isEmpty = rest.slice(0, length).trim() === "";
  // "from $$5 to $$6" are prices.
  if (isEmpty || (opener === "$$" && /\d/.test(src[end] ?? ""))) return false;
  if (!silent) push(state, "formula", { content: src.slice(pos, end), isOpen: false });
  state.pos = end;
  return true;
}

// What still grows shows its source, as it is, until it is closed.
/**
 * @param {StateInline} state
 * @param {boolean} silent
 * @param {{opener: string, rest: string}} found
 */
function openFormula(state, silent, { opener, rest }) {
  const isEnd = state.pos + 2 + rest.length === state.src.length;
  if (!state.env.isGrowing || opener === "$$" || !isEnd) return false;
  if (!silent) push(state, "formula", { content: opener + rest, isOpen: true });
  state.pos = state.posMax;
  return true;
}

/** @type {(state: StateBlock, startLine: number, endLine: number, silent: boolean) => boolean} */
function blockFormula(state, startLine, endLine, silent) {
  if (state.sCount[startLine] - state.blkIndent >= 4) return false; // indented code
  const start = state.bMarks[startLine] + state.tShift[startLine];
  const opener = state.src.slice(start, start + 2);
  if (!IN_BLOCKS.has(opener)) return false;
  const { line, isClosed } = lastLine(state, { startLine, endLine, start, closer: CLOSERS[opener] });
  const isOpen = !isClosed && line === endLine && state.env.isGrowing === true;
  if (!isClosed && !isOpen) return false;
  if (silent) return true;
  const next = isClosed ? line + 1 : line;
  const content = state.getLines(startLine, next, state.blkIndent, false).trim();
  const token = push(state, "formula_block", { content, isOpen });
  token.map = [startLine, next];
  token.block = true;
  state.line = next;
  return true;
}

// The line whose end closes the formula; it cannot go over an empty line or out of its block.
/**
 * @param {StateBlock} state
 * @param {{startLine: number, endLine: number, start: number, closer: string}} where
 */
function lastLine(state, { startLine, endLine, start, closer }) {
  const last = start + FORMULA_MAX_CHARS;
  let line = startLine;
  for (; line < endLine && !state.isEmpty(line) && state.bMarks[line] < last; line += 1) {
    const isOutside = line > startLine && state.sCount[line] < state.blkIndent;
    if (isOutside) break;
    const from = line === startLine ? start + 2 : state.bMarks[line];
    const text = state.src.slice(from, state.eMarks[line]).trimEnd();
    const at = text.indexOf(closer);
    if (at >= 0) return { line, isClosed: at === text.length - 2 && (line > startLine || at > 0) };
  }
  return { line, isClosed: false };
}

/** @type {(state: StateBlock | StateInline, type: string, formula: Formula) => Token} */
function push(state, type, { content, isOpen }) {
  const token = state.push(type, "", 0);
  token.content = content;
  token.meta = { isOpen };
  return token;
}
