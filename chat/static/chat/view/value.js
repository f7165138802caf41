// Any JSON value for reading: scalars as text, lists of records as tables, the rest as JSON.

import { gettext } from "../gettext.js";
import { renderMarkdown } from "../markdown.js";
import { element } from "./element.js";
import { nameWords, numberWords } from "./words.js";

/**
 * @import {Json} from "../frames.js"
 *
 * @typedef {Record<string, Json>} JsonRecord
 */

const ROWS_SHOWN_MAX = 50;
const DEPTH_MAX = 3; // deeper than this, JSON is easier to read
const TEXT_SHOWN_MAX_CHARS = 20_000;

/**
 * An element showing the arguments or the result of a tool call.
 * @param {Json} value
 * @param {number} [depth]
 * @returns {HTMLElement}
 */
export function valueView(value, depth = 0) {
  if (isRecord(value) && depth < DEPTH_MAX) return recordView(value, depth);
  if (isTable(value)) return tableView(value.map(flattened));
  if (Array.isArray(value) && value.every(isScalar)) return listView(value);
  return jsonView(value);
}

/** @type {(record: JsonRecord, depth: number) => HTMLElement} */
function recordView({ markdown, ...rest }, depth) {
  const parts = Object.entries(rest).filter(([, each]) => !isEmpty(each));
  const facts = parts.filter(([, each]) => isScalar(each));
  const root = element("div", { class: depth > 0 ? "stack stack--tight nested" : "stack" });
  if (typeof markdown === "string") root.append(proseView(markdown));
  if (facts.length > 0) root.append(factsView(facts));
  for (const [name, each] of parts.filter(([, each]) => !isScalar(each))) {
    const label = element("p", { class: "tool-card__label" }, nameWords(name));
    root.append(element("div", {}, label, valueView(each, depth + 1)));
  }
  return root;
}

/** @param {string} markdown */
function proseView(markdown) {
  const prose = element("div", { class: "prose" });
  renderMarkdown(prose, markdown);
  return prose;
}

/** @param {Json[]} values */
function listView(values) {
  const items = values.slice(0, ROWS_SHOWN_MAX).map((each) => {
    return element("li", { dir: "auto" }, scalarWords(each));
  });
  return element("ul", { class: "items" }, ...items);
}

// A record inside a row becomes columns of its own: `latency: {p50}` reads "Latency p50".
/** @type {(row: JsonRecord) => JsonRecord} */
function flattened(row) {
  const cells = Object.entries(row).flatMap(([name, value]) =>
    isRecord(value)
      ? Object.entries(value).map(([inner, each]) => [`${name} ${inner}`, each])
      : [[name, value]],
  );
  return Object.fromEntries(cells);
}

/** @param {[string, Json][]} facts */
function factsView(facts) {
  const list = element("dl", { class: "facts" });
  for (const [name, value] of facts) {
    const view = element("dd", { dir: "auto" }, scalarWords(value));
    list.append(element("dt", {}, nameWords(name)), view);
  }
  return list;
}

/** @param {JsonRecord[]} rows */
function tableView(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  /** @type {(name: string) => boolean} */
  const isNumeric = (name) => rows.every((row) => row[name] == null || isNumber(row[name]));
  const aligned = Object.fromEntries(
    columns.map((name) => [name, isNumeric(name) ? { class: "align-right" } : {}]),
  );
  const head = columns.map((name) =>
    element("th", { scope: "col", ...aligned[name] }, nameWords(name)),
  );
  const body = rows.slice(0, ROWS_SHOWN_MAX).map((row) => {
    const cells = columns.map((name) => element("td", aligned[name], scalarWords(row[name])));
    return element("tr", {}, ...cells);
  });
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
  const frame = element(
    "div",
    { class: "table-frame", tabindex: "0", role: "group", "aria-label": gettext("Table") },
    table,
  );
  const hidden = rows.length - body.length;
  if (hidden > 0) frame.append(element("p", { class: "text-small" }, moreWords(hidden)));
  return frame;
}

/** @param {number} count */
function moreWords(count) {
  return gettext("… %(count)s more rows", { count: numberWords(count) });
}

/** @param {Json} value */
function jsonView(value) {
  if (typeof value === "string") {
    return element("p", { class: "message__text", dir: "auto" }, shortened(value));
  }
  const json = shortened(JSON.stringify(value, null, 2) ?? "");
  return element("pre", { class: "json", tabindex: "0", dir: "ltr" }, json);
}

/** @type {(value: Json) => string} */
function scalarWords(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  // More digits than these are noise of the binary form.
  if (typeof value === "number") return numberWords(Math.round(value * 1e6) / 1e6);
  return shortened(String(value));
}

/** @type {(text: string) => string} */
function shortened(text) {
  if (text.length <= TEXT_SHOWN_MAX_CHARS) return text;
  const count = numberWords(text.length - TEXT_SHOWN_MAX_CHARS);
  const rest = gettext("… and %(count)s more characters", { count });
  return `${text.slice(0, TEXT_SHOWN_MAX_CHARS)}\n${rest}`;
}

/** @type {(value: Json) => boolean} */
function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** @type {(value: Json) => boolean} */
function isScalar(value) {
  return value === null || typeof value !== "object";
}

/** @type {(value: Json) => boolean} */
function isEmpty(value) {
  return value === null || (typeof value === "object" && Object.keys(value).length === 0);
}

/** @type {(value: Json) => boolean} */
function isNumber(value) {
  return typeof value === "number" || (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value));
}

// A list of rows whose cells are scalars or records of scalars.
/** @type {(value: Json) => boolean} */
function isTable(value) {
  /** @type {(each: Json) => boolean} */
  const isCell = (each) =>
    isScalar(each) || (isRecord(each) && Object.values(each).every(isScalar));
  /** @type {(row: Json) => boolean} */
  const isRow = (row) => isRecord(row) && Object.values(row).every(isCell);
  return Array.isArray(value) && value.length > 0 && value.every(isRow);
}
