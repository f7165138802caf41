import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox, TRIES_MAX, newClientId } from "../../chat/static/chat/outbox.js";

function memory() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
  };
}

function line({ isOpen = true } = {}) {
  const wire = { frames: [], isOpen };
  wire.send = (frame) => wire.isOpen && Boolean(wire.frames.push(frame));
  wire.ids = () => wire.frames.map((frame) => frame.client_id);
  return wire;
}

const make = (options) => new Outbox({ user_id: "user_1_abc123", later: () => {}, ...options });

function clock() {
  const waits = [];
  return {
    waits,
    later: (work, ms) => waits.push({ work, ms }),
    run: () => waits.splice(0).forEach(({ work }) => work()),
  };
}

const busy = (client_id, more = {}) => ({
  type: "error",
  client_id,
  code: "unavailable",
  retryable: true,
  retry_after_s: 2,
  ...more,
});

const entry = (client_id, more = {}) => ({
  client_id,
  key: "thread_1_abc123",
  thread_id: "thread_1_abc123",
  text: `text of ${client_id}`,
  mode: "queue",
  files: [],
  ...more,
});

test("what is added goes out once, in order", () => {
  const wire = line();
  const outbox = make({ storage: memory(), send: wire.send });
  outbox.add(entry("a"));
  outbox.flush();
  outbox.add(entry("b"));
  outbox.flush();
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a", "b"]);
});

test("what had no answer goes out again over the next connection, under the same id", () => {
  const wire = line();
  const outbox = make({ storage: memory(), send: wire.send });
  outbox.add(entry("a"));
  outbox.add(entry("b"));
  outbox.flush();
  outbox.answered({ type: "ack", client_id: "a", thread_id: "thread_1_abc123" });
  outbox.reconnected();
  assert.deepEqual(wire.ids(), ["a", "b", "b"]);
});

test("what is written while offline waits, outlives a reload and goes out", () => {
  const storage = memory();
  const closed = line({ isOpen: false });
  make({ storage, send: closed.send }).add(entry("a"));
  const wire = line();
  make({ storage, send: wire.send }).flush();
  assert.deepEqual(wire.frames, [
    {
      type: "send",
      client_id: "a",
      thread_id: "thread_1_abc123",
      text: "text of a",
      mode: "queue",
    },
  ]);
});

test("each send is answered once", () => {
  const outbox = make({ storage: memory(), send: line().send });
  outbox.add(entry("a"));
  const error = { type: "error", client_id: "a", code: "queue_full" };
  assert.equal(outbox.answered(error), true);
  assert.equal(outbox.answered(error), false);
  assert.deepEqual(outbox.entries, []);
});

test("the second message of a new thread waits for the first one's ack and joins its thread", () => {
  const wire = line();
  const outbox = make({ storage: memory(), send: wire.send });
  outbox.add(entry("a", { key: "local:1", thread_id: null }));
  outbox.add(entry("b", { key: "local:1", thread_id: null }));
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a"]);
  outbox.answered({ type: "ack", client_id: "a", thread_id: "thread_1_new123" });
  outbox.flush();
  assert.equal(wire.frames[1].thread_id, "thread_1_new123");
});

test("files are named by their ids", () => {
  const wire = line();
  const outbox = make({ storage: memory(), send: wire.send });
  outbox.add(entry("a", { files: [{ file_id: "file_1_abc123", name: "u.csv", bytes: 3 }] }));
  outbox.flush();
  assert.deepEqual(wire.frames[0].files, ["file_1_abc123"]);
});

test("a storage that refuses or holds rubbish loses nothing of this page", () => {
  const storage = {
    getItem: () => "{not json",
    setItem: () => {
      throw new Error("full");
    },
  };
  const wire = line();
  const outbox = make({ storage, send: wire.send });
  outbox.add(entry("a"));
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a"]);
});

test("client ids are fresh and fit the wire", () => {
  const ids = new Set(Array.from({ length: 500 }, newClientId));
  assert.equal(ids.size, 500);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9._:-]{1,64}$/);
});

test("what one user of a tab has not sent is neither sent nor lost by the next one", () => {
  const storage = memory();
  make({ storage, send: line({ isOpen: false }).send }).add(entry("a"));
  const wire = line();
  const other = make({ storage, send: wire.send, user_id: "user_1_other1" });
  other.add(entry("b"));
  other.flush();
  assert.deepEqual(wire.ids(), ["b"]);
  const ids = make({ storage, send: wire.send }).entries.map((each) => each.client_id);
  assert.deepEqual(ids, ["a"]);
});

test("what the server wants later is kept and goes out again then, under the same id", () => {
  const [wire, time] = [line(), clock()];
  const outbox = make({ storage: memory(), send: wire.send, later: time.later });
  outbox.add(entry("a"));
  outbox.flush();
  assert.equal(outbox.postpones(busy("a")), true);
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a"]);
  assert.equal(time.waits[0].ms, 2000);
  time.run();
  assert.deepEqual(wire.ids(), ["a", "a"]);
});

test("only a retryable refusal of one of ours that names a time is postponed", () => {
  const outbox = make({ storage: memory(), send: line().send });
  outbox.add(entry("a"));
  assert.equal(outbox.postpones(busy("a", { retry_after_s: undefined })), false);
  assert.equal(outbox.postpones(busy("a", { retryable: false })), false);
  assert.equal(outbox.postpones(busy("z")), false);
  assert.equal(outbox.postpones({ ...busy("a"), type: "ack" }), false);
});

test("tries are bounded, and a user who tries again has them all once more", () => {
  const [wire, time] = [line(), clock()];
  const outbox = make({ storage: memory(), send: wire.send, later: time.later });
  const tryAll = () => {
    outbox.add(entry("a"));
    outbox.flush();
    while (outbox.postpones(busy("a"))) time.run();
  };
  tryAll();
  assert.equal(wire.frames.length, TRIES_MAX);
  assert.equal(outbox.answered(busy("a")), true);
  tryAll();
  assert.equal(wire.frames.length, 2 * TRIES_MAX);
});

test("nothing overtakes a postponed send of its thread, other threads go on", () => {
  const [wire, time] = [line(), clock()];
  const outbox = make({ storage: memory(), send: wire.send, later: time.later });
  outbox.add(entry("a"));
  outbox.flush();
  outbox.postpones(busy("a"));
  outbox.add(entry("b"));
  outbox.add(entry("c", { key: "thread_1_other1", thread_id: "thread_1_other1" }));
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a", "c"]);
  time.run();
  assert.deepEqual(wire.ids(), ["a", "c", "a", "b"]);
});

test("a new connection ends the wait, and its end later sends nothing twice", () => {
  const [wire, time] = [line(), clock()];
  const outbox = make({ storage: memory(), send: wire.send, later: time.later });
  outbox.add(entry("a"));
  outbox.flush();
  outbox.postpones(busy("a"));
  outbox.reconnected();
  assert.deepEqual(wire.ids(), ["a", "a"]);
  time.run();
  assert.deepEqual(wire.ids(), ["a", "a"]);
});
