import assert from "node:assert/strict";
import { test } from "node:test";

import { createDrafts } from "../../chat/static/chat/drafts.js";
import { THREAD } from "./frames.mjs";

function memory() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
}

const nothing = { text: "", files: [] };
const written = { text: "half a thought", files: [] };

for (const thread_id of [null, THREAD]) {
  test(`the draft of ${thread_id ?? "a new thread"} is its user's own`, () => {
    const storage = memory();
    const mine = createDrafts({ storage, user_id: "user_1_abc123" });
    const theirs = createDrafts({ storage, user_id: "user_1_other1" });
    mine.write(thread_id, written);
    assert.deepEqual(theirs.read(thread_id), nothing);
    theirs.write(thread_id, nothing);
    assert.deepEqual(mine.read(thread_id), written);
  });
}
