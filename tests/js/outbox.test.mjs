import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox, newClientId } from "../../chat/static/chat/outbox.js";

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
  const outbox = new Outbox({ storage: memory(), send: wire.send });
  outbox.add(entry("a"));
  outbox.flush();
  outbox.add(entry("b"));
  outbox.flush();
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a", "b"]);
});

test("what had no answer goes out again over the next connection, under the same id", () => {
  const wire = line();
  const outbox = new Outbox({ storage: memory(), send: wire.send });
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
  new Outbox({ storage, send: closed.send }).add(entry("a"));
  const wire = line();
  new Outbox({ storage, send: wire.send }).flush();
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
  const outbox = new Outbox({ storage: memory(), send: line().send });
  outbox.add(entry("a"));
  const error = { type: "error", client_id: "a", code: "queue_full" };
  assert.equal(outbox.answered(error), true);
  assert.equal(outbox.answered(error), false);
  assert.deepEqual(outbox.entries, []);
});

test("the second message of a new thread waits for the first one's ack and joins its thread", () => {
  const wire = line();
  const outbox = new Outbox({ storage: memory(), send: wire.send });
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
  const outbox = new Outbox({ storage: memory(), send: wire.send });
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
  const outbox = new Outbox({ storage, send: wire.send });
  outbox.add(entry("a"));
  outbox.flush();
  assert.deepEqual(wire.ids(), ["a"]);
});

test("client ids are fresh and fit the wire", () => {
  const ids = new Set(Array.from({ length: 500 }, newClientId));
  assert.equal(ids.size, 500);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9._:-]{1,64}$/);
});
