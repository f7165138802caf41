// Tables of markdown: bounded before they become elements, and given out as text again. No DOM.

/**
 * @import {Token} from "../vendor/markdown-it.js"
 *
 * @typedef {{rows: Token[][]}} Table the tokens of all rows, its head among them
 */

// Of more rows nobody reads all, and each costs the browser some tenths of a millisecond.
export const ROWS_SHOWN_MAX = 100;

/**
 * A block's tokens without the rows behind the first so many of each table.
 * @param {Token[]} tokens
 * @returns {{tokens: Token[], tables: Table[]}}
 */
export function boundedTables(tokens) {
  /** @type {Table[]} */
  const tables = [];
  if (!tokens.some((token) => token.type === "table_open")) return { tokens, tables };
  const kept = [];
  /** @type {Table | null} */
  let table = null;
  /** @type {Token[] | null} */
  let row = null;
  for (const token of tokens) {
    if (token.type === "table_open") tables.push((table = { rows: [] }));
    if (token.type === "tr_open" && table !== null) table.rows.push((row = []));
    const isOver = row !== null && table !== null && table.rows.length > ROWS_SHOWN_MAX + 1;
    row?.push(token);
    if (!isOver) kept.push(token);
    if (token.type === "tr_close") row = null;
    if (token.type === "table_close") table = null;
  }
  return { tokens: kept, tables };
}

/**
 * The cells of a row as they are written.
 * @param {Token[]} row
 */
export function cellsOf(row) {
  return row.filter((token) => token.type === "inline").map((token) => token.content);
}

/**
 * A table as CSV (RFC 4180).
 * @param {Token[][]} rows
 */
export function asCsv(rows) {
  /** @type {(cell: string) => string} */
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return `${rows.map((row) => cellsOf(row).map(quoted).join(",")).join("\r\n")}\r\n`;
}

/**
 * A table as markdown.
 * @param {Token[][]} rows
 */
export function asMarkdown(rows) {
  const [head, ...body] = rows.map(
    (row) => `| ${cellsOf(row).map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`,
  );
  const rule = `| ${cellsOf(rows[0]).map(() => "---").join(" | ")} |`;
  return `${[head, rule, ...body].join("\n")}\n`;
}
