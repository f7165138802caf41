// A deleted thread: it cannot be read, but brought back or deleted for ever.

import { gettext } from "../gettext.js";
import { iconButton } from "./actions.js";
import { element, setText } from "./element.js";
import { nameOf } from "./thread_row.js";

/** @import {ShownRow} from "../list.js" */

export class BinRow {
  #row;
  #text = element("span", { class: "list-item__text", dir: "auto" });
  #restore;
  #remove;

  /**
   * @param {ShownRow} row
   * @param {object} actions
   * @param {(row: ShownRow) => void} actions.onRestore
   * @param {(row: ShownRow) => void} actions.onDeleteForever
   */
  constructor(row, { onRestore, onDeleteForever }) {
    this.#row = row;
    /** @type {(name: string, shape: string, run: (row: ShownRow) => void) => HTMLElement} */
    const act = (name, shape, run) =>
      iconButton({ name, act: shape, shape, click: () => run(this.#row) });
    this.#restore = act(gettext("Restore"), "again", onRestore);
    this.#remove = act(gettext("Delete for ever"), "bin", onDeleteForever);
    const item = element("div", { class: "list-item" }, this.#text);
    const parts = [item, this.#restore, this.#remove];
    this.node = element("li", { class: "thread thread--binned" }, ...parts);
  }

  /** @param {ShownRow} row */
  update(row) {
    this.#row = row;
    const name = nameOf(row);
    setText(this.#text, name);
    this.node.classList.toggle("thread--pending", Boolean(row.isPending));
    this.#restore.setAttribute("aria-label", gettext("Restore %(name)s", { name }));
    this.#remove.setAttribute("aria-label", gettext("Delete %(name)s for ever", { name }));
  }

  focus() {
    this.#restore.focus();
  }
}
