// The list that a slash opens above the message field: filtered while typing, walked by key.

import { offered, soughtIn } from "../commands.js";
import { gettext, ngettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";

/**
 * @import {Offer, Prompt, Situation} from "../commands.js"
 */

export class CommandMenu {
  #field;
  #list;
  #status;
  #rowsFor;
  #onPick;
  #onOpen;
  /** @type {Offer[]} */
  #rows = [];
  #active = 0;
  #isAway = false; // put away by Escape, or with what is being sent, until something is typed

  /**
   * The field keeps the role of a text field: a combobox holds one line.
   * @param {object} options
   * @param {HTMLTextAreaElement} options.field
   * @param {HTMLElement} options.list of role "listbox"
   * @param {HTMLElement} options.status of role "status"
   * @param {() => {situation: Situation, prompts: Prompt[]}} options.rowsFor what there is to offer
   * @param {(row: Offer) => void} options.onPick
   * @param {() => void} options.onOpen the list has just been opened
   */
  constructor({ field, list, status, rowsFor, onPick, onOpen }) {
    this.#field = field;
    this.#list = list;
    this.#status = status;
    this.#rowsFor = rowsFor;
    this.#onPick = onPick;
    this.#onOpen = onOpen;
    field.addEventListener("input", () => {
      this.#isAway = false;
      this.refresh();
    });
    // Its text stands there until it is stored, and the focus comes back before.
    field.addEventListener("sent", () => {
      this.#isAway = true;
      this.close();
    });
    field.addEventListener("blur", () => this.close());
    // A dialog may give the focus back after something was typed.
    field.addEventListener("focus", () => this.refresh());
    // Before the composer: Enter picks here and sends there.
    field.addEventListener("keydown", (event) => this.#pressed(event), { capture: true });
    // The focus stays in the field.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  /** Shows what fits, also after it was put away. */
  open() {
    this.#isAway = false;
    this.refresh();
  }

  /** Shows what fits what is typed. */
  refresh() {
    const sought = soughtIn(this.#field.value);
    const isHere = document.activeElement === this.#field;
    if (sought === null || this.#isAway || !isHere) {
      this.close();
      return;
    }
    const wasOpen = this.#isOpen;
    this.#rows = offered(sought, this.#rowsFor());
    this.#show();
    if (!wasOpen && this.#isOpen) this.#onOpen();
  }

  close() {
    this.#rows = [];
    this.#show();
  }

  get #isOpen() {
    return this.#rows.length > 0;
  }

  #show() {
    const count = this.#rows.length;
    this.#list.hidden = count === 0;
    this.#list.replaceChildren(...this.#rows.map((row, index) => this.#rowOf(row, index)));
    const words = ngettext("%(count)s command", "%(count)s commands", count, { count });
    setText(this.#status, count === 0 ? "" : words);
    if (count === 0) this.#field.removeAttribute("aria-activedescendant");
    else this.#point(0);
  }

  /** @type {(row: Offer, index: number) => HTMLElement} */
  #rowOf(row, index) {
    return element(
      "div",
      {
        class: "commands__row",
        role: "option",
        id: `command-${index}`,
        "aria-selected": "false",
        pointermove: () => index !== this.#active && this.#point(index),
        click: () => this.#pick(row),
      },
      icon(row.shape),
      element("span", { class: "commands__name" }, "/", element("bdi", {}, row.name)),
      element("span", { class: "commands__words", dir: "auto" }, row.words),
    );
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (!this.#isOpen || event.isComposing || event.altKey) return;
    const count = this.#rows.length;
    /** @type {Record<string, number>} */
    const places = { ArrowDown: this.#active + 1, ArrowUp: this.#active - 1 + count };
    if (Object.hasOwn(places, event.key)) this.#point(places[event.key] % count);
    else if (event.key === "Escape") this.#putAway();
    else if (isPick(event)) this.#pick(this.#rows[this.#active]);
    else return;
    event.preventDefault();
  }

  #putAway() {
    this.#isAway = true;
    this.close();
    setText(this.#status, gettext("Commands closed"));
  }

  /** @param {Offer} row */
  #pick(row) {
    this.close();
    this.#onPick(row);
  }

  /** @param {number} index */
  #point(index) {
    const rows = [...this.#list.children];
    rows[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = index;
    rows[index].setAttribute("aria-selected", "true");
    rows[index].scrollIntoView({ block: "nearest" });
    this.#field.setAttribute("aria-activedescendant", rows[index].id);
  }
}

/** @param {KeyboardEvent} event */
function isPick({ key, shiftKey, ctrlKey, metaKey }) {
  return (key === "Enter" || key === "Tab") && !shiftKey && !ctrlKey && !metaKey;
}
