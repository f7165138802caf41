// Every key of the page in one table: what listens to them and the help are made from it.

import { gettext } from "./gettext.js";

/**
 * `keys` are as written: "Mod" is Cmd on a Mac and Ctrl elsewhere. `inFields` also works while the
 * user writes; `of` says that a part of the page listens itself, so that here it is only told.
 * @typedef {object} Shortcut
 * @property {string} act
 * @property {string} keys
 * @property {() => string} words
 * @property {true} [inFields]
 * @property {string} [of]
 */

/** @type {(act: string, keys: string, words: () => string) => Shortcut} */
const everywhere = (act, keys, words) => ({ act, keys, words, inFields: true });
/** @type {(act: string, keys: string, words: () => string) => Shortcut} */
const outsideFields = (act, keys, words) => ({ act, keys, words });
/** @type {(act: string, keys: string, words: () => string) => Shortcut} */
const ofMessage = (act, keys, words) => ({ act, keys, words, of: "message" });

/** @type {Shortcut[]} */
export const SHORTCUTS = [
  everywhere("palette", "Mod+K", () => gettext("Open the palette of commands")),
  everywhere("new", "Mod+Shift+O", () => gettext("New thread")),
  everywhere("search", "Mod+Shift+F", () => gettext("Search threads")),
  everywhere("sidebar", "Mod+Shift+S", () => gettext("Show or hide the list")),
  outsideFields("message", "/", () => gettext("Go to the message field")),
  everywhere("previous", "Alt+ArrowUp", () => gettext("Previous message")),
  everywhere("next", "Alt+ArrowDown", () => gettext("Next message")),
  everywhere("stop", "Escape", () => gettext("Stop the answer")),
  everywhere("undo", "Mod+Z", () => gettext("Undo, while a notice offers it")),
  outsideFields("help", "?", () => gettext("Show the keys")),
  ofMessage("send", "Enter", () => gettext("Send")),
  ofMessage("line", "Shift+Enter", () => gettext("New line")),
  ofMessage("interrupt", "Mod+Shift+Enter", () => gettext("Stop the answer and send")),
];

const NAMES = { ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Enter: "Enter" };

/**
 * The keys of a shortcut as they are printed on the keyboard: ["Ctrl", "K"], ["⌘", "K"].
 * @param {string} keys
 * @param {{isMac: boolean}} where
 */
export function keyNames(keys, { isMac }) {
  /** @type {Record<string, string>} */
  const names = {
    ...NAMES,
    Mod: isMac ? "⌘" : gettext("Ctrl"),
    Shift: isMac ? "⇧" : gettext("Shift"),
  };
  return keys.split("+").map((key) => (key === "Alt" && isMac ? "⌥" : (names[key] ?? key)));
}

/**
 * The shortcut that a key press is of, or undefined.
 * @param {KeyboardEvent} event
 * @param {{isMac: boolean, isWriting: boolean}} where
 */
export function shortcutOf(event, { isMac, isWriting }) {
  return SHORTCUTS.find(
    ({ keys, inFields, of }) =>
      of === undefined && (inFields || !isWriting) && isPressed(keys, event, isMac),
  );
}

/** @type {(keys: string, event: KeyboardEvent, isMac: boolean) => boolean} */
function isPressed(keys, event, isMac) {
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  if (event.key.toLowerCase() !== key.toLowerCase()) return false;
  const mod = parts.includes("Mod");
  // How a character such as "?" is typed is the keyboard's matter.
  const isCharacter = parts.length === 0 && key.length === 1;
  return (
    event.ctrlKey === (mod && !isMac) &&
    event.metaKey === (mod && isMac) &&
    event.altKey === parts.includes("Alt") &&
    (isCharacter || event.shiftKey === parts.includes("Shift"))
  );
}
