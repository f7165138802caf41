// A table in its frame: it scrolls by itself, shows more of a long one when asked, and is copied.

import { gettext } from "../gettext.js";
import { ROWS_SHOWN_MAX, asCsv, asMarkdown } from "../tables.js";
import { copyButton } from "./copying.js";
import { element, setHidden, setText } from "./element.js";
import { numberWords } from "./words.js";

const ROWS_MORE = 500;
/** @type {Set<() => void>} */
const unasked = new Set(); // what would add the copying of tables in answers that grow

/** @import {Token} from "../../vendor/markdown-it.js" */

/**
 * Puts a table into its frame.
 * @param {HTMLTableElement} table with its first rows
 * @param {{rows: Token[][], grow: (rows: Token[][]) => void}} held all its rows; `grow` is set
 * @param {(rows: Token[][]) => Node[]} render makes elements of rows
 * @param {boolean} isGrowing whether its answer still grows: then copying comes with the pointer,
 *   the focus, or the end of the answer
 * @returns {HTMLElement} the frame
 */
export function frameTable(table, held, render, isGrowing) {
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
  const foot = element("div", { class: "table__foot" }, rest.said, rest.more);
  held.grow = (rows) => {
    held.rows = rows;
    rest.tell(rows.length - 1);
  };
  held.grow(held.rows);
  frame.append(table);
  const whole = element("div", { class: "table" }, frame, foot);
  if (isGrowing) addWhenAsked(whole, addCopying);
  else addCopying();
  return whole;

  function addCopying() {
    foot.append(
      copyButton(gettext("Copy as CSV"), () => asCsv(held.rows)),
      copyButton(gettext("Copy as Markdown"), () => asMarkdown(held.rows)),
    );
  }
}

/** To be called when an answer has ended: a screen reader finds buttons without a focus. */
export function finishTables() {
  for (const add of unasked) add();
}

/** @type {(whole: HTMLElement, add: () => void) => void} */
function addWhenAsked(whole, add) {
  const asking = new AbortController();
  for (const event of ["pointerenter", "focusin"]) {
    whole.addEventListener(event, addOnce, { signal: asking.signal });
  }
  unasked.add(addOnce);

  function addOnce() {
    asking.abort();
    unasked.delete(addOnce);
    add();
  }
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
    const isWhole = shown >= total;
    setHidden(said, isWhole);
    setHidden(more, isWhole);
    if (isWhole) return;
    const counts = { shown: numberWords(shown), total: numberWords(total) };
    setText(said, gettext("The first %(shown)s of %(total)s rows.", counts));
    const count = numberWords(Math.min(ROWS_MORE, Math.max(0, total - shown)));
    setText(more, gettext("Show %(count)s more", { count }));
  }

  return { said, more, tell };
}
