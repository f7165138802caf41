import assert from "node:assert/strict";
import { test } from "node:test";

import { OutboxFull } from "../../chat/static/chat/entries.js";
import { MemoryStore } from "../../chat/static/chat/memory_store.js";
import { OutboxStore } from "../../chat/static/chat/outbox_store.js";

const USER = "user_1_abc123";
const entry = (client_id) => ({ client_id, order: 1 });
const put = (client_id) => (entries) => [...entries, entry(client_id)];

/** A browser's storage that works until it is `refused`. */
function makeStore() {
  const disk = new MemoryStore();
  const here = { disk, isRefused: false, warnings: 0 };
  const refusing = (work) => (...given) =>
    here.isRefused ? Promise.reject(new Error("QuotaExceededError")) : work(...given);
  here.store = new OutboxStore({
    store: {
      read: refusing((user_id) => disk.read(user_id)),
      change: refusing((user_id, step) => disk.change(user_id, step)),
    },
    onRefused: () => (here.warnings += 1),
  });
  return here;
}

test("what the browser keeps is there for the next page", async () => {
  const { store, disk, warnings } = makeStore();
  assert.deepEqual(await store.change(USER, put("a")), [entry("a")]);
  assert.deepEqual(await disk.read(USER), [entry("a")]);
  assert.equal(warnings, 0);
});

test("where the browser refuses, memory goes on, and it is told once", async () => {
  const here = makeStore();
  await here.store.change(USER, put("a"));
  here.isRefused = true;
  const both = [here.store.change(USER, put("b")), here.store.change(USER, put("c"))];
  await Promise.all(both);
  const ids = (await here.store.read(USER)).map((each) => each.client_id);
  assert.deepEqual(ids.sort(), ["a", "b", "c"]);
  assert.equal(here.warnings, 1);
});

test("a browser that refuses from the beginning begins with nothing", async () => {
  const here = makeStore();
  here.isRefused = true;
  assert.deepEqual(await here.store.read(USER), []);
  assert.equal(here.warnings, 1);
});

test("a full list is no refusal of the browser", async () => {
  const { store, warnings } = makeStore();
  const full = () => {
    throw new OutboxFull();
  };
  await assert.rejects(store.change(USER, full), OutboxFull);
  assert.equal(warnings, 0);
});
