// The list of threads in its sections; more of it comes as its end is reached.

import { gettext } from "../gettext.js";
import { partOfFolder } from "../list.js";
import { BinRow } from "./bin_row.js";
import { element, setChildren, setText } from "./element.js";
import { createFolderHead } from "./folders.js";
import { ThreadRow } from "./thread_row.js";

/**
 * @import {Folder} from "../frames.js"
 * @import {List, ShownRow} from "../list.js"
 * @import {Listing} from "../listing.js"
 * @import {Section} from "../sections.js"
 * @import {OpenFolders} from "./folders.js"
 *
 * @typedef {object} ListActions
 * @property {(thread_id: string) => void} onOpen
 * @property {(row: ShownRow, anchor: HTMLElement) => void} onMenu
 * @property {(folder: Folder, anchor: HTMLElement) => void} onFolderMenu
 * @property {(row: ShownRow) => void} onRestore
 * @property {(row: ShownRow) => void} onDeleteForever
 *
 * @typedef {object} SectionView
 * @property {HTMLElement} node
 * @property {HTMLElement} list
 * @property {HTMLElement} [end] of a folder
 * @property {(section: Section, how: {isOpen: boolean}) => void} update
 *
 * @typedef {object} RowView
 * @property {HTMLElement} node
 * @property {(row: ShownRow, how: {isCurrent: boolean}) => void} update
 * @property {() => Promise<string | null>} [rename]
 *
 * @typedef {List["pages"]} Pages
 */

const AHEAD_PX = 400; // so far before its end is on the screen, more is asked for

export class ThreadList {
  #root;
  #actions;
  #openFolders;
  #listing;
  /** @type {Map<string, RowView>} */
  #rows = new Map(); // thread_id to its view
  /** @type {Map<string, SectionView>} */
  #sections = new Map(); // by key
  #end = element("div", { class: "threads__end" });
  #watch;
  #part = "active";

  /**
   * @param {object} options
   * @param {HTMLElement} options.root which scrolls
   * @param {Listing} options.listing
   * @param {ListActions} options.actions
   * @param {OpenFolders} options.openFolders
   */
  constructor({ root, listing, actions, openFolders }) {
    this.#root = root;
    this.#listing = listing;
    this.#actions = actions;
    this.#openFolders = openFolders;
    this.#watch = new IntersectionObserver(
      (seen) => seen.at(-1)?.isIntersecting && this.#listing.more(this.#part),
      { root, rootMargin: `${AHEAD_PX}px` },
    );
  }

  /**
   * @param {object} shown
   * @param {string} shown.part of the list
   * @param {Section[]} shown.sections
   * @param {Pages} shown.pages
   * @param {string | null} shown.current
   * @param {string} shown.empty what is said where there is none
   */
  update({ part, sections, pages, current, empty }) {
    const focused = this.#focused();
    if (part !== this.#part) this.#begin(part);
    /** @type {Map<string, RowView>} */
    const rows = new Map();
    const nodes = sections.map((section) => this.#show(section, { rows, part, pages, current }));
    this.#rows = rows;
    this.#forget(sections);
    const page = pages[part];
    const isWhole = page !== undefined && page.fault === "" && page.next === null;
    setChildren(this.#root, [...nodes, this.#end]);
    this.#showEnd(page, isWhole && sections.length === 0 ? empty : "");
    if (focused !== null) this.#focusAgain(focused);
  }

  /**
   * Lets the user write the title of a thread that is in the list; null elsewhere.
   * @param {string} thread_id
   */
  rename(thread_id) {
    return this.#rows.get(thread_id)?.rename?.() ?? null;
  }

  /** @param {string} part */
  #begin(part) {
    this.#part = part;
    this.#rows = new Map();
    this.#sections = new Map();
    this.#root.scrollTop = 0;
  }

  /**
   * @param {Section} section
   * @param {{rows: Map<string, RowView>, part: string, pages: Pages, current: string | null}} shown
   */
  #show(section, { rows, part, pages, current }) {
    const view = this.#sections.get(section.key) ?? this.#made(section);
    this.#sections.set(section.key, view);
    const { folder_id = null } = section;
    const isOpen = folder_id === null || this.#openFolders.has(folder_id);
    view.update(section, { isOpen });
    view.list.hidden = !isOpen;
    const shown = isOpen ? section.rows : [];
    const nodes = shown.map((row) => {
      const rowView = this.#rows.get(row.thread_id) ?? this.#rowOf(row, part);
      rowView.update(row, { isCurrent: row.thread_id === current });
      rows.set(row.thread_id, rowView);
      return rowView.node;
    });
    setChildren(view.list, nodes);
    if (folder_id !== null) this.#showFolderEnd(view, { section, pages, isOpen });
    return view.node;
  }

  /** @type {(row: ShownRow, part: string) => RowView} */
  #rowOf(row, part) {
    const Row = part === "deleted" ? BinRow : ThreadRow;
    return new Row(row, this.#actions);
  }

  /** @type {(section: Section) => SectionView} */
  #made(section) {
    const list = element("ul", { class: "list" });
    if (section.folder_id !== undefined) {
      const head = createFolderHead({ folder_id: section.folder_id }, {
        onToggle: (folder_id) => this.#openFolders.toggle(folder_id),
        onMenu: this.#actions.onFolderMenu,
      });
      const end = element("div", { class: "threads__end" });
      const node = element("section", { class: "threads__section" }, head.node, list, end);
      return { node, list, end, update: head.update };
    }
    const title = element("h2", { class: "threads__title" });
    const node = element("section", { class: "threads__section" }, title, list);
    /** @param {Section} shown */
    const update = (shown) => {
      setText(title, shown.title);
      title.hidden = shown.title === "";
    };
    return { node, list, update };
  }

  /** @param {Section[]} sections */
  #forget(sections) {
    const kept = new Set(sections.map((each) => each.key));
    for (const key of this.#sections.keys()) if (!kept.has(key)) this.#sections.delete(key);
  }

  /**
   * @param {SectionView} view
   * @param {{section: Section, pages: Pages, isOpen: boolean}} shown
   */
  #showFolderEnd({ end }, { section, pages, isOpen }) {
    if (end === undefined) return;
    const part = partOfFolder(section.folder_id ?? null);
    const page = pages[part];
    if (isOpen && page === undefined) this.#listing.open(part);
    const isEmpty = page?.fault === "" && section.rows.length === 0;
    const nodes = page?.fault ? [this.#faultView(page.fault, part)] : [];
    if (page?.next && !page.fault) nodes.push(this.#moreView(part));
    if (isEmpty && !page?.next) nodes.push(note(gettext("No threads in this folder.")));
    end.hidden = !isOpen || nodes.length === 0;
    replace(end, nodes);
  }

  /**
   * @param {Pages[string] | undefined} page
   * @param {string} empty
   */
  #showEnd(page, empty) {
    const nodes = page?.fault ? [this.#faultView(page.fault, this.#part)] : [];
    if (page === undefined || (page.next && !page.fault)) nodes.push(note(gettext("Loading…")));
    if (empty !== "") nodes.push(note(empty));
    this.#end.hidden = nodes.length === 0;
    replace(this.#end, nodes);
    // Told anew, since what was on the screen may still be.
    this.#watch.disconnect();
    if (page?.next && !page.fault) this.#watch.observe(this.#end);
  }

  /** @type {(message: string, part: string) => HTMLElement} */
  #faultView(message, part) {
    const click = () => this.#listing.more(part);
    const again = element(
      "button",
      { type: "button", class: "button button--small", click },
      gettext("Try again"),
    );
    return element("div", { class: "threads__fault" }, element("p", {}, message), again);
  }

  /** @type {(part: string) => HTMLElement} */
  #moreView(part) {
    const click = () => this.#listing.more(part);
    const label = gettext("Show more");
    return element("button", { type: "button", class: "button button--small", click }, label);
  }

  // The row that has the focus, and the one after it, should it go away.
  #focused() {
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const node = active?.closest(".thread") ?? null;
    if (active === null || node === null || !this.#root.contains(node)) return null;
    const all = [...this.#root.querySelectorAll(".thread")];
    const at = all.indexOf(node);
    return { active, others: [...all.slice(at), ...all.slice(0, at).reverse()] };
  }

  /** @param {{active: HTMLElement, others: Element[]}} focused */
  #focusAgain({ active, others }) {
    if (active.isConnected && document.activeElement === active) return;
    if (active.isConnected) {
      active.focus(); // it was moved, which takes the focus away
      return;
    }
    const next = others.find((node) => node.isConnected);
    /** @type {HTMLElement | null | undefined} */
    const control = next?.querySelector("a, button");
    (control ?? this.#root).focus();
  }
}

/** @param {string} words */
function note(words) {
  return element("p", { class: "threads__note" }, words);
}

// The same words stay the same elements: a button keeps the focus.
/** @type {(parent: HTMLElement, nodes: HTMLElement[]) => void} */
function replace(parent, nodes) {
  if (parent.textContent === nodes.map((node) => node.textContent).join("")) return;
  parent.replaceChildren(...nodes);
}
