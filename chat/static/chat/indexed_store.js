// Unanswered sends in IndexedDB: they outlive the page, the window and the browser.

const DATABASE = "netra";
const VERSION = 1;
const ENTRIES = "outbox"; // one record an entry, by user and client_id
const OPEN_MAX_MS = 3_000; // some browsers neither open nor refuse in a private window

/**
 * @import {Entry} from "./entries.js"
 * @import {Step} from "./outbox_store.js"
 */

export class IndexedStore {
  #factory;
  /** @type {Promise<IDBDatabase> | null} */
  #opening = null;

  /** @param {IDBFactory} factory the browser's `indexedDB` */
  constructor(factory) {
    this.#factory = factory;
  }

  /**
   * The entries of a user, in order.
   * @param {string} user_id
   * @returns {Promise<Entry[]>}
   */
  async read(user_id) {
    const database = await this.#database();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(ENTRIES, "readonly");
      const reading = transaction.objectStore(ENTRIES).getAll(rangeOf(user_id));
      transaction.oncomplete = () => resolve(inOrder(reading.result));
      transaction.onabort = () => reject(transaction.error);
    });
  }

  /**
   * Replaces the entries of a user by what `step` makes of them, in one transaction; gives the new
   * ones once they are on the disk. What `step` throws changes nothing and is thrown here.
   * @param {string} user_id
   * @param {Step} step
   * @returns {Promise<Entry[]>}
   */
  async change(user_id, step) {
    const database = await this.#database();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(ENTRIES, "readwrite", { durability: "strict" });
      const records = transaction.objectStore(ENTRIES);
      const reading = records.getAll(rangeOf(user_id));
      /** @type {Entry[]} */
      let entries = [];
      /** @type {unknown} */
      let refusal = null;
      reading.onsuccess = () => {
        const before = inOrder(reading.result);
        try {
          entries = step(before);
          write({ records, user_id, before, entries });
        } catch (error) {
          refusal = error;
          transaction.abort();
        }
      };
      transaction.oncomplete = () => resolve(entries);
      transaction.onabort = () => reject(refusal ?? transaction.error);
    });
  }

  #database() {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** @returns {Promise<IDBDatabase>} */
  #open() {
    return new Promise((resolve, reject) => {
      const request = this.#factory.open(DATABASE, VERSION);
      setTimeout(() => reject(new Error("IndexedDB does not open")), OPEN_MAX_MS);
      request.onupgradeneeded = () => {
        request.result.createObjectStore(ENTRIES, { keyPath: ["user_id", "client_id"] });
      };
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        // The user has cleared the site's data, or a newer page has come: open it anew.
        database.onclose = () => this.#forget();
        database.onversionchange = () => {
          database.close();
          this.#forget();
        };
        resolve(database);
      };
    });
  }

  #forget() {
    this.#opening = null;
  }
}

// Arrays sort after strings: all keys that begin with this user, and no other's.
/** @param {string} user_id */
function rangeOf(user_id) {
  return IDBKeyRange.bound([user_id], [user_id, []]);
}

/** @param {Entry[]} records */
function inOrder(records) {
  return records.sort((a, b) => a.order - b.order);
}

/** @param {{records: IDBObjectStore, user_id: string, before: Entry[], entries: Entry[]}} change */
function write({ records, user_id, before, entries }) {
  const kept = new Set(entries.map((each) => each.client_id));
  for (const { client_id } of before) {
    if (!kept.has(client_id)) records.delete([user_id, client_id]);
  }
  for (const entry of entries) {
    if (!before.includes(entry)) records.put({ ...entry, user_id });
  }
}
