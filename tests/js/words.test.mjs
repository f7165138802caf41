import assert from "node:assert/strict";
import { test } from "node:test";

import {
  amountWords,
  ordinalWords,
  shortAmountWords,
  usageWords,
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

for (const [model, usage, words] of [
  [
    "gpt-5",
    { input_tokens: 1_000, output_tokens: 234, elapsed_ms: 3_200, cost_usd: "0.0123" },
    "gpt-5 · 1,234 tokens · $0.0123 · 3.2 s",
  ],
  ["gpt-5", { input_tokens: 1, output_tokens: 0, cost_usd: "12.3456" }, "gpt-5 · 1 token · $12.35"],
  [
    "gpt-5",
    { input_tokens: 9, output_tokens: 1, cost_usd: "0.000001" },
    "gpt-5 · 10 tokens · under $0.0001",
  ],
  [
    "gpt-5",
    { input_tokens: 9, output_tokens: 1, cost_usd: "0.5", unpriced_requests: 1 },
    "gpt-5 · 10 tokens · at least $0.50",
  ],
  ["gpt-5", { input_tokens: 9, output_tokens: 1, elapsed_ms: 640 }, "gpt-5 · 10 tokens · 640 ms"],
  ["", { input_tokens: 9, output_tokens: 1 }, "10 tokens"],
  ["netra-assistant", { elapsed_ms: 61_000 }, "1 min 1 s"],
  ["netra-assistant", {}, ""],
  ["netra-assistant", null, ""],
]) {
  test(`the usage ${JSON.stringify(usage)} of ${model} reads "${words}"`, () => {
    assert.equal(usageWords({ model, usage }), words);
  });
}
