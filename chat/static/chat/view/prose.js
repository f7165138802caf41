// The items of an answer as elements that change as little as possible while the answer grows.

import { askColours } from "../colours.js";
import { typeset } from "../math.js";
import { colouredItems, isSameElement, isSameItem, itemsOf } from "../prose.js";
import { frameCode } from "./code_frame.js";
import { element } from "./element.js";
import { finishLink } from "./links.js";
import { frameTable } from "./table_frame.js";

// Colouring is quadratic for a block that grows; above this size the rest waits for the end.
const HIGHLIGHT_WHILE_GROWING_MAX_CHARS = 4_000;
const HIGHLIGHT_MAX_CHARS = 60_000;
// Above it a whole is made anew: with each child that comes or goes, a text without letters is
// searched for its direction from its beginning.
const CHANGED_MAX = 100;
// Not changed, but made anew when anything in them is.
const KEPT_WHOLE = new Set(["link", "formula"]);

/**
 * @import {Token} from "../../vendor/markdown-it.js"
 * @import {Item} from "../prose.js"
 */

/**
 * What is shown of an item: its `node`, which for code and tables is their frame, and the element
 * that its children are in. Of code, `asked` is what colours were asked for, and `coloured` is what
 * has them, which may be its beginning only.
 * @typedef {{item: Item, node: ChildNode, children: View[], into?: Element, asked?: string,
 *   coloured?: {source: string, items: Item[]}, grow?: (rows: Token[][]) => void}} View
 * @typedef {View & {node: HTMLElement, into: HTMLElement}} ElementView
 * @typedef {{isGrowing: boolean}} Growth whether the text still grows
 */

/**
 * @param {Item} item
 * @param {Growth} text
 * @returns {View}
 */
export function viewOf(item, text) {
  return MAKERS[item.kind](item, text);
}

/**
 * The view of what a shown item has become; where it is another one, it takes that one's place.
 * @param {View} view
 * @param {Item} item
 * @param {Growth} text
 * @returns {View}
 */
export function changedView(view, item, text) {
  if (isSameElement(view.item, item) && CHANGES[item.kind](view, item, text)) {
    view.item = item;
    return view;
  }
  const next = viewOf(item, text);
  view.node.replaceWith(next.node);
  return next;
}

/** @type {Record<string, (item: Item, text: Growth) => View>} */
const MAKERS = {
  text: (item) => ({ item, node: document.createTextNode(item.text ?? ""), children: [] }),
  element: elementView,
  link(item, text) {
    const view = elementView(item, text);
    finishLink(/** @type {HTMLAnchorElement} */ (view.node));
    return view;
  },
  formula(item) {
    const node = element(tagOf(item), item.attributes, item.text ?? "");
    typeset(node);
    return { item, node, children: [] };
  },
  code(item, text) {
    const { language } = item;
    const children = codeItems(item);
    const attributes = language === "" ? undefined : { class: `language-${language}` };
    const view = elementView({ kind: "element", tag: "code", attributes, children }, text);
    const node = frameCode(element("pre", { dir: "auto" }, view.node));
    const framed = { ...view, item, node };
    colour(framed, item, text);
    return framed;
  },
  table(item, text) {
    const view = elementView(item, text);
    const table = /** @type {HTMLTableElement} */ (view.node);
    const held = { rows: item.rows ?? [], grow: () => {} };
    view.node = frameTable(table, held, (rows) => rowsOf(rows, text), text.isGrowing);
    view.grow = held.grow;
    return view;
  },
};

// Each answers whether the view shows the item now.
/** @type {Record<string, (view: View, item: Item, text: Growth) => boolean>} */
const CHANGES = {
  text(view, { text = "" }) {
    const { text: before = "" } = view.item;
    const node = /** @type {Text} */ (view.node);
    if (text === before) return true;
    if (text.startsWith(before)) node.appendData(text.slice(before.length));
    else node.data = text;
    return true;
  },
  element: changeChildren,
  link: (view, item) => isSameItem(view.item, item),
  formula: (view, item) => isSameItem(view.item, item),
  code(view, item, text) {
    if (view.item.language !== item.language) return false;
    colour(view, item, text);
    return view.item.source === item.source || changeInto(view, codeItems(item, view), text);
  },
  table(view, item, text) {
    view.grow?.(item.rows ?? []);
    return changeChildren(view, item, text);
  },
};

/** @type {(item: Item, text: Growth) => ElementView} */
function elementView(item, text) {
  const { dir, ...attributes } = item.attributes ?? {};
  const node = element(tagOf(item), attributes);
  const children = (item.children ?? []).map((child) => viewOf(child, text));
  node.append(...children.map((child) => child.node));
  if (dir !== undefined) node.dir = dir; // last: the browser looks for it at each child
  return { item, node, children, into: node };
}

// One of those in the tables of prose.js.
/** @type {(item: Item) => keyof HTMLElementTagNameMap} */
function tagOf({ tag }) {
  return /** @type {keyof HTMLElementTagNameMap} */ (tag);
}

/** @type {(view: View, item: Item, text: Growth) => boolean} */
function changeChildren(view, item, text) {
  return changeInto(view, item.children ?? [], text);
}

// What grows differs near its end: from the first item that is another one all are made anew.
/** @type {(view: View, items: Item[], text: Growth) => boolean} */
function changeInto(view, items, text) {
  const { children: before, into } = view;
  const differs = before.findIndex((each, at) => at >= items.length || !isKept(each.item, items[at]));
  const count = differs < 0 ? before.length : differs;
  const gone = before.slice(count);
  const added = items.slice(count);
  if (gone.length > CHANGED_MAX || added.length > CHANGED_MAX) return false;
  const kept = before.slice(0, count).map((each, at) => changedView(each, items[at], text));
  const fresh = added.map((each) => viewOf(each, text));
  for (const { node } of gone) node.remove();
  if (fresh.length > 0) into?.append(...fresh.map(({ node }) => node));
  view.children = [...kept, ...fresh];
  return true;
}

/** @type {(before: Item, item: Item) => boolean} */
function isKept(before, item) {
  return isSameElement(before, item) && (KEPT_WHOLE.has(item.kind) ? isSameItem(before, item) : true);
}

// What has grown behind the colours is plain for the moment.
/** @type {(item: Item, view?: View) => Item[]} */
function codeItems({ source = "" }, { coloured } = /** @type {View} */ ({})) {
  if (coloured === undefined || !source.startsWith(coloured.source)) {
    return [{ kind: "text", text: source }];
  }
  const rest = source.slice(coloured.source.length);
  return rest === "" ? coloured.items : [...coloured.items, { kind: "text", text: rest }];
}

/** @type {(view: View, item: Item, text: Growth) => void} */
function colour(view, { source = "", language = "" }, { isGrowing }) {
  const limit = isGrowing ? HIGHLIGHT_WHILE_GROWING_MAX_CHARS : HIGHLIGHT_MAX_CHARS;
  if (source.length > limit || view.asked === source) return;
  view.asked = source;
  askColours({ code: source, language }, { isGrowing, show });

  /** @param {string | null} html */
  function show(html) {
    if (html === null) view.asked = undefined;
    else if (view.item.source?.startsWith(source)) showColoured(view, source, html);
  }
}

/** @type {(view: View, source: string, html: string) => void} */
function showColoured(view, source, html) {
  view.coloured = { source, items: colouredItems(html) };
  const items = codeItems(view.item, view);
  const text = { isGrowing: true };
  if (changeInto(view, items, text)) return;
  const attributes = { class: view.into?.className ?? "" };
  const anew = elementView({ kind: "element", tag: "code", attributes, children: items }, text);
  view.into?.replaceWith(anew.node);
  Object.assign(view, { into: anew.node, children: anew.children });
}

// Rows of a table that were not shown yet.
/** @type {(rows: Token[][], text: Growth) => Node[]} */
function rowsOf(rows, text) {
  return itemsOf(rows.flat()).map((row) => viewOf(row, text).node);
}
