import assert from "node:assert/strict";
import { test } from "node:test";

import { Limits, limitNews } from "../../chat/static/chat/limits.js";
import { newThread } from "../../chat/static/chat/thread.js";

const words = { timeWords: () => "1 December", numberWords: String };
const used = (count, allowed = 100) => [
  { limit: "concurrent_runs", used: 1, allowed: 1, resets_at: null },
  { limit: "runs_month", used: count, allowed, resets_at: "2026-12-01T00:00:00.000Z" },
];
const refusedWith = (code) => ({
  ...newThread("thread_1_abc123"),
  pending: [{ client_id: "c", refusal: { code, message: "You have used all." } }],
});

test("a limit is said from four fifths on, each step once, and when it is reached", () => {
  const newsAt = (count, allowed) =>
    limitNews({ usage: used(count, allowed), thread: newThread("t"), ...words });
  assert.deepEqual([newsAt(79), newsAt(5, null)], [null, null]);
  assert.match(newsAt(80).words, /80 of the 100 runs of this month .* 1 December/);
  assert.deepEqual(newsAt(80).key, newsAt(94).key);
  assert.notDeepEqual(newsAt(94).key, newsAt(95).key);
  assert.deepEqual([newsAt(99).isOver, newsAt(100).isOver], [false, true]);
  assert.match(newsAt(100).words, /All 100 runs .* 1 December, or with a higher plan/);
  assert.match(newsAt(1, 1).words, /Your 1 run of this month is used/);
});

test("a refused message says its limit where nothing else is known", () => {
  const news = limitNews({ usage: [], thread: refusedWith("limit_reached"), ...words });
  assert.deepEqual([news.isOver, news.words], [true, "You have used all."]);
  assert.equal(limitNews({ usage: [], thread: refusedWith("queue_full"), ...words }), null);
  const other = limitNews({ usage: used(90), thread: refusedWith("limit_reached"), ...words });
  assert.equal(other.words, "You have used all.");
});

test("usage is read once a minute at most, and a failure leaves what was known", async () => {
  let now = 0;
  let answer = { usage: used(1) };
  const seen = { asked: 0, read: 0 };
  const api = {
    usage: async () => {
      seen.asked += 1;
      if (answer === null) throw new Error("away");
      return answer;
    },
  };
  const limits = new Limits({ api, now: () => now, onRead: () => (seen.read += 1) });
  await limits.changed();
  await limits.changed();
  now += 60_000;
  answer = null;
  await limits.changed();
  assert.deepEqual([seen, limits.usage], [{ asked: 2, read: 1 }, used(1)]);
});
