import assert from "node:assert/strict";
import { test } from "node:test";

import { blocksOf, finishedCount } from "../../chat/static/chat/blocks.js";
import { FORMULA_MAX_CHARS, formulaIn, useFormulas } from "../../chat/static/chat/formulas.js";
import { itemsOf } from "../../chat/static/chat/prose.js";
import MarkdownIt from "../../netra/static/vendor/markdown-it.js";
import { htmlOf } from "./prose.mjs";

const md = new MarkdownIt({ html: false, linkify: true });
useFormulas(md);
const inline = (source) => `<span class="math">${source}</span>`;
const display = (source) => `<span class="math math--display">${source}</span>`;
const block = (source) => `<p class="math math--display">${source}</p>`;

const CASES = {
  "\\(x^2\\)": `<p>${inline("\\(x^2\\)")}</p>`,
  "so \\(a_1\\) and *b*": `<p>so ${inline("\\(a_1\\)")} and <em>b</em></p>`,
  "\\(a*b*c\\)": `<p>${inline("\\(a*b*c\\)")}</p>`,
  "\\(a<b\\)": `<p>${inline("\\(a&lt;b\\)")}</p>`,
  "$$x$$": block("$$x$$"),
  "$$\nx\n$$": block("$$\nx\n$$"),
  "Thus\n\\[\nx\n\\]\nend": `<p>Thus</p>${block("\\[\nx\n\\]")}<p>end</p>`,
  "- a\n  \\[x\\]\n": `<ul><li>a${block("\\[x\\]")}</li></ul>`,
  "here \\[x\\].": `<p>here ${display("\\[x\\]")}.</p>`,
  "a $5 and $6": "<p>a $5 and $6</p>",
  "from $$5 to $$6": "<p>from $$5 to $$6</p>",
  "`\\(x\\)`": "<p><code>\\(x\\)</code></p>",
  "```\n\\[x\\]\n```": "<pre><code>\\[x\\]</code></pre>",
  "    $$x$$": "<pre><code>$$x$$</code></pre>",
  "\\\\(x\\\\)": "<p>\\(x\\)</p>",
  "\\(\\)": "<p>()</p>",
  "\\(never closed": "<p>(never closed</p>",
  "$$\nnever\n\nclosed": "<p>$$\nnever</p><p>closed</p>",
};
const shown = (text, env = {}) => htmlOf(itemsOf(md.parse(text, env)));

for (const [text, html] of Object.entries(CASES)) {
  test(`${JSON.stringify(text)} in markdown`, () => {
    assert.equal(shown(text), html);
  });
}

test("a formula that grows shows its source until it is closed", () => {
  const growing = (text) => shown(text, { isGrowing: true });
  assert.equal(
    growing("so \\(a_1 *b*"),
    '<p>so <span class="math math--open">\\(a_1 *b*</span></p>',
  );
  assert.equal(growing("\\[\na_1"), '<p class="math math--display math--open">\\[\na_1</p>');
  assert.equal(growing("it costs $$ *b*"), "<p>it costs $$ <em>b</em></p>");
});

test("what is kept of a growing text is what the whole text gives", () => {
  const text = "One \\(a\nb\\) two\n\n$$\nx\n$$\n\n- a \\(b\\)\n\n\\[ x \\]\n\nend\n";
  const blocksAs = (part, env) =>
    blocksOf(md, part, env).map((each) => htmlOf(itemsOf(each.tokens)));
  for (const step of [1, 3]) {
    const kept = [];
    let offset = 0;
    for (let end = step; end < text.length + step; end += step) {
      const tail = text.slice(offset, end);
      const blocks = blocksOf(md, tail, { isGrowing: true });
      const done = finishedCount(tail, blocks);
      kept.push(...blocksAs(tail, { isGrowing: true }).slice(0, done));
      if (done > 0) offset += blocks[done].start;
    }
    assert.deepEqual([...kept, ...blocksAs(text.slice(offset), {})], blocksAs(text, {}));
  }
});

test("what is too long for a formula is none, and costs little", () => {
  const long = `\\(${"x".repeat(FORMULA_MAX_CHARS)}\\)`;
  assert.doesNotMatch(shown(long), /class="math"/);
  const began = process.cpuUsage();
  md.render("\\(".repeat(50_000));
  md.render("$$\n".repeat(20_000));
  // Of this process: a busy machine takes longer, and works no more.
  assert.ok(process.cpuUsage(began).user < 10_000_000, "microseconds");
});

test("the TeX of a formula", () => {
  assert.deepEqual(formulaIn("\\(x\\)"), { tex: "x", isDisplay: false });
  assert.deepEqual(formulaIn("$$\nx\n$$"), { tex: "\nx\n", isDisplay: true });
  for (const text of ["", "x", "\\(", "\\(\\)", "\\(x\\]", "$x$"]) {
    assert.equal(formulaIn(text), null);
  }
});
