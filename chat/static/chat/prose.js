// Tokens of markdown as a tree of what may be shown, and nothing else. No DOM.
//
// There is no HTML on the way: what is not in these tables has no form in which it could be shown.

import { formulaClass } from "./formulas.js";

const TAGS = new Set([
  ...["blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr"],
  ...["li", "ol", "p", "s", "strong", "tbody", "td", "th", "thead", "tr", "ul"],
]);
const ADDRESS = /^(?:https?:|mailto:|\/(?![/\\])|#)/i;
// A browser does not see these in an address.
const UNSEEN = /[\u0000-\u0020\u00a0\u1680\u180e\u2000-\u2029\u205f\u3000]/g;
const ALIGNED = /^text-align:(left|center|right)$/;
const CELLS = new Set(["th", "td"]);
const COLOURED = /<span class="([^"]*)">|<\/span>|&(amp|lt|gt|quot|#x27);|[^<&]+/g;
/** @type {Record<string, string>} */
const SIGNS = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

/**
 * @import {Token} from "../vendor/markdown-it.js"
 * @import {Table} from "./tables.js"
 */

/**
 * One thing of an answer. Text has only `text`, code its `source` and `language`, a formula its
 * `source` as text; a table has `rows`, the tokens of all of them.
 * @typedef {{kind: string, tag?: string, text?: string, attributes?: Record<string, string>,
 *   children?: Item[], source?: string, language?: string, rows?: Token[][]}} Item
 * @typedef {Item & {children: Item[]}} Parent
 */

/**
 * @param {Token[]} tokens
 * @param {Table[]} tables those in the tokens
 * @returns {Item[]}
 */
export function itemsOf(tokens, tables = []) {
  /** @type {{children: Item[]}} */
  const top = { children: [] };
  const open = [top];
  const rest = [...tables];
  for (const token of tokens) {
    const { children } = innermost(open);
    if (token.nesting < 0) open.pop();
    else if (token.nesting === 0) children.push(...leavesOf(token));
    else {
      const item = openedBy(token, rest);
      if (item !== null) children.push(item);
      open.push(item ?? innermost(open));
    }
  }
  return top.children;
}

/**
 * The coloured parts of code: highlight.js's HTML, which holds spans and text only.
 * @param {string} html
 */
export function colouredItems(html) {
  /** @type {{children: Item[]}} */
  const top = { children: [] };
  const open = [top];
  for (const [part, name, sign] of html.matchAll(COLOURED)) {
    const { children } = innermost(open);
    if (name !== undefined) {
      /** @type {Parent} */
      const span = { kind: "element", tag: "span", attributes: { class: name }, children: [] };
      children.push(span);
      open.push(span);
    } else if (part !== "</span>") pushText(children, sign === undefined ? part : SIGNS[sign]);
    else if (open.length > 1) open.pop();
  }
  return top.children;
}

/** @type {(open: {children: Item[]}[]) => {children: Item[]}} */
function innermost(open) {
  return open[open.length - 1];
}

/**
 * Whether two items show the same.
 * @param {Item} one
 * @param {Item} other
 * @returns {boolean}
 */
export function isSameItem(one, other) {
  if (one.kind !== other.kind || one.tag !== other.tag || one.text !== other.text) return false;
  if (!hasSameAttributes(one, other)) return false;
  const [left, right] = [one.children ?? [], other.children ?? []];
  return left.length === right.length && left.every((each, at) => isSameItem(each, right[at]));
}

/**
 * Whether the element of one item can become that of the other by changing its children.
 * @param {Item} one
 * @param {Item} other
 */
export function isSameElement(one, other) {
  return one.kind === other.kind && one.tag === other.tag && hasSameAttributes(one, other);
}

/** @type {(one: Item, other: Item) => boolean} */
function hasSameAttributes({ attributes: one = {} }, { attributes: other = {} }) {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => one[name] === other[name]);
}

// What is hidden or unknown has no element: its children stand in its place.
/** @type {(token: Token, tables: Table[]) => Parent | null} */
function openedBy(token, tables) {
  const { tag } = token;
  if (token.hidden) return null;
  if (tag === "a") return linkItem(token, []);
  if (tag === "table") return { kind: "table", tag, children: [], rows: tables.shift()?.rows ?? [] };
  if (!TAGS.has(tag)) return null;
  return { kind: "element", tag, attributes: attributesOf(token), children: [] };
}

/** @type {(token: Token) => Item[]} */
function leavesOf(token) {
  const { type, content } = token;
  switch (type) {
    case "inline":
      return itemsOf(token.children ?? []);
    case "fence":
    case "code_block":
      return [codeItem(token)];
    case "formula":
    case "formula_block":
      return [formulaItem(token)];
    case "code_inline":
      return [{ kind: "element", tag: "code", attributes: {}, children: [textItem(content)] }];
    case "softbreak":
      return [textItem("\n")];
    case "hardbreak":
    case "hr":
      return [{ kind: "element", tag: token.tag, attributes: {}, children: [] }];
    // Remote images would be requests off our origin: they are shown as links.
    case "image":
      return [linkItem(token, [textItem(content || "image")])];
    default:
      return content === "" ? [] : [textItem(content)];
  }
}

/** @type {(text: string) => Item} */
function textItem(text) {
  return { kind: "text", text };
}

/** @type {(children: Item[], text: string) => void} */
function pushText(children, text) {
  const last = children.at(-1);
  if (last?.kind === "text") last.text += text;
  else children.push(textItem(text));
}

/** @type {(token: Token, children: Item[]) => Parent} */
function linkItem(token, children) {
  const address = String(token.attrGet("href") ?? token.attrGet("src") ?? "");
  const title = token.type === "link_open" ? token.attrGet("title") : null;
  const isAllowed = ADDRESS.test(address.replace(UNSEEN, ""));
  /** @type {Record<string, string>} */
  const attributes = isAllowed ? { href: address } : {};
  if (title !== null) attributes.title = String(title);
  return { kind: "link", tag: "a", attributes, children };
}

/** @type {(token: Token) => Item} */
function codeItem({ type, info, content }) {
  const language = type === "fence" ? info.trim().split(/\s+/)[0] : "";
  return { kind: "code", tag: "pre", source: content, language };
}

/** @type {(token: Token) => Item} */
function formulaItem({ type, content, meta }) {
  const tag = type === "formula" ? "span" : "p";
  const { isOpen } = /** @type {{isOpen: boolean}} */ (meta);
  const attributes = { class: formulaClass(content, { isOpen }) };
  return { kind: "formula", tag, text: content, attributes };
}

// Column alignment as a class: the content security policy refuses style attributes.
/** @type {(token: Token) => Record<string, string>} */
function attributesOf(token) {
  const { tag } = token;
  if (tag === "ol") return numberOf(token.attrGet("start"));
  if (!CELLS.has(tag)) return {};
  const side = ALIGNED.exec(String(token.attrGet("style") ?? ""))?.[1];
  return { dir: "auto", ...(side === undefined ? {} : { class: `align-${side}` }) };
}

/** @type {(start: string | number | null) => Record<string, string>} */
function numberOf(start) {
  return start === null ? {} : { start: String(start) };
}
