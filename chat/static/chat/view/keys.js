// Listens to the keys of the page and does what the table of shortcuts says.

import { SHORTCUTS, keyNames, shortcutOf } from "../shortcuts.js";
import { element } from "./element.js";

export const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/**
 * @param {Record<string, (...unused: any[]) => unknown>} acts by the `act` of each shortcut; false
 *   leaves the key to the browser
 */
export function listenToKeys(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || isHeld(event) || isCovered()) return;
    const found = shortcutOf(event, { isMac: IS_MAC, isWriting: isWriting(event.target) });
    if (found === undefined || acts[found.act]() === false) return;
    if (found.keys !== "Escape") event.preventDefault();
  });
}

/**
 * The keys of a shortcut as elements.
 * @param {string} act
 */
export function keysView(act) {
  const found = SHORTCUTS.find((each) => each.act === act);
  const names = found === undefined ? [] : keyNames(found.keys, { isMac: IS_MAC });
  const views = names.map((name) => element("kbd", {}, name));
  return element("span", { class: "keys", dir: "ltr" }, ...views);
}

// What lies over the page has keys of its own.
function isCovered() {
  return document.querySelector("dialog:modal, [popover]:popover-open") !== null;
}

// Only walking goes on while its key is held down.
/** @param {KeyboardEvent} event */
function isHeld(event) {
  return event.repeat && !event.altKey;
}

/** @param {EventTarget | null} target */
function isWriting(target) {
  const node = /** @type {Partial<Element>} */ (target);
  return node.closest?.("input, textarea, select, [contenteditable]") !== null;
}
