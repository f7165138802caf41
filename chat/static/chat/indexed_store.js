// Unanswered sends in IndexedDB: they outlive the page, the window and the browser.

const DATABASE = "netra";
const VERSION = 1;
const ENTRIES = "outbox"; // one record an entry, by user and client_id
const OPEN_MAX_MS = 3_000; // some browsers neither open nor refuse in a private window

export class IndexedStore {
  #factory;
  #opening = null;

  /** @param {IDBFactory} factory the browser's `indexedDB` */
  constructor(factory) {
    this.#factory = factory;
  }

  /** The entries of a user, in order. */
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
   */
  async change(user_id, step) {
    const database = await this.#database();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(ENTRIES, "readwrite", { durability: "strict" });
      const records = transaction.objectStore(ENTRIES);
      const reading = records.getAll(rangeOf(user_id));
      let entries = [];
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
function rangeOf(user_id) {
  return IDBKeyRange.bound([user_id], [user_id, []]);
}

function inOrder(records) {
  return records.sort((a, b) => a.order - b.order);
}

function write({ records, user_id, before, entries }) {
  const kept = new Set(entries.map((each) => each.client_id));
  for (const { client_id } of before) {
    if (!kept.has(client_id)) records.delete([user_id, client_id]);
  }
  for (const entry of entries) {
    if (!before.includes(entry)) records.put({ ...entry, user_id });
  }
}
