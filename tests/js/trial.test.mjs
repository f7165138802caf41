import assert from "node:assert/strict";
import { test } from "node:test";

import { trialWords } from "../../chat/static/chat/view/trial.js";

const END = Date.parse("2026-06-29T12:00:00.000Z");
const DAY = 86_400_000;
const trial = { tier: "early", starts_at: "2026-06-15T12:00:00.000Z", ends_at: "2026-06-29T12:00:00.000Z" };
const of = (changes) => ({ tier: "early", base_tier: "free", trial, ...changes });

const CASES = [
  [of({}), 7 * DAY + 1, ""],
  [of({}), 7 * DAY, "Early trial ends in 7 days"],
  [of({}), DAY + 1, "Early trial ends in 2 days"],
  [of({}), DAY, "Early trial ends within a day"],
  [of({}), 1, "Early trial ends within a day"],
  [of({}), 0, ""],
  [of({ trial: null }), DAY, ""],
  [of({ trial: { ...trial, ends_at: null } }), DAY, ""],
  [of({ base_tier: "early" }), DAY, ""],
  [of({ base_tier: "mid" }), DAY, ""],
  [null, DAY, ""],
];

for (const [entitlements, left, words] of CASES) {
  const base = entitlements?.base_tier ?? "nobody";
  test(`${left} ms before the end, on ${base}: "${words}"`, () => {
    assert.equal(trialWords(entitlements, END - left), words);
  });
}
