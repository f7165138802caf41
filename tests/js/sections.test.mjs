import assert from "node:assert/strict";
import { test } from "node:test";

import { filtered, fits } from "../../chat/static/chat/fuzzy.js";
import { piecesOf } from "../../chat/static/chat/marks.js";
import { sectionsOf } from "../../chat/static/chat/sections.js";
import { generator } from "./frames.mjs";

const NOW = new Date(2026, 2, 31, 0, 30);
const row = (thread_id, daysAgo, more = {}) => ({
  thread_id,
  updated_at: new Date(2026, 2, 31 - daysAgo, 0, 10).toISOString(),
  ...more,
});
const titles = (rows, folders = []) =>
  sectionsOf(rows, folders, { now: NOW }).map(({ title, rows: found }) => [title, found.length]);

test("threads stand by the day of the user's calendar, across the change of clocks", () => {
  const days = [0, 1, 2, 7, 8, 30, 31, 59, 400];
  assert.deepEqual(titles(days.map((each) => row(`t${each}`, each))), [
    ["Today", 1],
    ["Yesterday", 1],
    ["Previous 7 days", 2],
    ["Previous 30 days", 2],
    ["February 2026", 1],
    ["January 2026", 1],
    ["February 2025", 1],
  ]);
});

test("each thread stands once: pinned, in its folder, else by its day", () => {
  const rows = [
    row("a", 0, { pinned: true, folder_id: "f1" }),
    row("b", 0, { folder_id: "f1" }),
    row("c", 0, { folder_id: "a folder that is gone" }),
    row("d", 0, { archived: true, pinned: true }),
    row("e", 0, { deleted: true }),
  ];
  const folders = [{ folder_id: "f1", name: "Work" }, { folder_id: "f2", name: "Empty" }];

  assert.deepEqual(titles(rows, folders), [["Pinned", 1], ["Work", 1], ["Empty", 0], ["Today", 1]]);
});

test("a time to come is of today", () => {
  assert.deepEqual(titles([row("a", -1)]), [["Today", 1]]);
});

test("marks cut a text by code points, whatever they say", () => {
  const cases = [
    ["plain", [], ["plain"]],
    ["find it", [[0, 4]], ["[find]", " it"]],
    ["😀 find", [[2, 6]], ["😀 ", "[find]"]],
    ["ab", [[0, 1], [1, 2]], ["[a]", "[b]"]],
    ["abcd", [[1, 3], [2, 4]], ["a", "[bc]", "[d]"]],
    ["abc", [[2, 3], [0, 1]], ["[a]", "b", "[c]"]],
    ["abc", [[-5, 1], [2, 99], [3, 2], [NaN, 2]], ["[a]", "b", "[c]"]],
    ["", [[0, 4]], []],
  ];
  for (const [text, marks, pieces] of cases) {
    const words = (piece) => (piece.isMarked ? `[${piece.text}]` : piece.text);
    assert.deepEqual(piecesOf(text, marks).map(words), pieces, text);
  }
});

test("the pieces of a text are the text, with any marks", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = generator(seed);
    const text = Array.from({ length: 20 }, () => (random() < 0.3 ? "😀" : "a")).join("");
    const place = () => Math.floor(random() * 30) - 3;
    const marks = Array.from({ length: 5 }, () => [place(), place()]);
    assert.equal(piecesOf(text, marks).map((piece) => piece.text).join(""), text);
  }
});

test("a few letters find a name, best at the beginnings of its words", () => {
  const names = ["Go to: My plan", "New thread", "New folder", "Rename this thread", "Unpin"];
  const found = (query) => filtered(query, names, (name) => name);

  assert.deepEqual(found(""), names);
  assert.equal(found("nt")[0], "New thread");
  assert.equal(found("rename")[0], "Rename this thread");
  assert.equal(found("PLAN")[0], "Go to: My plan");
  assert.deepEqual(found("fold"), ["New folder"]);
  assert.deepEqual(found("xyz"), []);
});

test("whatever is in a name in this order is found in it", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const name = Array.from({ length: 12 }, () => "ab c-d"[Math.floor(random() * 6)]).join("");
    const query = [...name].filter(() => random() < 0.4).join("");
    assert.notEqual(fits(query, name), null, `${query} in ${name}`);
  }
  assert.equal(fits("ba", "a b"), null);
});
