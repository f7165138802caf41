import assert from "node:assert/strict";
import { test } from "node:test";

import { newThread } from "../../chat/static/chat/thread.js";
import { queueWords } from "../../chat/static/chat/view/queue.js";
import { markOf, waitWords } from "../../chat/static/chat/view/waiting.js";

const runs = (...states) =>
  Object.fromEntries(states.map((status, number) => [number, { status }]));
const thread = (more) => ({ ...newThread("thread_1_abc123"), ...more });
const unsent = (more = {}) => ({ status: "pending", until: null, ...more });

test("the line tells what waits behind an answer, and what stays unstored for longer", () => {
  const queued = { runs: runs("running", "queued", "queued") };
  const table = [
    [{}, "ready", ""],
    [{ runs: runs("queued") }, "ready", ""],
    [{ runs: runs("running", "queued") }, "ready", "1 message waits"],
    [queued, "ready", "2 messages wait"],
    [{ pending: [unsent()] }, "ready", ""],
    [{ pending: [unsent()] }, "offline", "1 message is not stored yet"],
    [{ pending: [unsent({ until: 5 })] }, "ready", "1 message is not stored yet"],
    [{ pending: [{ status: "refused" }] }, "offline", ""],
    [
      { ...queued, pending: [unsent(), unsent()] },
      "degraded",
      "2 messages wait · 2 messages are not stored yet",
    ],
  ];
  for (const [more, status, words] of table) {
    assert.equal(queueWords(thread(more), { status }), words);
  }
});

test("each state of a message has words and a mark of its own", () => {
  const stored = { status: "stored" };
  const stopped = { status: "stopped", message_id: null, text: "", calls: [] };
  const waits = [
    { message: { status: "pending" }, run: null },
    { message: stored, run: null, isWaiting: true },
    { message: stored, run: { status: "queued" }, position: 2, isBehind: true },
    { message: stored, run: stopped },
    { message: stored, run: { status: "completed", message_id: "m", text: "x", calls: [] } },
  ];
  const words = waits.map(waitWords);
  const marks = waits.map(markOf);
  assert.equal(new Set(words).size, words.length);
  assert.equal(new Set(marks).size, marks.length);
  assert.deepEqual([words.at(-1), marks.at(-1)], ["", ""]);
});
