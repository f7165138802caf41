import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ENTRIES_MAX,
  OutboxFull,
  added,
  answered,
  frameOf,
  named,
  retried,
  withdrawn,
} from "../../chat/static/chat/entries.js";
import { THREAD } from "./frames.mjs";

const entry = (client_id, more = {}) => ({
  client_id,
  key: THREAD,
  thread_id: THREAD,
  text: `text of ${client_id}`,
  mode: "queue",
  files: [],
  ...more,
});
const list = (...entries) => entries.reduce(added, []);
const ids = (entries) => entries.map((each) => each.client_id);
const ack = (client_id, thread_id = THREAD) => ({ type: "ack", client_id, thread_id });
const refusal = { code: "limit_reached", message: "No.", retryable: true };
const error = (client_id) => ({ type: "error", client_id, ...refusal });

test("entries stand in the order they came in, also after the first have gone", () => {
  const entries = added(answered(list(entry("a"), entry("b")), ack("a")), entry("c"));
  assert.deepEqual(ids(entries), ["b", "c"]);
  assert.ok(entries[0].order < entries[1].order);
});

test("a full list takes no more and says so in words", () => {
  const full = list(...Array.from({ length: ENTRIES_MAX }, (_, n) => entry(`c-${n}`)));
  assert.throws(() => added(full, entry("more")), OutboxFull);
  assert.throws(() => added(full, entry("more")), /200 messages wait/);
  assert.equal(added(answered(full, ack("c-0")), entry("more")).length, ENTRIES_MAX);
});

test("an ack removes its entry, an error keeps it for the user to decide", () => {
  const entries = list(entry("a"), entry("b"));
  assert.deepEqual(ids(answered(entries, ack("a"))), ["b"]);
  const refused = answered(entries, error("a"));
  assert.deepEqual(ids(refused), ["a", "b"]);
  assert.deepEqual(refused[0].refusal, refusal);
});

test("an answer to something else changes nothing", () => {
  const entries = list(entry("a"));
  assert.equal(answered(entries, ack("z")), entries);
  assert.equal(retried(entries, "a"), entries);
  assert.equal(named(entries, "local:1", THREAD), entries);
});

test("the ack of a new thread's first message names the others of it", () => {
  const local = { key: "local:1", thread_id: null };
  const entries = list(entry("a", local), entry("b", local), entry("c"));
  const [b, c] = answered(entries, ack("a", "thread_1_new123"));
  assert.deepEqual([b.key, b.thread_id], ["thread_1_new123", "thread_1_new123"]);
  assert.equal(c.key, THREAD);
});

test("what is tried again goes behind what was written since", () => {
  const entries = retried(answered(list(entry("a"), entry("b")), error("a")), "a");
  assert.deepEqual(ids(entries), ["b", "a"]);
  assert.equal(entries[1].refusal, null);
  assert.ok(entries[0].order < entries[1].order);
});

test("what is taken back is gone", () => {
  assert.deepEqual(ids(withdrawn(list(entry("a"), entry("b")), "a")), ["b"]);
});

test("files are named by their ids, and only where there are any", () => {
  const file = { file_id: "file_1_abc123", name: "u.csv", bytes: 3 };
  assert.deepEqual(frameOf(entry("a", { files: [file] })).files, ["file_1_abc123"]);
  assert.deepEqual(frameOf(entry("a")), {
    type: "send",
    client_id: "a",
    thread_id: THREAD,
    text: "text of a",
    mode: "queue",
  });
});

test("a frame names a model only where another one was chosen", () => {
  assert.equal("model" in frameOf(entry("a")), false);
  assert.equal("model" in frameOf(entry("a", { model: undefined })), false);
  assert.equal(frameOf(entry("a", { model: "model_1_abcdef" })).model, "model_1_abcdef");
});
