// A table in its frame: it scrolls by itself, shows more of a long one when asked, and is copied.

import { gettext } from "../gettext.js";
import { ROWS_SHOWN_MAX, asCsv, asMarkdown } from "../tables.js";
import { copyButton } from "./copying.js";
import { element, setText } from "./element.js";
import { numberWords } from "./words.js";

const ROWS_MORE = 500;

/** @import {Token} from "../../vendor/markdown-it.js" */

/**
 * Puts a table into its frame.
 * @param {HTMLTableElement} table with its first rows
 * @param {{rows: Token[][], grow: (rows: Token[][]) => void}} held all its rows; `grow` is set
 * @param {(rows: Token[][]) => Node[]} render makes elements of rows
 * @returns {HTMLElement} the frame
 */
export function frameTable(table, held, render) {
  const frame = element("div", {
    class: "table-frame",
    tabindex: "0",
    role: "group",
    "aria-label": gettext("Table"),
  });
  const rest = createRest((from, count) => {
    const next = held.rows.slice(from + 1, from + 1 + count);
    table.tBodies[0].append(...render(next));
    return next.length;
  });
  const foot = element(
    "div",
    { class: "table__foot" },
    ...[rest.said, rest.more],
    copyButton(gettext("Copy as CSV"), () => asCsv(held.rows)),
    copyButton(gettext("Copy as Markdown"), () => asMarkdown(held.rows)),
  );
  held.grow = (rows) => {
    held.rows = rows;
    rest.tell(rows.length - 1);
  };
  held.grow(held.rows);
  frame.append(table);
  return element("div", { class: "table" }, frame, foot);
}

/** @param {(from: number, count: number) => number} addRows */
function createRest(addRows) {
  let shown = ROWS_SHOWN_MAX;
  let all = 0;
  const said = element("p", { class: "table__said" });
  const more = element("button", { type: "button", class: "button button--small", click: add });

  function add() {
    shown += addRows(shown, ROWS_MORE);
    tell(all);
  }

  /** @param {number} total */
  function tell(total) {
    all = total;
    const counts = { shown: numberWords(shown), total: numberWords(total) };
    setText(said, gettext("The first %(shown)s of %(total)s rows.", counts));
    const count = numberWords(Math.min(ROWS_MORE, Math.max(0, total - shown)));
    setText(more, gettext("Show %(count)s more", { count }));
    said.hidden = shown >= total;
    more.hidden = shown >= total;
  }

  return { said, more, tell };
}
