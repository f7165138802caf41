import assert from "node:assert/strict";
import { test } from "node:test";

import { sentencesAfter } from "../../chat/static/chat/sentences.js";

test("only whole sentences are said while the text grows, and the rest at its end", () => {
  const text = "It costs $1.50 a day. That is **much**! And then";
  const first = sentencesAfter(text, 0, false);
  assert.equal(first.said, "It costs $1.50 a day. That is much !");
  assert.deepEqual(sentencesAfter(text, first.to, false), { said: "", to: first.to });
  assert.equal(sentencesAfter(text, first.to, true).said, "And then");
});

test("whatever way a text grows, all of it is said once", () => {
  const text = "One. Two?\n\n- three\n- four\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nFive 😀. Six";
  for (const step of [1, 3, 10, 100]) {
    const said = [];
    let from = 0;
    for (let end = step; end < text.length + step; end += step) {
      const next = sentencesAfter(text.slice(0, end), from, end >= text.length);
      said.push(next.said);
      from = next.to;
    }
    const words = said.join(" ").match(/\p{L}+|\d+|😀/gu);
    assert.deepEqual(words, ["One", "Two", "three", "four", "a", "b", "1", "2", "Five", "😀", "Six"]);
  }
});

test("signs are not said, and a burst is cut to its end", () => {
  assert.equal(sentencesAfter("See [the docs](https://a.example).\n", 0, false).said, "See the docs.");
  const { said, to } = sentencesAfter("word. ".repeat(2_000), 0, false);
  assert.ok(said.length < 1_300);
  assert.equal(to, 12_000);
  assert.ok(sentencesAfter("word ".repeat(200), 0, false).to > 0, "one that never ends");
});
