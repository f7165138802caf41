import assert from "node:assert/strict";
import { test } from "node:test";

import { plainName } from "../../chat/static/chat/bidi.js";
import { ROWS_SHOWN_MAX, asCsv, asMarkdown, boundedTables } from "../../chat/static/chat/tables.js";
import MarkdownIt from "../../netra/static/vendor/markdown-it.js";

const md = new MarkdownIt();
const tableOf = (rows) => `| a | b |\n|---|--:|\n${rows.map((row) => `| ${row} |`).join("\n")}\n`;

test("of a long table only the first rows become elements", () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => `${index} | x`);
  const { tokens, tables } = boundedTables(md.parse(`> ${tableOf(rows).replaceAll("\n", "\n> ")}`, {}));
  const html = md.renderer.render(tokens, md.options, {});
  assert.equal(html.match(/<tr>/g).length, ROWS_SHOWN_MAX + 1);
  assert.match(html, /<\/tbody>\n<\/table>\n<\/blockquote>/);
  assert.equal(tables.length, 1);
  assert.equal(tables[0].rows.length, 5_001);
});

test("what is no table stays as it is", () => {
  const parsed = md.parse("# a\n\nb", {});
  assert.equal(boundedTables(parsed).tokens, parsed);
});

test("a table is given out as text", () => {
  const [{ rows }] = boundedTables(md.parse(tableOf(['x, "y" | 1', "**b** | 2"]), {})).tables;
  assert.equal(asCsv(rows), 'a,b\r\n"x, ""y""",1\r\n**b**,2\r\n');
  assert.equal(asMarkdown(rows), '| a | b |\n| --- | --- |\n| x, "y" | 1 |\n| **b** | 2 |\n');
});

test("signs that turn text are to be seen in a name", () => {
  assert.equal(plainName("annexe\u202etxt.exe"), "annexe\ufffdtxt.exe");
  assert.equal(plainName("مرحبا.csv"), "مرحبا.csv");
});
