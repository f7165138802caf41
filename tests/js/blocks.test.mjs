import assert from "node:assert/strict";
import { test } from "node:test";

import { blocksOf, finishedCount } from "../../chat/static/chat/blocks.js";
import MarkdownIt from "../../netra/static/vendor/markdown-it.js";

const md = new MarkdownIt({ html: false, linkify: true });
const htmlOf = (text) =>
  blocksOf(md, text, {}).map((block) => md.renderer.render(block.tokens, md.options, {}));

// Shows a text piece by piece as the page does, keeping what is finished.
function grow(text, step) {
  const kept = [];
  let offset = 0;
  for (let end = step; end < text.length + step; end += step) {
    const tail = text.slice(offset, end);
    const blocks = blocksOf(md, tail, {});
    const done = finishedCount(tail, blocks);
    kept.push(...blocks.slice(0, done).map((b) => md.renderer.render(b.tokens, md.options, {})));
    if (done > 0) offset += blocks[done].start;
  }
  return { kept, rest: htmlOf(text.slice(offset)) };
}

const TEXTS = {
  paragraphs: "One.\n\nTwo **bold\nline**.\n\nThree.\n",
  "a table": "Intro\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 | 4 |\n\nAfter",
  code: "Before\n\n```python\nprint(1)\n\n# two\n```\n\nAfter\n",
  lists: "- a\n- b\n\n  more of b\n\n- c\n\nText\n\n1. x\n2. y\n",
  "a number that looks like a list": "- a\n1.5 is lazy\n\nEnd",
  "a heading from a line below": "Title\n=====\n\nText\n---\n",
  quotes: "> a\nlazy\n\n> b\n\nend",
  astral: "😀 one\n\n🎉 **two**\n\nthree 😀",
};

test("blocks together are the whole text", () => {
  for (const text of Object.values(TEXTS)) assert.equal(htmlOf(text).join(""), md.render(text));
});

for (const [name, text] of Object.entries(TEXTS)) {
  for (const step of [1, 2, 7]) {
    test(`${name}: what is kept in steps of ${step} is what the whole text gives`, () => {
      const { kept, rest } = grow(text, step);
      assert.deepEqual([...kept, ...rest], htmlOf(text));
    });
  }
}

test("a block is finished when the first line behind it is whole", () => {
  const finished = (text) => finishedCount(text, blocksOf(md, text, {}));
  assert.equal(finished(""), 0);
  assert.equal(finished("One"), 0);
  assert.equal(finished("One\n\nTwo"), 0);
  assert.equal(finished("One\n\nTwo\n"), 1);
});

test("a long text is cut so that only its end is parsed again", () => {
  const text = Array.from({ length: 200 }, (_, i) => `Paragraph ${i}\n\n`).join("");
  const { kept } = grow(text, 50);
  assert.ok(kept.length >= 198);
});
