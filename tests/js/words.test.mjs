import assert from "node:assert/strict";
import { test } from "node:test";

import {
  amountWords,
  ordinalWords,
  shortAmountWords,
} from "../../chat/static/chat/view/words.js";

for (const [value, unit, full, short] of [
  [1234.5, "USD", "$1,234.50", "$1.2K"],
  [12.3, "$", "$12.30", "$12.3"],
  [0.012345, "USD", "$0.012345", "$0.01235"],
  [0.4, "USD", "$0.40", "$0.4"],
  [-3, "USD", "-$3.00", "-$3"],
  [640.46, "ms", "640.5 ms", "640.5"],
  [12_000_000, "tokens", "12,000,000 tokens", "12M"],
  [0, "", "0", "0"],
]) {
  test(`${value} ${unit} reads ${full}, on an axis ${short}`, () => {
    assert.equal(amountWords(value, unit), full);
    assert.equal(shortAmountWords(value, unit), short);
  });
}

test("ordinals end as they are spoken", () => {
  const words = [1, 2, 3, 4, 11, 12, 13, 21, 22, 50].map(ordinalWords);
  assert.equal(words.join(" "), "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 50th");
});
