import assert from "node:assert/strict";
import { test } from "node:test";

import {
  contentUrl,
  failureOf,
  isPicture,
  isTooLong,
  nameOfPaste,
  thumbSize,
} from "../../chat/static/chat/files.js";

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

test("what the server refuses for good is told by its code, and is not to be tried again", () => {
  const cases = [
    [[415, { code: "file_type_unknown", detail: "No." }], "Only text, PDF and images", true],
    [[418, { code: "other", detail: "As the server says." }], "As the server says.", true],
    [[413, null], "The server cannot take the file right now.", true],
    [[429, { code: "too_many_requests", detail: "Wait." }], "Wait.", false],
    [[503, null], "The server cannot take the file right now.", false],
    [[0, null], "The upload was interrupted.", false],
  ];
  for (const [[status, answer], words, isFinal] of cases) {
    const failed = failureOf(status, answer);
    assert.ok(failed.message.startsWith(words), failed.message);
    assert.equal(failed.isFinal, isFinal, words);
  }
});

test("a picture's thumbnail keeps its shape and is known before it is loaded", () => {
  assert.deepEqual(thumbSize({ width: 3000, height: 2000 }), { width: 256, height: 171 });
  assert.deepEqual(thumbSize({ width: 100, height: 9000 }), { width: 2, height: 192 });
  assert.deepEqual(thumbSize({ width: 20, height: 10 }), { width: 20, height: 10 });
});

test("only images of a known size are pictures, and a content's address stays in the API", () => {
  const files = [
    { kind: "image", width: 2, height: 1 },
    { kind: "image" },
    { kind: "pdf", width: 2, height: 1 },
    { file_id: "old" },
  ];
  assert.deepEqual(files.map(isPicture), [true, false, false, false]);
  assert.equal(contentUrl({ file_id: "a/../b" }), "/api/files/a%2F..%2Fb/content");
});
