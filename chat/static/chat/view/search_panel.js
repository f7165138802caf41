// The search in titles and texts: results below the field, walked with the arrows.

import { gettext, ngettext } from "../gettext.js";
import { piecesOf } from "../marks.js";
import { RequestFailed } from "../threads_api.js";
import { element, setText } from "./element.js";
import { nameOf } from "./thread_row.js";
import { timeWords } from "./words.js";

/**
 * @import {Found, ThreadsApi} from "../threads_api.js"
 *
 * @typedef {object} SearchActions
 * @property {(result: {thread_id: string, message_id: string | null}) => void} onOpen
 * @property {(isSearching: boolean) => void} onChange
 */

const WAIT_MS = 180; // after the last letter
const PAGE_RESULTS = 20;
const QUERY_MAX = 200;

export class SearchPanel {
  #field;
  #panel;
  #status;
  #api;
  #actions;
  #list = element("ul", { class: "results", role: "listbox", id: "search-results" });
  #end = element("div", { class: "threads__end" });
  /** @type {Found[]} */
  #results = [];
  #active = -1;
  /** @type {{abort: AbortController} | null} */
  #asked = null;
  #timer = 0;

  /**
   * @param {object} options
   * @param {HTMLInputElement} options.field a combobox
   * @param {HTMLElement} options.panel
   * @param {HTMLElement} options.status of role "status"
   * @param {ThreadsApi} options.api
   * @param {SearchActions} options.actions
   */
  constructor({ field, panel, status, api, actions }) {
    this.#field = field;
    this.#panel = panel;
    this.#status = status;
    this.#api = api;
    this.#actions = actions;
    this.#list.setAttribute("aria-label", gettext("Search results"));
    panel.append(this.#list, this.#end);
    field.maxLength = QUERY_MAX;
    field.addEventListener("input", () => this.#typed());
    field.addEventListener("keydown", (event) => this.#keydown(event));
  }

  get isSearching() {
    return this.#field.value.trim() !== "";
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  clear() {
    this.#field.value = "";
    this.#typed();
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#asked?.abort.abort();
    this.#asked = null;
    this.#actions.onChange(this.isSearching);
    if (!this.isSearching) this.#show([], { words: "" });
    else this.#timer = setTimeout(() => this.#search(), WAIT_MS);
  }

  /** @param {string | null} [cursor] */
  async #search(cursor = null) {
    const query = this.#field.value.trim();
    const asked = { abort: new AbortController() };
    this.#asked?.abort.abort();
    this.#asked = asked;
    this.#panel.setAttribute("aria-busy", "true");
    try {
      const { signal } = asked.abort;
      const wanted = { q: query, limit: PAGE_RESULTS, cursor };
      const { results, next } = await this.#api.search(wanted, { signal });
      if (this.#asked !== asked) return;
      this.#show(cursor === null ? results : [...this.#results, ...results], { next });
    } catch (error) {
      if (this.#asked !== asked) return;
      if (!(error instanceof RequestFailed)) throw error;
      const held = cursor === null ? [] : this.#results;
      this.#show(held, { words: error.message, failed: cursor ?? "" });
    }
    this.#panel.setAttribute("aria-busy", "false");
  }

  /**
   * @param {Found[]} results
   * @param {{next?: string | null, words?: string, failed?: string}} how
   */
  #show(results, { next = null, words, failed }) {
    const isMore = this.#results.length > 0 && results.length > this.#results.length;
    const first = isMore ? this.#results.length : 0;
    this.#results = results;
    if (first === 0) this.#list.replaceChildren();
    const rows = results.slice(first).map((result, at) => this.#rowOf(result, first + at));
    this.#list.append(...rows);
    this.#list.hidden = results.length === 0;
    this.#field.setAttribute("aria-expanded", String(results.length > 0));
    const query = this.#field.value.trim();
    const said = words ?? countOf(results.length, { query, isAll: next === null });
    setText(this.#status, said);
    const isTold = results.length === 0 || failed !== undefined;
    /** @type {HTMLElement[]} */
    const notes = isTold && said !== "" ? [element("p", { class: "threads__note" }, said)] : [];
    const again = failed === undefined ? next : failed;
    if (again !== null) notes.push(this.#moreButton(again, failed !== undefined));
    this.#end.replaceChildren(...notes);
    this.#point(isMore ? this.#active : -1);
  }

  /** @type {(cursor: string, isFailed: boolean) => HTMLElement} */
  #moreButton(cursor, isFailed) {
    const label = isFailed ? gettext("Try again") : gettext("Show more");
    const click = () => this.#search(cursor === "" ? null : cursor);
    return element("button", { type: "button", class: "button button--small", click }, label);
  }

  /** @type {(result: Found, index: number) => HTMLElement} */
  #rowOf(result, index) {
    const title = element("span", { class: "result__title", dir: "auto" });
    title.append(...marked(nameOf(result), result.title ? (result.title_marks ?? []) : []));
    const excerpt = element("span", { class: "result__excerpt", dir: "auto" });
    excerpt.append(...marked(result.excerpt ?? "", result.marks ?? []));
    excerpt.hidden = !result.excerpt;
    const said = [whoOf(result.role), timeWords(result.ts)];
    if (result.archived) said.push(gettext("archived"));
    const meta = said.filter((each) => each !== "").join(" · ");
    return element(
      "li",
      {
        class: "result",
        role: "option",
        id: `search-result-${index}`,
        "aria-selected": "false",
        click: () => this.#actions.onOpen(result),
      },
      ...[title, excerpt, element("span", { class: "result__meta" }, meta)],
    );
  }

  /** @param {KeyboardEvent} event */
  #keydown(event) {
    if (event.isComposing) return;
    const count = this.#results.length;
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: this.#active + 1, ArrowUp: this.#active - 1 };
    if (Object.hasOwn(steps, event.key) && count > 0) {
      this.#point((Math.max(steps[event.key], -1) + count + 1) % (count + 1));
    } else if (event.key === "Enter") {
      const chosen = this.#results[Math.max(this.#active, 0)];
      if (chosen !== undefined) this.#actions.onOpen(chosen);
    } else if (event.key === "Escape" && this.isSearching) this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation(); // Escape also stops a run
  }

  // One past the last is none, from which the arrows go on at the other end.
  /** @param {number} index */
  #point(index) {
    const rows = [...this.#list.children];
    rows[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = index < rows.length ? index : -1;
    const row = rows[this.#active];
    if (row === undefined) {
      this.#field.removeAttribute("aria-activedescendant");
      return;
    }
    row.setAttribute("aria-selected", "true");
    row.scrollIntoView({ block: "nearest" });
    this.#field.setAttribute("aria-activedescendant", row.id);
  }
}

/** @type {(text: string, marks: [number, number][]) => (Node | string)[]} */
function marked(text, marks) {
  return piecesOf(text, marks).map((piece) =>
    piece.isMarked ? element("mark", {}, piece.text) : piece.text,
  );
}

/** @type {(role: string | null) => string} */
function whoOf(role) {
  if (role === "user") return gettext("You");
  return role === "assistant" ? gettext("Assistant") : "";
}

/** @type {(count: number, of: {query: string, isAll: boolean}) => string} */
function countOf(count, { query, isAll }) {
  if (query === "") return "";
  if (count === 0) return gettext("Nothing found for “%(query)s”.", { query });
  if (!isAll) return gettext("The first %(count)s results.", { count });
  return ngettext("%(count)s result.", "%(count)s results.", count, { count });
}
