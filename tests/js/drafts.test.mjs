import assert from "node:assert/strict";
import { test } from "node:test";

import { DRAFTS_MAX, DRAFT_LIFE_MS, Drafts, Windows } from "../../chat/static/chat/drafts.js";
import { THREAD } from "./frames.mjs";

const nothing = { text: "", files: [] };
const written = { text: "half a thought", files: [] };
const wanted = () => true;

function memory() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
    key: (index) => [...items.keys()][index],
    get length() {
      return items.size;
    },
  };
}

/** A browser of some users, with a clock; a window is open until it is closed. */
function createBrowser() {
  const browser = { storage: memory(), open: new Set(), now: 1_000_000 };
  browser.draftsOf = (user_id, window_id) => {
    browser.open.add(window_id);
    return new Drafts({
      storage: browser.storage,
      user_id,
      window_id,
      openWindows: async () => browser.open,
      now: () => browser.now,
    });
  };
  return browser;
}

for (const thread_id of [null, THREAD]) {
  const name = thread_id ?? "a new thread";

  test(`the draft of ${name} is its user's own`, async () => {
    const browser = createBrowser();
    const mine = browser.draftsOf("user_1_abc123", "w1");
    mine.write(thread_id, written);
    browser.open.clear();
    const theirs = browser.draftsOf("user_1_other1", "w2");
    assert.deepEqual(theirs.read(thread_id), nothing);
    assert.equal(await theirs.takeOver(thread_id, wanted), null);
    theirs.write(thread_id, nothing);
    assert.deepEqual(mine.read(thread_id), written);
  });

  test(`of ${name} each open window has its own draft, and a closed one's is taken over once`, async () => {
    const browser = createBrowser();
    const [first, second] = ["w1", "w2"].map((id) => browser.draftsOf("user_1_abc123", id));
    first.write(thread_id, written);
    second.write(thread_id, { text: "another", files: [] });
    assert.equal(await second.takeOver(thread_id, wanted), null);
    assert.deepEqual(first.read(thread_id), written);

    browser.open.clear();
    const [third, fourth, fifth] = ["w3", "w4", "w5"].map((id) =>
      browser.draftsOf("user_1_abc123", id),
    );
    assert.equal(await third.takeOver(thread_id, () => false), null);
    const taken = [await third.takeOver(thread_id, wanted), await fourth.takeOver(thread_id, wanted)];
    assert.deepEqual(taken.map(({ text }) => text).sort(), ["another", "half a thought"]);
    assert.equal(await fifth.takeOver(thread_id, wanted), null);
    assert.deepEqual(third.read(thread_id), taken[0]);
  });
}

test("drafts are bounded in number and age, and the oldest go first", () => {
  const browser = createBrowser();
  const drafts = browser.draftsOf("user_1_abc123", "w1");
  for (let number = 0; number <= DRAFTS_MAX; number += 1) {
    browser.now += 1;
    drafts.write(`thread_${number}`, { text: `text ${number}`, files: [] });
  }
  assert.equal(browser.storage.length, DRAFTS_MAX);
  assert.deepEqual(drafts.read("thread_0"), nothing);
  assert.equal(drafts.read(`thread_${DRAFTS_MAX}`).text, `text ${DRAFTS_MAX}`);
  browser.now += DRAFT_LIFE_MS + 1;
  drafts.write(THREAD, written);
  assert.equal(browser.storage.length, 1);
});

test("a storage that is full, refused or spoilt costs the draft alone", async () => {
  const refuse = () => {
    throw new DOMException("refused", "SecurityError");
  };
  const refused = { getItem: refuse, setItem: refuse, removeItem: refuse, key: refuse, length: 1 };
  const options = { user_id: "u", window_id: "w", openWindows: async () => new Set(), now: () => 1 };
  for (const storage of [refused, { ...memory(), getItem: () => "{half" }]) {
    const drafts = new Drafts({ storage, ...options });
    drafts.write(THREAD, written);
    assert.deepEqual(drafts.read(THREAD), nothing);
    assert.equal(await drafts.takeOver(THREAD, wanted), null);
  }
});

test("windows know of each other by locks, and without those nobody counts as open", async () => {
  const held = [];
  const locks = {
    request: async (name) => {
      held.push({ name });
    },
    query: async () => ({ held }),
  };
  const [one] = ["w1", "w2"].map((window_id) => new Windows({ locks, user_id: "u", window_id }));
  new Windows({ locks, user_id: "other", window_id: "w3" });
  assert.deepEqual(await one.open(), new Set(["w1", "w2"]));
  assert.deepEqual(await new Windows({ user_id: "u", window_id: "w1" }).open(), new Set());
});
