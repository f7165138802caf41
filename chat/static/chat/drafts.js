// What is typed and not sent, per user, thread and window. A window writes only its own drafts, so
// that no two overwrite each other; what a closed one left is taken over by the next.

/**
 * @import {StoredFile} from "./frames.js"
 *
 * @typedef {{text: string, files: StoredFile[]}} Draft
 * @typedef {Draft & {at: number}} KeptDraft `at` is in ms since 1970
 */

export const DRAFTS_MAX = 50; // per user, of all windows; the oldest go first
export const DRAFT_LIFE_MS = 30 * 24 * 60 * 60 * 1000;

/** Tells which windows of a user are open, by a lock that each holds as long as it lives. */
export class Windows {
  #locks;
  #prefix;

  /**
   * @param {object} options
   * @param {LockManager | undefined} options.locks missing on plain http outside localhost
   * @param {string} options.user_id
   * @param {string} options.window_id of this one, new with each page
   */
  constructor({ locks, user_id, window_id }) {
    this.#locks = locks;
    this.#prefix = `netra.window.${user_id}.`;
    this.#locks?.request(this.#prefix + window_id, () => new Promise(() => {})).catch(() => {});
  }

  /** The ids of those that are open; without locks nobody knows, and none counts as open. */
  async open() {
    const { held = [] } = (await this.#locks?.query().catch(() => undefined)) ?? {};
    const ours = held.map(({ name = "" }) => name).filter((name) => name.startsWith(this.#prefix));
    return new Set(ours.map((name) => name.slice(this.#prefix.length)));
  }
}

export class Drafts {
  #storage;
  #prefix;
  #window_id;
  #openWindows;
  #now;

  /**
   * @param {object} options
   * @param {Storage} options.storage
   * @param {string} options.user_id whose drafts; another user of the same browser sees none
   * @param {string} options.window_id
   * @param {() => Promise<Set<string>>} options.openWindows see Windows
   * @param {() => number} options.now in ms since 1970
   */
  constructor({ storage, user_id, window_id, openWindows, now }) {
    this.#storage = storage;
    this.#prefix = `netra.draft.${user_id}.`;
    this.#window_id = window_id;
    this.#openWindows = openWindows;
    this.#now = now;
  }

  /**
   * What is written for a thread in this window; `null` names the one that does not exist yet.
   * @param {string | null} thread_id
   * @returns {Draft}
   */
  read(thread_id) {
    const { text, files } = this.#at(this.#keyOf(thread_id));
    return { text, files };
  }

  /** @type {(thread_id: string | null, draft: Draft) => void} */
  write(thread_id, { text, files }) {
    const key = this.#keyOf(thread_id);
    try {
      if (text === "" && files.length === 0) {
        this.#storage.removeItem(key);
        return;
      }
      const isNew = this.#storage.getItem(key) === null;
      this.#storage.setItem(key, JSON.stringify({ text, files, at: this.#now() }));
      if (isNew) this.#prune();
    } catch {
      // A full or refused storage costs the draft on reload, nothing else.
    }
  }

  /**
   * The newest draft of a thread that a closed window left, now this one's; null without one.
   * @param {string | null} thread_id
   * @param {() => boolean} isWanted asked when it is known which windows are closed
   */
  async takeOver(thread_id, isWanted) {
    const open = await this.#openWindows();
    if (!isWanted()) return null;
    const left = this.#all()
      .filter(({ thread, window_id }) => thread === nameOf(thread_id) && !open.has(window_id))
      .filter(({ window_id }) => window_id !== this.#window_id)
      .sort((a, b) => b.at - a.at)[0];
    if (left === undefined) return null;
    this.#storage.removeItem(left.key);
    this.write(thread_id, left);
    return { text: left.text, files: left.files };
  }

  /** @param {string | null} thread_id */
  #keyOf(thread_id) {
    return `${this.#prefix}${nameOf(thread_id)}.${this.#window_id}`;
  }

  /** @type {(key: string) => KeptDraft} */
  #at(key) {
    try {
      const { text = "", files = [], at = 0 } = JSON.parse(this.#storage.getItem(key) ?? "{}");
      return { text, files, at };
    } catch {
      return { text: "", files: [], at: 0 };
    }
  }

  #all() {
    const keys = keysOf(this.#storage).filter((key) => key.startsWith(this.#prefix));
    return keys.map((key) => {
      const [thread, window_id] = key.slice(this.#prefix.length).split(".");
      return { key, thread, window_id, ...this.#at(key) };
    });
  }

  #prune() {
    const newest = this.#all().sort((a, b) => b.at - a.at);
    /** @type {(draft: KeptDraft, place: number) => boolean} */
    const isOver = ({ at }, place) => place >= DRAFTS_MAX || this.#now() - at > DRAFT_LIFE_MS;
    for (const { key } of newest.filter(isOver)) this.#storage.removeItem(key);
  }
}

/** @type {(thread_id: string | null) => string} */
function nameOf(thread_id) {
  return thread_id ?? "new";
}

// A browser that refuses its storage has none.
/** @type {(storage: Storage) => string[]} */
function keysOf(storage) {
  try {
    return Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
  } catch {
    return [];
  }
}
