import assert from "node:assert/strict";
import { test } from "node:test";

import { isTooLong, nameOfPaste } from "../../chat/static/chat/files.js";

const CASES = [
  ["model,cost\ngpt,1\n", "pasted.csv"],
  ["model;cost\ngpt;1\n", "pasted.csv"],
  ["model\tcost\ngpt\t1\n", "pasted.tsv"],
  ['[{"model": "gpt"}]', "pasted.json"],
  ['{"model": "gpt"}\n{"model": "x"}\n', "pasted.jsonl"],
  ["Once upon a time, there\nwas a model.", "pasted.txt"],
];

for (const [text, name] of CASES) {
  test(`${JSON.stringify(text)} is named ${name}`, () => assert.equal(nameOfPaste(text), name));
}

test("length counts code points", () => {
  assert.equal(isTooLong("😀".repeat(10), 10), false);
  assert.equal(isTooLong("😀".repeat(11), 10), true);
});
