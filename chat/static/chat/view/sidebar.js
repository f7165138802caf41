// The sidebar: the list of threads or one of its other parts, the search, and what they do.

import { gettext } from "../gettext.js";
import { isIn, shownRows } from "../list.js";
import { sectionsOf } from "../sections.js";
import { setText } from "./element.js";
import { createOpenFolders } from "./folders.js";
import { openMenu } from "./menu.js";
import { SearchPanel } from "./search_panel.js";
import { ThreadList } from "./thread_list.js";
import { folderItemsOf, threadItems } from "./thread_menu.js";
import { nameOf } from "./thread_row.js";

/**
 * @import {Folder, PageConfig} from "../frames.js"
 * @import {ShownRow} from "../list.js"
 * @import {Listing} from "../listing.js"
 * @import {Section} from "../sections.js"
 * @import {State, Store} from "../store.js"
 * @import {ThreadsApi} from "../threads_api.js"
 * @import {ThreadActions} from "./thread_actions.js"
 *
 * @typedef {{list: HTMLElement, results: HTMLElement, status: HTMLElement, field: HTMLInputElement,
 *   place: HTMLElement, title: HTMLElement, note: HTMLElement, back: HTMLElement,
 *   archived: HTMLElement, deleted: HTMLElement, newFolder: HTMLElement, menu: HTMLElement}} Parts
 * @typedef {Partial<Pick<State, "list" | "current">> & {part?: string, day?: string}} Shown
 */

export class Sidebar {
  #store;
  #listing;
  #actions;
  #parts;
  #list;
  #search;
  #binDays;
  #part = "active";
  /** @type {Shown} */
  #shown = {};

  /**
   * @param {object} options
   * @param {Parts} options.parts
   * @param {Store} options.store
   * @param {Listing} options.listing
   * @param {ThreadsApi} options.api
   * @param {ThreadActions} options.actions
   * @param {Pick<PageConfig, "user" | "limits">} options.config
   * @param {(thread_id: string, message_id?: string | null) => void} options.go
   */
  constructor({ parts, store, listing, api, actions, config, go }) {
    this.#parts = parts;
    this.#store = store;
    this.#listing = listing;
    this.#actions = actions;
    this.#binDays = config.limits.bin_days;
    const { user_id } = config.user;
    const onChange = () => this.#draw();
    this.#list = new ThreadList({
      root: parts.list,
      listing,
      openFolders: createOpenFolders({ storage: localStorage, user_id, onChange }),
      actions: {
        onOpen: (thread_id) => go(thread_id),
        onMenu: (row, anchor) => this.#openMenu(row, anchor),
        onFolderMenu: (folder, anchor) => this.#openFolderMenu(folder, anchor),
        onRestore: (row) => actions.restore(row),
        onDeleteForever: (row) => actions.removeForever(row),
      },
    });
    this.#search = new SearchPanel({
      ...{ field: parts.field, panel: parts.results, status: parts.status, api },
      actions: {
        onOpen: ({ thread_id, message_id }) => go(thread_id, message_id),
        onChange: (isSearching) => this.#showSearch(isSearching),
      },
    });
    this.#listen();
  }

  /** @param {State} state */
  update(state) {
    const { list, current } = state;
    const { list: before, current: was, part, day } = this.#shown;
    const today = new Date().toDateString();
    if (list === before && current === was && part === this.#part && day === today) return;
    this.#shown = { list, current, part: this.#part, day: today };
    const rows = shownRows(list);
    const sections = this.#sectionsOf(rows, list.folders);
    this.#list.update({
      ...{ part: this.#part, sections, pages: list.pages, current },
      empty: this.#emptyWords(),
    });
    const row = rows.find((each) => each.thread_id === current);
    this.#parts.menu.hidden = row === undefined || Boolean(row.deleted);
  }

  /**
   * Shows the list, the archive ("archived") or the bin ("deleted").
   * @param {string} part
   */
  open(part) {
    this.#part = part;
    this.#search.clear();
    this.#listing.open(part);
    /** @type {Record<string, string>} */
    const titles = {
      archived: gettext("Archived threads"),
      deleted: gettext("Recently deleted"),
    };
    setText(this.#parts.title, titles[part] ?? "");
    setText(this.#parts.note, part === "deleted" ? this.#binWords() : "");
    this.#parts.place.hidden = part === "active";
    this.#draw();
    if (part !== "active") this.#parts.back.focus();
  }

  search() {
    this.#search.focus();
  }

  #draw() {
    this.#shown = {};
    this.update(this.#store.state);
  }

  /** @type {(rows: ShownRow[], folders: Folder[]) => Section[]} */
  #sectionsOf(rows, folders) {
    if (this.#part === "active") {
      const language = document.documentElement.lang || "en";
      return sectionsOf(rows, folders, { now: new Date(), language });
    }
    const found = rows.filter((row) => isIn(this.#part, row));
    if (found.length === 0) return [];
    return [{ key: this.#part, kind: "part", title: "", rows: found }];
  }

  #emptyWords() {
    /** @type {Record<string, string>} */
    const words = {
      active: gettext("Your threads will be listed here."),
      archived: gettext("Nothing is archived. Archived threads leave the list; search finds them."),
      deleted: gettext("Nothing was deleted lately."),
    };
    return words[this.#part];
  }

  #binWords() {
    const days = this.#binDays;
    if (days === undefined) return "";
    return gettext("What you delete stays here for %(days)s days, then it is gone.", { days });
  }

  /** @param {boolean} isSearching */
  #showSearch(isSearching) {
    this.#parts.results.hidden = !isSearching;
    this.#parts.list.hidden = isSearching;
    this.#parts.place.hidden = isSearching || this.#part === "active";
  }

  /** @type {(row: ShownRow, anchor: HTMLElement) => void} */
  #openMenu(row, anchor) {
    const { folders } = this.#store.state.list;
    const onRename = () => this.#rename(row);
    openMenu({
      anchor,
      label: gettext("Actions for %(name)s", { name: nameOf(row) }),
      items: threadItems(row, { folders, actions: this.#actions, onRename }),
    });
  }

  /** @param {ShownRow} row */
  async #rename(row) {
    const title = await this.#list.rename(row.thread_id);
    if (title !== null) await this.#actions.rename(row, title);
  }

  /** @type {(folder: Folder, anchor: HTMLElement) => void} */
  #openFolderMenu(folder, anchor) {
    const { name } = folder;
    openMenu({
      anchor,
      label: gettext("Actions for the folder %(name)s", { name }),
      items: folderItemsOf(folder, this.#actions),
    });
  }

  // At the title of the thread on the screen: its row may be out of sight.
  #openMenuHere() {
    const { list, current } = this.#store.state;
    const row = shownRows(list).find((each) => each.thread_id === current);
    if (row === undefined) return;
    const onRename = () => this.#actions.renameByDialog(row);
    openMenu({
      anchor: this.#parts.menu,
      label: gettext("Actions for this thread"),
      items: threadItems(row, { folders: list.folders, actions: this.#actions, onRename }),
    });
  }

  #listen() {
    const { back, archived, deleted, newFolder, menu } = this.#parts;
    back.addEventListener("click", () => {
      const opener = this.#part === "archived" ? archived : deleted;
      this.open("active");
      opener.focus();
    });
    archived.addEventListener("click", () => this.open("archived"));
    deleted.addEventListener("click", () => this.open("deleted"));
    newFolder.addEventListener("click", () => this.#actions.newFolder());
    menu.addEventListener("click", () => this.#openMenuHere());
  }
}
