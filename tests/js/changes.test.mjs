import assert from "node:assert/strict";
import { test } from "node:test";

import { CHANGES_MAX, Changes } from "../../chat/static/chat/changes.js";
import { shownRows } from "../../chat/static/chat/list.js";
import { Reading } from "../../chat/static/chat/reading.js";
import { createStore } from "../../chat/static/chat/store.js";
import { RequestFailed } from "../../chat/static/chat/threads_api.js";
import { createClock, settle } from "./doors.mjs";
import { snapshot, THREAD } from "./frames.mjs";

const failure = (isRetryable, status = 0) =>
  new RequestFailed({ code: "x", message: "No.", status, isRetryable });

/** A server of one thread, which can be away, slow or unwilling. */
function createServer() {
  const server = { row: { thread_id: "a", title: "a", updated_at: "1" }, asked: [], fault: null };
  const answer = (words, change) => {
    server.asked.push(words);
    if (server.fault !== null) throw server.fault;
    if (change !== null) server.row = { ...server.row, ...change };
    return change === null ? null : server.row;
  };
  server.change = async (_id, change) => answer(`change ${JSON.stringify(change)}`, change);
  server.restore = async () => answer("restore", { deleted: false });
  server.remove = async (_id, { forever }) => answer(forever ? "remove for ever" : "remove", null);
  return server;
}

function createPage() {
  const [store, api, clock] = [createStore(), createServer(), createClock()];
  const refused = [];
  const changes = new Changes({ store, api, clock, onRefused: (words) => refused.push(words) });
  store.dispatch({ type: "threads", threads: [api.row] });
  const connect = (status) => store.dispatch({ type: "page.connection", status });
  connect("ready");
  return { store, api, clock, changes, refused, connect };
}

const shown = ({ store }) => shownRows(store.state.list)[0];

test("a change is shown at once, as pending until the server has it", async () => {
  const page = createPage();

  const asked = page.changes.ask("a", { title: "b" });

  assert.deepEqual([shown(page).title, shown(page).isPending], ["b", true]);
  assert.equal(await asked, true);
  assert.deepEqual([shown(page).title, shown(page).isPending], ["b", undefined]);
});

test("a refused change is taken back with a sentence", async () => {
  const page = createPage();
  page.api.fault = failure(false, 422);

  assert.equal(await page.changes.ask("a", { title: "b" }), false);

  assert.equal(shown(page).title, "a");
  assert.deepEqual(page.refused, ["No."]);
});

test("without a connection it stays pending, and is done as soon as there is one", async () => {
  const page = createPage();
  page.connect("offline");
  page.api.fault = failure(true);
  const asked = page.changes.ask("a", { pinned: true });
  for (let turn = 0; turn < 20; turn += 1) {
    await settle();
    page.clock.pass(60_000);
  }
  assert.deepEqual([shown(page).pinned, shown(page).isPending, page.refused], [true, true, []]);

  page.api.fault = null;
  page.connect("ready");
  page.changes.wake();

  assert.equal(await asked, true);
  assert.equal(shown(page).isPending, undefined);
});

test("with a connection it is tried a few times and then given up", async () => {
  const page = createPage();
  page.api.fault = failure(true, 503);
  const asked = page.changes.ask("a", { pinned: true });
  for (let turn = 0; turn < 20; turn += 1) {
    await settle();
    page.clock.pass(60_000);
  }

  assert.equal(await asked, false);
  assert.equal(page.api.asked.length, 5);
  assert.deepEqual([shown(page).pinned, page.refused], [undefined, ["No."]]);
});

test("what is asked of one thread is done in order, and undone in order", async () => {
  const page = createPage();
  const asked = [
    page.changes.ask("a", { deleted: true }),
    page.changes.ask("a", { deleted: false }),
    page.changes.ask("a", { title: "b" }),
  ];
  assert.equal(page.api.asked.length, 1);

  assert.deepEqual(await Promise.all(asked), [true, true, true]);

  assert.deepEqual(page.api.asked, ["remove", "restore", 'change {"title":"b"}']);
  assert.deepEqual([shown(page).deleted, shown(page).title], [false, "b"]);
});

test("what somebody else has deleted already is deleted", async () => {
  const page = createPage();
  page.api.fault = failure(false, 404);

  assert.equal(await page.changes.ask("a", { gone: true }), true);

  assert.equal(shown(page), undefined);
  assert.deepEqual(page.refused, []);
});

test("only so much may wait", async () => {
  const page = createPage();
  page.connect("offline");
  page.api.fault = failure(true);
  for (let count = 0; count < CHANGES_MAX; count += 1) page.changes.ask("a", { title: `${count}` });

  assert.equal(await page.changes.ask("a", { title: "too much" }), false);
  assert.equal(page.refused.length, 1);
});

test("an answer on the screen of a seen window is told as read, once and quietly", async () => {
  const page = createPage();
  const reading = new Reading({ changes: page.changes });
  const row = { thread_id: THREAD, title: "", updated_at: "2", unread: true };
  page.store.dispatch({ type: "page.open", key: THREAD, thread_id: THREAD });
  page.store.dispatch({ type: "threads", threads: [row] });
  reading.update(page.store.state, true);
  page.store.dispatch(snapshot({ seq: 7 }));
  reading.update(page.store.state, false);
  assert.deepEqual(page.api.asked, []);
  page.api.fault = failure(false, 404);

  reading.update(page.store.state, true);
  reading.update(page.store.state, true);
  await settle();

  assert.deepEqual(page.api.asked, ['change {"read_seq":7}']);
  assert.deepEqual(page.refused, []);
});
