import assert from "node:assert/strict";
import { test } from "node:test";

import { PREFERENCES, Preferences } from "../../chat/static/chat/preferences.js";

function createStorage() {
  const values = new Map();
  return {
    values,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
}

const refused = () => {
  throw new Error("storage is refused");
};

test("every choice is kept, told and read again; the default leaves nothing behind", () => {
  const storage = createStorage();
  const preferences = new Preferences({ storage: () => storage });
  const told = [];
  preferences.listen((name) => told.push([name, preferences.get(name)]));
  for (const [name, { key, choices }] of Object.entries(PREFERENCES)) {
    assert.equal(preferences.get(name), choices[0]);
    for (const choice of choices.toReversed()) {
      preferences.set(name, choice);
      assert.deepEqual(told.at(-1), [name, choice]);
      assert.equal(new Preferences({ storage: () => storage }).get(name), choice);
    }
    assert.equal(storage.values.has(key), false);
  }
});

test("what is not in the table is not chosen, wherever it comes from", () => {
  const storage = createStorage();
  const preferences = new Preferences({ storage: () => storage });
  preferences.set("theme", "pink");
  assert.equal(storage.values.size, 0);
  storage.setItem("netra.theme", "pink");
  assert.equal(preferences.get("theme"), "system");
});

test("a browser that keeps nothing keeps a choice as long as the page", () => {
  const preferences = new Preferences({ storage: refused });
  preferences.set("enter", "line");
  assert.equal(preferences.get("enter"), "line");
  preferences.reset();
  assert.equal(preferences.get("enter"), "send");
});

test("another tab's change is told, and its clearing as a change of everything", () => {
  const preferences = new Preferences({ storage: createStorage });
  const told = [];
  const end = preferences.listen((name) => told.push(name));
  preferences.hear({ key: "netra.size" });
  preferences.hear({ key: "somebody.else" });
  assert.deepEqual(told, ["size"]);
  preferences.hear({ key: null });
  assert.deepEqual(told.slice(1), Object.keys(PREFERENCES));
  end();
  preferences.hear({ key: "netra.size" });
  assert.equal(told.length, 1 + Object.keys(PREFERENCES).length);
});
