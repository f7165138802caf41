// Where unanswered sends are kept: where the browser keeps them, and in memory where it refuses.

import { OutboxFull } from "./entries.js";
import { MemoryStore } from "./memory_store.js";

export class OutboxStore {
  #store;
  #onRefused;
  #known = []; // what is written to memory when the browser refuses

  /**
   * @param {object} options
   * @param {object} options.store {read(user_id), change(user_id, step)}
   * @param {() => void} options.onRefused from now on nothing outlives this page
   */
  constructor({ store, onRefused }) {
    this.#store = store;
    this.#onRefused = onRefused;
  }

  /** The entries of a user, in order. */
  read(user_id) {
    return this.#attempt(user_id, (store) => store.read(user_id));
  }

  /** Replaces the entries of a user by what `step` makes of them; throws what `step` throws. */
  change(user_id, step) {
    return this.#attempt(user_id, (store) => store.change(user_id, step));
  }

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

  async #fallBack(user_id) {
    const known = this.#known;
    this.#store = new MemoryStore();
    this.#onRefused();
    await this.#store.change(user_id, () => known);
  }
}
