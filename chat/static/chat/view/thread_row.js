// One thread of the list: its title, whether it runs, is unread or waits, and its menu.

import { gettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";

/** @import {ShownRow} from "../list.js" */

const TITLE_MAX = 200; // characters, the server's limit

/**
 * What a thread is called where it has no title yet.
 * @param {{title?: string}} row
 */
export function nameOf(row) {
  return row.title || gettext("New thread");
}

/**
 * The address of a thread; null is the one that does not exist yet.
 * @param {string | null} thread_id
 */
export function pathOf(thread_id) {
  return thread_id === null ? "/chat/" : `/chat/${encodeURIComponent(thread_id)}/`;
}

export class ThreadRow {
  #row;
  /** @type {ShownRow | null} */
  #shown = null; // as it was drawn last
  #isCurrent = false;
  #actions;
  #text = element("span", { class: "list-item__text", dir: "auto" });
  #unread = element("span", { class: "visually-hidden" });
  #pending = element("span", { class: "visually-hidden" });
  #running = element("span", { class: "dot dot--active", role: "img" });
  #waiting = element("span", { class: "thread__waiting", role: "img" }, icon("alert"));
  #link;
  #more;

  /**
   * @param {ShownRow} row
   * @param {object} actions
   * @param {(thread_id: string) => void} actions.onOpen
   * @param {(row: ShownRow, anchor: HTMLElement, view: ThreadRow) => void} actions.onMenu
   */
  constructor(row, actions) {
    this.#row = row;
    this.#actions = actions;
    this.#running.setAttribute("aria-label", gettext("Running"));
    this.#waiting.setAttribute("aria-label", gettext("Waits for your decision"));
    this.#waiting.title = gettext("Waits for your decision");
    this.#link = element(
      "a",
      { class: "list-item", href: pathOf(row.thread_id), click: (event) => this.#open(event) },
      ...[this.#unread, this.#text, this.#pending, this.#running, this.#waiting],
    );
    this.#more = element(
      "button",
      {
        type: "button",
        class: "button button--quiet thread__more",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        click: () => this.#openMenu(),
      },
      icon("more"),
    );
    this.node = element("li", { class: "thread", contextmenu }, this.#link, this.#more);
    const openMenu = () => this.#openMenu();

    // The context-menu key and a long press; the mouse keeps the browser's own menu for links.
    /** @param {PointerEvent} event */
    function contextmenu(event) {
      if (event.button === 2 && event.pointerType !== "touch") return;
      event.preventDefault();
      openMenu();
    }
  }

  /** @type {(row: ShownRow, how: {isCurrent: boolean}) => void} */
  update(row, { isCurrent }) {
    if (row === this.#shown && isCurrent === this.#isCurrent) return; // one of a thousand
    this.#shown = row;
    this.#isCurrent = isCurrent;
    this.#row = row;
    const name = nameOf(row);
    const isUnread = Boolean(row.unread) && !isCurrent;
    setText(this.#text, name);
    if (this.#link.title !== name) this.#link.title = name;
    setText(this.#unread, isUnread ? gettext("Unread:") : "");
    setText(this.#pending, row.isPending ? gettext("not saved yet") : "");
    this.#running.hidden = !row.running || Boolean(row.waiting);
    this.#waiting.hidden = !row.running || !row.waiting;
    this.node.classList.toggle("thread--unread", isUnread);
    this.node.classList.toggle("thread--pending", Boolean(row.isPending));
    const label = gettext("Actions for %(name)s", { name });
    if (this.#more.getAttribute("aria-label") !== label) {
      this.#more.setAttribute("aria-label", label);
    }
    if (isCurrent) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }

  focus() {
    this.#link.focus();
  }

  /**
   * Lets the title be written in its place; resolves with the new one, null where it stays.
   * @returns {Promise<string | null>}
   */
  rename() {
    return new Promise((resolve) => {
      const label = gettext("Title of the thread");
      const field = element("input", {
        class: "input thread__field",
        "aria-label": label,
        maxlength: String(TITLE_MAX),
        dir: "auto",
        blur: () => end(true),
        keydown: (event) => {
          event.stopPropagation(); // Escape also stops a run
          if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
          event.preventDefault();
          end(event.key === "Enter");
          this.focus();
        },
      });
      let isOver = false;

      /** @type {(isKept: boolean) => void} */
      const end = (isKept) => {
        if (isOver) return;
        isOver = true;
        const title = field.value.trim();
        field.remove();
        this.node.classList.remove("thread--renaming");
        resolve(isKept && title !== "" && title !== this.#row.title ? title : null);
      };
      field.value = this.#row.title;
      this.node.classList.add("thread--renaming");
      this.node.append(field);
      field.select();
    });
  }

  /** @param {MouseEvent} event */
  #open(event) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.#actions.onOpen(this.#row.thread_id);
  }

  #openMenu() {
    this.#actions.onMenu(this.#row, this.#more, this);
  }
}
