// Markdown into elements: markdown-it's tokens, of which only what is known is shown.

import MarkdownIt from "../vendor/markdown-it.js";
import { blocksOf, finishedCount } from "./blocks.js";
import { showColours } from "./colours.js";
import { useFormulas } from "./formulas.js";
import { itemsOf } from "./prose.js";
import { boundedTables } from "./tables.js";
import { foldCode } from "./view/code_frame.js";
import { element } from "./view/element.js";
import { createLongText } from "./view/long_text.js";
import { changedView, viewOf } from "./view/prose.js";
import { finishTables } from "./view/table_frame.js";

/**
 * @import {Env, Token} from "../vendor/markdown-it.js"
 * @import {Block} from "./blocks.js"
 * @import {Item} from "./prose.js"
 * @import {View} from "./view/prose.js"
 */

// Some times the longest answer that is read; what is behind it is shown as it is.
const MARKDOWN_MAX_CHARS = 100_000;
// With each draw the browser goes over all parts, and over the blocks of the last one.
const PART_BLOCKS = 16;

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
 * Blocks stand in parts, each of which is laid out and painted by itself.
 */
export class Markdown {
  #target;
  /** @type {HTMLElement | null} */
  #part = null; // the last one
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

  /** @param {HTMLElement} target */
  constructor(target) {
    this.#target = target;
  }

  /** @param {string} source */
  update(source) {
    showColours();
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
    const text = this.#bounded(withPlainNewlines(source));
    this.#growing = [...this.#finished, ...this.#growing];
    this.#finished = [];
    this.#offset = 0;
    this.#env = {};
    this.#shown = text;
    this.#show(text, { isGrowing: false });
    foldCode(this.#target);
    finishTables();
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
    this.#part = null;
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
    const before = this.#growing;
    for (const { node } of before.slice(items.length)) node.remove();
    this.#growing = items.map((item, at) => {
      const held = before[at];
      if (held !== undefined) return changedView(held, item, { isGrowing });
      const view = viewOf(item, { isGrowing });
      this.#partWithRoom().append(view.node);
      return view;
    });
    return blocks;
  }

  #partWithRoom() {
    if (this.#part !== null && this.#part.childElementCount < PART_BLOCKS) return this.#part;
    this.#part = element("div", { class: "prose__part" });
    if (this.#rest === null) this.#target.append(this.#part);
    else this.#rest.node.before(this.#part);
    return this.#part;
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
