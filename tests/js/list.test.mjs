import assert from "node:assert/strict";
import { test } from "node:test";

import { isIn, newList, partOfFolder, shownRows } from "../../chat/static/chat/list.js";
import { initialState, reduce } from "../../chat/static/chat/store.js";
import { generator } from "./frames.mjs";

const row = (thread_id, updated_at = "2026-01-01", more = {}) => ({
  thread_id,
  title: thread_id,
  updated_at,
  running: false,
  pinned: false,
  archived: false,
  folder_id: null,
  unread: false,
  deleted: false,
  ...more,
});
const told = (...threads) => ({ type: "threads", threads });
const page = (threads, more = {}) => ({
  ...{ type: "page.list", part: "active", threads, next: null, asOf: 0, isFirst: true },
  ...more,
});
const through = (...actions) => actions.reduce(reduce, initialState());
const ids = (state, part = "active") =>
  shownRows(state.list)
    .filter((each) => isIn(part, each))
    .map((each) => each.thread_id);
const change = (thread_id, asked, change_id = 1) => ({
  ...{ type: "page.change", change_id, thread_id },
  change: asked,
});
const done = (answer = null, change_id = 1) => {
  return { type: "page.change_done", change_id, row: answer };
};

test("rows are merged, newest first and equals in the order of the server's pages", () => {
  const state = through(
    page([row("b", "2026-01-02"), row("a")]),
    told(row("a", "2026-01-03", { running: true }), row("c", "2025-01-01")),
    told(row("d", "2026-01-02")),
  );

  assert.deepEqual(ids(state), ["a", "d", "b", "c"]);
  assert.equal(state.list.rows[0].running, true);
});

test("each row is in the parts of the list that it belongs to", () => {
  const folder = partOfFolder("f1");
  const cases = [
    [{}, ["active"]],
    [{ pinned: true }, ["active", "pinned"]],
    [{ folder_id: "f1" }, ["active", folder]],
    [{ archived: true, pinned: true, folder_id: "f1" }, ["archived"]],
    [{ archived: true, deleted: true }, ["deleted"]],
  ];

  for (const [more, parts] of cases) {
    const known = ["active", "archived", "deleted", "pinned", folder];
    assert.deepEqual(known.filter((part) => isIn(part, row("a", "", more))), parts);
  }
});

test("a first page takes away what it spans and does not name, and nothing below its end", () => {
  const before = through(page([row("e", "2026-05"), row("d", "2026-04"), row("b", "2026-02")]));
  const again = page([row("e", "2026-05"), row("c", "2026-03")], { next: "cursor" });

  const state = reduce(before, again);

  assert.deepEqual(ids(state), ["e", "c", "b"]);
  assert.equal(state.list.pages.active.next, "cursor");
  assert.deepEqual(ids(reduce(state, page([row("e", "2026-05")]))), ["e"]);
});

test("a part of the list says nothing about the other parts", () => {
  const archived = row("z", "2026-06", { archived: true });
  const state = through(told(archived, row("a")), page([row("b", "2026-07")], { asOf: 1 }));

  assert.deepEqual([ids(state), ids(state, "archived")], [["b"], ["z"]]);
});

test("what was told after a page was asked for is newer than the page", () => {
  const state = through(
    told(row("a", "2026-01", { title: "new" }), row("b", "2026-03", { deleted: true })),
    page([row("b", "2026-03"), row("a", "2026-01", { title: "old" })]),
  );

  assert.deepEqual(ids(state), ["a"]);
  assert.equal(state.list.rows.find((each) => each.thread_id === "a").title, "new");
});

test("a page after the first takes nothing away", () => {
  const first = page([row("c", "2026-03"), row("b", "2026-02")], { next: "x" });
  const state = through(first, page([row("a")], { isFirst: false }));

  assert.deepEqual(ids(state), ["c", "b", "a"]);
});

test("a page that failed says why until it is there", () => {
  const failed = { type: "page.list_failed", part: "active", message: "No answer." };
  const state = through(page([row("a")], { next: "x" }), failed);

  assert.deepEqual(state.list.pages.active, { next: "x", fault: "No answer." });
  assert.equal(reduce(state, page([row("a")])).list.pages.active.fault, "");
});

test("a change is shown as pending, then as done, whatever the answer says", () => {
  const before = through(told(row("a")), change("a", { title: "Plans" }));
  assert.deepEqual(
    shownRows(before.list).map(({ title, isPending }) => [title, isPending]),
    [["Plans", true]],
  );
  assert.equal(before.list.rows[0].title, "a");

  const [after] = shownRows(reduce(before, done(row("a", "2026-01", { title: "Plan" }))).list);
  assert.deepEqual([after.title, after.isPending], ["Plan", undefined]);
});

test("a refused change leaves the row as the server has it, and the other changes", () => {
  const asked = [change("a", { title: "x" }, 1), change("a", { pinned: true }, 2)];
  const state = through(told(row("a")), ...asked, { type: "page.change_refused", change_id: 1 });

  const [shown] = shownRows(state.list);
  assert.deepEqual([shown.title, shown.pinned, shown.isPending], ["a", true, true]);
});

test("reading takes the mark away and is no matter to wait for", () => {
  const state = through(told(row("a", "1", { unread: true })), change("a", { read_seq: 7 }));

  const [shown] = shownRows(state.list);
  assert.deepEqual([shown.unread, shown.isPending, shown.read_seq], [false, false, undefined]);
});

test("a deleted thread goes to the bin, comes back, and can be gone for ever", () => {
  const deleted = through(told(row("a")), change("a", { deleted: true }), done());
  assert.deepEqual([ids(deleted), ids(deleted, "deleted")], [[], ["a"]]);

  const restored = [change("a", { deleted: false }, 2), done(row("a"), 2)].reduce(reduce, deleted);
  assert.deepEqual([ids(restored), ids(restored, "deleted")], [["a"], []]);

  const gone = [change("a", { gone: true }, 3)].reduce(reduce, deleted);
  assert.deepEqual(shownRows(gone.list).map((each) => each.isPending), [true]);
  const toldLate = [done(null, 3), told(row("a", "1", { deleted: true }))].reduce(reduce, gone);
  assert.equal(toldLate.list.rows.length, 0);
  const toldElsewhere = reduce(deleted, told(row("a", "1", { deleted: true, gone: true })));
  const toldAgain = reduce(toldElsewhere, told(row("a", "1", { deleted: true })));
  assert.deepEqual([toldElsewhere, toldAgain].map(({ list }) => list.rows), [[], []]);
  const refused = { type: "page.change_refused", change_id: 3 };
  assert.deepEqual(ids(reduce(gone, refused), "deleted"), ["a"]);
});

test("a thread that was deleted elsewhere is missing, and comes back whole when restored", () => {
  const opened = { type: "page.open", key: "a", thread_id: "a" };
  const deleted = through(opened, told(row("a", "1", { deleted: true })));
  assert.equal(deleted.threads.a.missing, true);

  const { a } = reduce(deleted, told(row("a"))).threads;
  assert.deepEqual([a.missing, a.wants], [false, "snapshot"]);
});

test("folders are told whole, and stand by name", () => {
  const state = through({
    type: "folders",
    folders: [{ folder_id: "f2", name: "Work" }, { folder_id: "f1", name: "Home" }],
  });

  assert.deepEqual(state.list.folders.map((each) => each.name), ["Home", "Work"]);
});

test("frames and pages in whatever order end in what the server has", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = generator(seed);
    const pick = (count) => Math.floor(random() * count);
    const server = new Map();
    let state = initialState();
    const late = []; // pages that were answered and have not arrived
    const pageNow = () =>
      page([...server.values()].filter((each) => isIn("active", each)), { asOf: state.list.heard });
    for (let turn = 0; turn < 30; turn += 1) {
      const act = pick(4);
      if (act === 0) late.push(pageNow());
      else if (act === 1 && late.length > 0) state = reduce(state, late.shift());
      else {
        const thread_id = `t${pick(5)}`;
        const next = row(thread_id, `2026-0${1 + pick(9)}`, { deleted: pick(3) === 0 });
        server.set(thread_id, next);
        state = reduce(state, told(next));
      }
    }
    for (const each of late) state = reduce(state, each);
    const kept = [...server.values()].filter((each) => isIn("active", each));
    const wanted = new Set(kept.map((each) => each.thread_id));
    assert.deepEqual(new Set(ids(state)), wanted, `seed ${seed}`);
  }
});

test("an empty list has nothing", () => {
  assert.deepEqual(shownRows(newList()), []);
});
