// Unanswered sends in the memory of one page: for browsers that let it keep nothing.

/** @import {Entry} from "./entries.js" */

export class MemoryStore {
  /** @type {Map<string, Entry[]>} */
  #lists = new Map();

  /**
   * The entries of a user, in order.
   * @param {string} user_id
   */
  async read(user_id) {
    return this.#lists.get(user_id) ?? [];
  }

  /**
   * Replaces the entries of a user by what `step` makes of them; gives the new ones.
   * @param {string} user_id
   * @param {(entries: Entry[]) => Entry[]} step
   */
  async change(user_id, step) {
    const entries = step(this.#lists.get(user_id) ?? []);
    this.#lists.set(user_id, entries);
    return entries;
  }
}
