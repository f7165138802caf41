// The heads of folders, which open and close, and which of them are open in this browser.

import { gettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";

/**
 * @import {Folder} from "../frames.js"
 *
 * @typedef {ReturnType<typeof createOpenFolders>} OpenFolders
 */

const OPEN_MAX = 100; // no user has more folders

/**
 * @param {object} options
 * @param {Storage} options.storage
 * @param {string} options.user_id whose folders
 * @param {() => void} options.onChange
 */
export function createOpenFolders({ storage, user_id, onChange }) {
  const key = `netra.folders.${user_id}`;
  const open = new Set(read());

  /** @returns {string[]} */
  function read() {
    try {
      const held = JSON.parse(storage.getItem(key) ?? "[]");
      return Array.isArray(held) ? held.filter((each) => typeof each === "string") : [];
    } catch {
      return []; // storage is refused in some private windows
    }
  }

  function write() {
    try {
      storage.setItem(key, JSON.stringify([...open].slice(-OPEN_MAX)));
    } catch {
      // A full or refused storage costs the memory of it, nothing else.
    }
  }

  return {
    /** @param {string} folder_id */
    has: (folder_id) => open.has(folder_id),
    /** @param {string} folder_id */
    toggle(folder_id) {
      if (!open.delete(folder_id)) open.add(folder_id);
      write();
      onChange();
    },
  };
}

/**
 * @param {{folder_id: string}} section
 * @param {object} options
 * @param {(folder_id: string) => void} options.onToggle
 * @param {(folder: Folder, anchor: HTMLElement) => void} options.onMenu
 */
export function createFolderHead({ folder_id }, { onToggle, onMenu }) {
  let name = "";
  const text = element("span", { class: "list-item__text", dir: "auto" });
  const toggle = element(
    "button",
    { type: "button", class: "list-item folder__toggle", click: () => onToggle(folder_id) },
    ...[icon("chevron"), icon("folder"), text],
  );
  /** @type {HTMLButtonElement} */
  const more = element(
    "button",
    {
      type: "button",
      class: "button button--quiet thread__more",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      click: () => onMenu({ folder_id, name }, more),
    },
    icon("more"),
  );
  return {
    node: element("h2", { class: "thread folder" }, toggle, more),
    /** @type {(section: {title: string}, how: {isOpen: boolean}) => void} */
    update({ title }, { isOpen }) {
      name = title;
      setText(text, title);
      toggle.setAttribute("aria-expanded", String(isOpen));
      more.setAttribute("aria-label", gettext("Actions for the folder %(name)s", { name }));
    },
  };
}
