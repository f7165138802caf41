// Brings the parts of the list of threads from the server, page by page.

import { partOfFolder } from "./list.js";
import { RequestFailed } from "./threads_api.js";

export const PAGE_ROWS = 50;
const PAGES_MAX = 20; // read again after a connection was lost: 1 000 threads
const STATES = ["active", "archived", "deleted"];

/**
 * @import {Row, Services} from "./frames.js"
 * @import {Status} from "./socket.js"
 * @import {Store} from "./store.js"
 * @import {ListQuery, ThreadsApi} from "./threads_api.js"
 *
 * @typedef {Status & {services: Services | null}} Connection
 */

/**
 * Whether changes of the list are told from now on that were not told before: they are not
 * replayed. They come by the bus.
 * @param {Connection} before
 * @param {Connection} now
 */
export function isToldAnew(before, now) {
  return (isReady(now) && !isReady(before)) || (isTold(now) && !isTold(before));
}

export class Listing {
  #store;
  #api;
  /** @type {Map<string, Promise<void>>} */
  #loading = new Map(); // part, or "folders", to the promise of its page
  /** @type {Map<string, number>} */
  #rowsOf = new Map(); // part to the number of rows that were loaded

  /** @param {{store: Store, api: ThreadsApi}} options */
  constructor({ store, api }) {
    this.#store = store;
    this.#api = api;
  }

  /** Loads everything again that was loaded: what happened meanwhile was not told. */
  async reload() {
    const parts = new Set(["pinned", "active", ...this.#rowsOf.keys()]);
    const folders = this.#once("folders", () => this.#loadFolders());
    await Promise.all([folders, ...[...parts].map((part) => this.#begin(part))]);
  }

  /**
   * Loads the beginning of a part, unless it is there.
   * @param {string} part
   * @returns {Promise<void>}
   */
  open(part) {
    const page = this.#store.state.list.pages[part];
    return page && page.fault === "" ? Promise.resolve() : this.#begin(part);
  }

  /**
   * Loads the next page of a part, or tries again what failed.
   * @param {string} part
   * @returns {Promise<void>}
   */
  more(part) {
    const page = this.#store.state.list.pages[part];
    if (page?.next) return this.#once(part, () => this.#load(part, { cursor: page.next }));
    return page && page.fault === "" ? Promise.resolve() : this.#begin(part);
  }

  /** @param {string} part */
  #begin(part) {
    return this.#once(part, () => this.#load(part, { cursor: null }));
  }

  /** @type {(part: string, load: () => Promise<void>) => Promise<void>} */
  #once(part, load) {
    const under = this.#loading.get(part);
    if (under !== undefined) return under;
    const loading = load().finally(() => this.#loading.delete(part));
    this.#loading.set(part, loading);
    return loading;
  }

  /** @type {(part: string, from: {cursor: string | null}) => Promise<void>} */
  async #load(part, { cursor }) {
    const isFirst = cursor === null;
    const asOf = this.#store.state.list.heard;
    try {
      const wanted = isFirst ? rowsWanted(part, this.#rowsOf.get(part)) : 1;
      const { threads, next } = await this.#pages(part, { cursor, wanted });
      const known = isFirst ? 0 : (this.#rowsOf.get(part) ?? 0);
      this.#rowsOf.set(part, known + threads.length);
      this.#store.dispatch({ type: "page.list", part, threads, next, asOf, isFirst });
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#store.dispatch({ type: "page.list_failed", part, message: error.message });
    }
  }

  /**
   * @param {string} part
   * @param {{cursor: string | null, wanted: number}} from
   */
  async #pages(part, { cursor, wanted }) {
    /** @type {Row[]} */
    const threads = [];
    let next = cursor;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const page = await this.#api.list({ ...queryOf(part), limit: PAGE_ROWS, cursor: next });
      threads.push(...page.threads);
      next = page.next;
      if (next === null || threads.length >= wanted) break;
    }
    return { threads, next };
  }

  async #loadFolders() {
    try {
      this.#store.dispatch({ type: "folders", ...(await this.#api.folders()) });
    } catch (error) {
      // The list of threads, asked for at the same time, says it.
      if (!(error instanceof RequestFailed)) throw error;
    }
  }
}

// Whether the server answers.
/** @type {(connection: Connection) => boolean} */
function isReady({ status }) {
  return status === "ready" || status === "degraded";
}

/** @type {(connection: Connection) => boolean} */
function isTold(connection) {
  return isReady(connection) && connection.services?.bus === true;
}

// Pinned threads stand above all others, so that all of them are wanted at once.
/**
 * @param {string} part
 * @param {number} [loaded]
 */
function rowsWanted(part, loaded = 1) {
  return part === "pinned" ? Infinity : loaded;
}

/** @type {(part: string) => ListQuery} */
function queryOf(part) {
  if (STATES.includes(part)) return { state: part };
  if (part === "pinned") return { pinned: true };
  return { folder_id: part.slice(partOfFolder("").length) };
}
