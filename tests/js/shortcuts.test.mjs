import assert from "node:assert/strict";
import { test } from "node:test";

import { SHORTCUTS, keyNames, shortcutOf } from "../../chat/static/chat/shortcuts.js";

const press = (keys, { isMac = false } = {}) => {
  const parts = keys.split("+");
  const key = parts.pop();
  return {
    key,
    ctrlKey: parts.includes("Ctrl") || (parts.includes("Mod") && !isMac),
    metaKey: parts.includes("Meta") || (parts.includes("Mod") && isMac),
    altKey: parts.includes("Alt"),
    shiftKey: parts.includes("Shift"),
  };
};
const found = (keys, { isMac = false, isWriting = false } = {}) =>
  shortcutOf(press(keys, { isMac }), { isMac, isWriting })?.act;

test("every key of the table does what the table says, on either keyboard", () => {
  for (const { act, keys, inFields, of } of SHORTCUTS) {
    for (const isMac of [false, true]) {
      const told = of === undefined ? act : undefined;
      assert.equal(found(keys, { isMac }), told, keys);
      const writing = of === undefined && inFields ? act : undefined;
      assert.equal(found(keys, { isMac, isWriting: true }), writing, `${keys} while writing`);
    }
  }
});

test("no two shortcuts have the same keys, and each has words", () => {
  assert.equal(new Set(SHORTCUTS.map((each) => each.keys)).size, SHORTCUTS.length);
  assert.equal(new Set(SHORTCUTS.map((each) => each.act)).size, SHORTCUTS.length);
  assert.ok(SHORTCUTS.every((each) => each.words() !== ""));
});

test("other keys are the browser's and the user's", () => {
  const others = ["k", "Alt+K", "Ctrl+Alt+K", "Meta+K", "Mod+Shift+K", "Mod+O", "ArrowUp", "Mod+/"];
  for (const keys of others) assert.equal(found(keys), undefined, keys);
  assert.equal(found("Ctrl+K", { isMac: true }), undefined);
});

test("a character is found however the keyboard types it", () => {
  assert.equal(found("Shift+?"), "help");
  assert.equal(found("Shift+/"), "message");
});

test("keys are named as they are printed", () => {
  assert.deepEqual(keyNames("Mod+Shift+O", { isMac: false }), ["Ctrl", "Shift", "O"]);
  assert.deepEqual(keyNames("Mod+Shift+O", { isMac: true }), ["⌘", "⇧", "O"]);
  assert.deepEqual(keyNames("Alt+ArrowUp", { isMac: true }), ["⌥", "↑"]);
});
