import assert from "node:assert/strict";
import { test } from "node:test";

import { countBytes, countPoints, indexOfPoint, sha256 } from "../../chat/static/chat/text.js";

const SAMPLES = ["", "plain", "naïve", "😀", "a😀b🎉c", "👩‍👩‍👧", "\ud800", "x\udc00\ud800", "中文字"];

for (const sample of SAMPLES) {
  test(`counts code points as iteration does in ${JSON.stringify(sample)}`, () => {
    assert.equal(countPoints(sample), [...sample].length);
  });

  test(`finds each code point of ${JSON.stringify(sample)}`, () => {
    const points = [...sample];
    for (let n = 0; n <= points.length; n += 1) {
      assert.equal(sample.slice(0, indexOfPoint(sample, n)), points.slice(0, n).join(""));
    }
  });
}

test("a point behind the end is the end", () => {
  assert.equal(indexOfPoint("a😀", 9), 3);
});

test("counts bytes in UTF-8", () => {
  assert.equal(countBytes("aé中😀"), 1 + 2 + 3 + 4);
});

test("hashes UTF-8 in hex", async () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(await sha256(""), empty);
});
