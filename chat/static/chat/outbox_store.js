// Where unanswered sends are kept: where the browser keeps them, and in memory where it refuses.

import { OutboxFull } from "./entries.js";
import { MemoryStore } from "./memory_store.js";

/**
 * @import {Entry} from "./entries.js"
 *
 * @typedef {(entries: Entry[]) => Entry[]} Step
 * @typedef {object} EntryStore
 * @property {(user_id: string) => Promise<Entry[]>} read
 * @property {(user_id: string, step: Step) => Promise<Entry[]>} change
 */

export class OutboxStore {
  /** @type {EntryStore} */
  #store;
  #onRefused;
  /** @type {Entry[]} */
  #known = []; // what is written to memory when the browser refuses

  /**
   * @param {object} options
   * @param {EntryStore} options.store
   * @param {() => void} options.onRefused from now on nothing outlives this page
   */
  constructor({ store, onRefused }) {
    this.#store = store;
    this.#onRefused = onRefused;
  }

  /**
   * The entries of a user, in order.
   * @param {string} user_id
   */
  read(user_id) {
    return this.#attempt(user_id, (store) => store.read(user_id));
  }

  /**
   * Replaces the entries of a user by what `step` makes of them; throws what `step` throws.
   * @param {string} user_id
   * @param {Step} step
   */
  change(user_id, step) {
    return this.#attempt(user_id, (store) => store.change(user_id, step));
  }

  /**
   * @type {(user_id: string, work: (store: EntryStore) => Promise<Entry[]>) => Promise<Entry[]>}
   */
  async #attempt(user_id, work) {
    const store = this.#store;
    try {
      this.#known = await work(store);
    } catch (error) {
      if (error instanceof OutboxFull || store instanceof MemoryStore) throw error;
      if (this.#store === store) await this.#fallBack(user_id);
      this.#known = await work(this.#store);
    }
    return this.#known;
  }

  /** @param {string} user_id */
  async #fallBack(user_id) {
    const known = this.#known;
    this.#store = new MemoryStore();
    this.#onRefused();
    await this.#store.change(user_id, () => known);
  }
}
