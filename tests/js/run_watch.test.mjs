import assert from "node:assert/strict";
import { test } from "node:test";

import { LONG_RUN_MS, RunWatch, unreadCount } from "../../chat/static/chat/run_watch.js";

const STARTED = Date.parse("2026-11-22T10:00:00Z");
const row = (more) => ({
  ...{ thread_id: "thread_1", updated_at: "2026-11-22T10:00:20Z" },
  ...{ running: true, deleted: false },
  ...more,
});
const state = (rows, runs = {}) => ({
  list: { rows },
  threads: { thread_1: { thread_id: "thread_1", runs } },
});
const call = (status) => ({ call_id: "call_1", tool_name: "send_mail", status });
const run = (status, calls) => ({
  run_1: { run_id: "run_1", status, calls, started_at: "2026-11-22T10:00:00Z" },
});

for (const [ms, count] of [[LONG_RUN_MS - 1, 0], [LONG_RUN_MS, 1]]) {
  test(`a run that took ${ms} ms is told ${count} times, though its end is heard twice`, () => {
    const watch = new RunWatch();
    assert.deepEqual(watch.update(state([row()]), STARTED), []);
    const first = watch.update(state([row({ running: false })]), STARTED + ms);
    const again = watch.update(state([row({ running: false })]), STARTED + ms);
    assert.equal(first.length, count);
    assert.deepEqual(again, []);
  });
}

test("a page opened in mid-run counts from the run's own beginning", () => {
  const watch = new RunWatch();
  watch.update(state([row()], run("running", [])), STARTED + LONG_RUN_MS - 1);
  const [sighting] = watch.update(state([row({ running: false })]), STARTED + LONG_RUN_MS);
  assert.deepEqual(sighting, {
    kind: "ended",
    id: "ended thread_1 2026-11-22T10:00:20Z",
    thread_id: "thread_1",
  });
});

test("two tabs give the same thing the same name", () => {
  const ids = [0, 3].map((later) => {
    const watch = new RunWatch();
    watch.update(state([row()]), STARTED + later);
    return watch.update(state([row({ running: false })]), STARTED + LONG_RUN_MS + later)[0].id;
  });
  assert.equal(ids[0], ids[1]);
});

test("a thread that went into the bin is not told of", () => {
  const watch = new RunWatch();
  watch.update(state([row()]), STARTED);
  const gone = row({ running: false, deleted: true });
  assert.deepEqual(watch.update(state([gone]), STARTED + LONG_RUN_MS), []);
});

test("a call that waits is told once, and not when it waited before the page was opened", () => {
  const watch = new RunWatch();
  const waiting = () => state([row()], run("waiting", [call("waiting")]));
  watch.update(state([row()], run("running", [])), STARTED);
  const [sighting] = watch.update(waiting(), STARTED);
  assert.deepEqual(sighting, {
    ...{ kind: "asks", id: "asks thread_1" },
    ...{ thread_id: "thread_1", tool_name: "send_mail" },
  });
  assert.deepEqual(watch.update(waiting(), STARTED), []);
  assert.deepEqual(new RunWatch().update(waiting(), STARTED), []);
});

test("of a thread that is not open here the list says that it waits, once", () => {
  const watch = new RunWatch();
  const of = (more) => ({ ...state([row(more)]), threads: {} });
  watch.update(of({}), STARTED);
  assert.deepEqual(watch.update(of({ waiting: true }), STARTED), [
    { kind: "asks", id: "asks thread_1", thread_id: "thread_1" },
  ]);
  assert.deepEqual(watch.update(of({ waiting: true }), STARTED), []);
  assert.deepEqual(new RunWatch().update(of({ waiting: true }), STARTED), []);
  const unknown = new RunWatch();
  unknown.update({ list: { rows: [] }, threads: {} }, STARTED);
  assert.deepEqual(unknown.update(of({ waiting: true }), STARTED), []);
});

test("what waits in a thread that is open is told by its call, not twice", () => {
  const watch = new RunWatch();
  watch.update(state([row({})], run("running", [])), STARTED);
  const waiting = state([row({ waiting: true })], run("waiting", [call("waiting")]));
  const told = watch.update(waiting, STARTED);
  assert.deepEqual(told.map(({ tool_name }) => tool_name), ["send_mail"]);
});

test("unread are threads of the list, not of archive and bin", () => {
  const unread = { unread: true, archived: false, deleted: false };
  const rows = [unread, unread, { ...unread, archived: true }, { ...unread, deleted: true }];
  assert.equal(unreadCount({ rows: [...rows, { ...unread, unread: false }] }), 2);
});
