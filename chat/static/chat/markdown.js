// Markdown into elements: markdown-it's tokens, of which only what is known is shown.

import MarkdownIt from "../vendor/markdown-it.js";
import { blocksOf, finishedCount } from "./blocks.js";
import { useColours } from "./colours.js";
import { useFormulas } from "./formulas.js";
import { itemsOf } from "./prose.js";
import { boundedTables } from "./tables.js";
import { foldCode } from "./view/code_frame.js";
import { createLongText } from "./view/long_text.js";
import { changedView, viewOf } from "./view/prose.js";

/**
 * @import {Env, Token} from "../vendor/markdown-it.js"
 * @import {Block} from "./blocks.js"
 * @import {Item} from "./prose.js"
 * @import {View} from "./view/prose.js"
 */

// Some times the longest answer that is read; what is behind it is shown as it is.
const MARKDOWN_MAX_CHARS = 100_000;

const md = new MarkdownIt({ html: false, linkify: true, breaks: false });
useFormulas(md);

/**
 * Fills `target` with the whole of a finished text.
 * @param {HTMLElement} target
 * @param {string} text
 */
export function renderMarkdown(target, text) {
  new Markdown(target).finish(text);
}

/**
 * Keeps `target` showing a text that grows. Blocks that are finished keep their DOM; `finish`
 * compares every block once more, since a link's definition may come long after its use.
 */
export class Markdown {
  #target;
  /** @type {View[]} */
  #finished = []; // views of blocks that `update` no longer looks at
  /** @type {View[]} */
  #growing = []; // views of the blocks behind them
  #offset = 0;
  /** @type {Env} */
  #env = {};
  #shown = "";
  /** @type {ReturnType<typeof createLongText> | null} */
  #rest = null; // of a text that is too long
  #whole = ""; // of a finished one

  /** @param {HTMLElement} target */
  constructor(target) {
    this.#target = target;
  }

  /** @param {string} source */
  update(source) {
    const text = this.#bounded(withPlainNewlines(source));
    if (text === this.#shown) return;
    if (!text.startsWith(this.#shown)) this.#reset();
    this.#shown = text;
    const tail = text.slice(this.#offset);
    const blocks = this.#show(tail, { isGrowing: true });
    const done = finishedCount(tail, blocks);
    if (done === 0) return;
    this.#finished.push(...this.#growing.splice(0, done));
    this.#offset += blocks[done].start;
  }

  /** @param {string} source */
  finish(source) {
    this.#whole = source;
    const text = this.#bounded(withPlainNewlines(source));
    this.#growing = [...this.#finished, ...this.#growing];
    this.#finished = [];
    this.#offset = 0;
    this.#env = {};
    this.#shown = text;
    this.#show(text, { isGrowing: false });
    foldCode(this.#target);
    useColours(this, this.#target);
  }

  /** Shows a finished text once more, when what colours code has come. */
  again() {
    this.finish(this.#whole);
  }

  /** @type {(text: string) => string} */
  #bounded(text) {
    if (text.length <= MARKDOWN_MAX_CHARS && this.#rest === null) return text;
    this.#rest ??= createLongText();
    this.#rest.update(text.slice(MARKDOWN_MAX_CHARS));
    this.#target.append(this.#rest.node);
    return text.slice(0, MARKDOWN_MAX_CHARS);
  }

  #reset() {
    this.#target.replaceChildren(...(this.#rest === null ? [] : [this.#rest.node]));
    this.#finished = [];
    this.#growing = [];
    this.#offset = 0;
    this.#env = {};
  }

  /** @type {(text: string, how: {isGrowing: boolean}) => Block[]} */
  #show(text, { isGrowing }) {
    this.#env.isGrowing = isGrowing;
    const blocks = blocksOf(md, text, this.#env);
    const items = blocks.map(({ tokens }) => itemOf(tokens));
    const last = this.#finished.at(-1)?.node ?? null;
    this.#growing = shown(this.#target, { before: this.#growing, items, last, isGrowing });
    return blocks;
  }
}

/** @type {(text: string) => string} */
function withPlainNewlines(text) {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

// A block is one element. Not the parts of lists and quotes: whoever has a direction of their own
// gives none to them.
/** @type {(block: Token[]) => Item} */
function itemOf(block) {
  const { tokens, tables } = boundedTables(block);
  const items = itemsOf(tokens, tables);
  const isOne = items.length === 1 && items[0].kind !== "text";
  const item = isOne ? items[0] : { kind: "element", tag: "p", children: items };
  return { ...item, attributes: { ...item.attributes, dir: "auto" } };
}

// Shows the items behind the node `last`, where the views `before` are now.
/**
 * @param {HTMLElement} target
 * @param {{before: View[], items: Item[], last: ChildNode | null, isGrowing: boolean}} what
 */
function shown(target, { before, items, last, isGrowing }) {
  for (const { node } of before.slice(items.length)) node.remove();
  let previous = last;
  return items.map((item, at) => {
    const held = before[at];
    const view = held ? changedView(held, item, { isGrowing }) : viewOf(item, { isGrowing });
    if (held === undefined && previous === null) target.prepend(view.node);
    else if (held === undefined) previous?.after(view.node);
    previous = view.node;
    return view;
  });
}
