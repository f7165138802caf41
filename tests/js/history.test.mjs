import assert from "node:assert/strict";
import { test } from "node:test";

import { HISTORY_MAX, Walk, writtenIn } from "../../chat/static/chat/history.js";

const said = (...texts) => texts.map((text) => ({ text }));

test("what was written comes newest first, each text once, and so many at most", () => {
  const thread = { messages: said("a", "b", "a"), pending: said("c", "") };
  assert.deepEqual(writtenIn(thread), ["c", "a", "b"]);
  const many = said(...Array.from({ length: HISTORY_MAX + 9 }, (_, number) => `text ${number}`));
  assert.equal(writtenIn({ messages: many, pending: [] }).length, HISTORY_MAX);
});

test("a walk goes to the oldest text and back to the empty field", () => {
  const walk = new Walk();
  const texts = ["new", "old"];
  assert.deepEqual(
    [walk.older(texts), walk.older(texts), walk.older(texts)],
    ["new", "old", null],
  );
  // What comes meanwhile does not move the ground below the walker.
  assert.deepEqual([walk.newer(), walk.older(["newest"])], ["new", "old"]);
  walk.newer();
  assert.deepEqual([walk.newer(), walk.isOn], ["", false]);
  assert.equal(walk.older(["newest"]), "newest");
  walk.end();
  assert.equal(walk.isOn, false);
  assert.equal(walk.older([]), null);
  assert.equal(walk.isOn, false);
});
