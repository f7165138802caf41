import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DELAY_MAX_MS,
  DELAY_MIN_MS,
  delayBefore,
  finalOf,
} from "../../chat/static/chat/backoff.js";

const lost = { code: 1006, failures: 0, drainMs: 0, random: () => 0.5 };

test("a drain is followed at once, or when the server said", () => {
  assert.equal(delayBefore({ ...lost, code: 1012 }), 0);
  assert.equal(delayBefore({ ...lost, code: 1012, drainMs: 250 }), 250);
});

test("a server that drains again and again is not hammered", () => {
  assert.ok(delayBefore({ ...lost, code: 1012, failures: 1 }) >= DELAY_MIN_MS);
});

test("every delay lies between the two limits", () => {
  for (let failures = 0; failures < 40; failures += 1) {
    for (const draw of [0, 0.3, 0.999999]) {
      const delay = delayBefore({ ...lost, failures, random: () => draw });
      assert.ok(delay >= DELAY_MIN_MS && delay <= DELAY_MAX_MS, `${failures} ${draw} ${delay}`);
    }
  }
});

test("the jitter is full: the least delay is always possible, the greatest grows", () => {
  const least = delayBefore({ ...lost, failures: 9, random: () => 0 });
  const greatest = (failures) => delayBefore({ ...lost, failures, random: () => 1 });
  assert.equal(least, DELAY_MIN_MS);
  assert.ok(greatest(0) < greatest(1) && greatest(1) < greatest(2));
  assert.equal(greatest(20), DELAY_MAX_MS);
});

for (const code of [1000, 1001, 1006, 1012, 1013, 4408, 4410, 4429, 4499]) {
  test(`${code} is not final`, () => assert.equal(finalOf(code), null));
}

for (const code of [4500, 4501, 4503, 4529, 4530, 4777]) {
  test(`${code} is final and says what to do`, () => {
    const final = finalOf(code);
    assert.ok(final.message.length > 0 && final.action.length > 0);
    assert.equal(finalOf(code, "why").reason, "why");
  });
}
