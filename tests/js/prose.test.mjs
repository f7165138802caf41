import assert from "node:assert/strict";
import { test } from "node:test";

import { useFormulas } from "../../chat/static/chat/formulas.js";
import { colouredItems, isSameElement, isSameItem, itemsOf } from "../../chat/static/chat/prose.js";
import highlight from "../../netra/static/vendor/highlight.js";
import MarkdownIt from "../../netra/static/vendor/markdown-it.js";
import { htmlOf } from "./prose.mjs";

const md = new MarkdownIt({ html: false, linkify: true });
useFormulas(md);
const parsed = (text) => itemsOf(md.parse(text, {}));
const shown = (text) => htmlOf(parsed(text));
// What markdown-it itself writes, without the breaks beside elements.
const written = (text) => md.render(text).replace(/(?<=>)\n+|\n(?=<\/?(?:code|ul)>)/g, "").trim();

const AS_WRITTEN = [
  "One *two* **three** ~~four~~ `five`",
  "# A\n\n## B\n\n---\n\nline\nbreak  \nhard",
  "- a\n- b\n  - c\n\n7. x\n8. y",
  "> quoted\n> > twice",
  "- loose\n\n- list",
  "```python\nprint(1 < 2)\n```",
  "    indented <b>",
  "[a](/docs) [b](https://a.example \"title\") https://b.example <c@d.example>",
  "&copy; \\* <b>not bold</b> <script>x</script>",
];

for (const text of AS_WRITTEN) {
  test(`${JSON.stringify(text)} is shown as markdown-it writes it`, () => {
    assert.equal(shown(text), written(text));
  });
}

test("a table has its columns by class, and its rows", () => {
  const text = "| a | b |\n|:--|--:|\n| 1 | *2* |\n";
  const [table] = itemsOf(md.parse(text, {}), [{ rows: ["head", "row"] }]);

  assert.deepEqual(table.rows, ["head", "row"]);
  const cells = '<td class="align-left">1</td><td class="align-right"><em>2</em></td>';
  assert.match(htmlOf([table]), new RegExp(`<tbody><tr>${cells}</tr></tbody></table>$`));
});

const LED_NOWHERE = [
  "[x](notes.md)",
  "[x](//evil.example)",
  "[x](ftp://evil.example)",
  "[x](blob:x)",
  "![x](data:image/png;base64,AAAA)",
];

for (const text of LED_NOWHERE) {
  test(`${text} is words that lead nowhere`, () => {
    assert.equal(shown(text), "<p><a>x</a></p>");
  });
}

test("no token brings an element or attribute that is not in the tables", () => {
  const token = (type, tag, nesting, attrs = []) => ({
    ...{ type, tag, nesting, hidden: false, content: "" },
    attrGet: (name) => new Map(attrs).get(name) ?? null,
  });
  const hostile = [["onclick", "x"], ["style", "position:fixed"], ["id", "app"], ["class", "app"]];
  const tokens = ["script", "iframe", "style", "svg", "p", "td"].flatMap((tag) => [
    token(`${tag}_open`, tag, 1, hostile),
    { ...token("html_inline", "", 0), content: "<img src=x onerror=x>" },
    token(`${tag}_close`, tag, -1),
  ]);

  const text = "&lt;img src=x onerror=x&gt;";
  assert.equal(htmlOf(itemsOf(tokens)), `${text.repeat(4)}<p>${text}</p><td>${text}</td>`);
});

test("a picture is a link to it", () => {
  const link = '<a href="https://a.example/b.png">a cat</a>';
  assert.equal(shown("![a cat](https://a.example/b.png)"), `<p>${link}</p>`);
});

test("coloured code keeps every sign of it", () => {
  const code = 'if (a < b && c > "d") { return `${x}`; } // \'quoted\' </span>\n';
  const html = highlight.highlight(code, { language: "javascript" }).value;
  const textOf = (items) => items.map((each) => each.text ?? textOf(each.children)).join("");

  const items = colouredItems(html);

  assert.equal(textOf(items), code);
  assert.ok(items.some(({ tag, attributes }) => tag === "span" && attributes.class === "hljs-keyword"));
});

test("what only grew is the same element, not the same item", () => {
  const [[short], [long], [other]] = ["a *b*", "a *b* c", "# a *b*"].map(parsed);

  assert.ok(isSameItem(short, parsed("a *b*")[0]));
  assert.ok(isSameElement(short, long) && !isSameItem(short, long));
  assert.ok(!isSameElement(short, other));
});
