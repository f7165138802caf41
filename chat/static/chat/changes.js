// What the user asks of threads, sent one after the other per thread, until each has its answer.

import { clock as realClock } from "./clock.js";
import { gettext } from "./gettext.js";

export const CHANGES_MAX = 100; // that wait at a time; nobody asks for more by hand
const TRIES_MAX = 5; // while there is a connection
const PAUSE_MS = 2_000;

export class Changes {
  #store;
  #api;
  #clock;
  #onRefused;
  #queues = new Map(); // thread_id to what waits, the first of which is on its way
  #wakes = new Set();
  #count = 0;

  /**
   * @param {object} options
   * @param {object} options.store
   * @param {object} options.api
   * @param {(message: string) => void} options.onRefused
   * @param {object} [options.clock]
   */
  constructor({ store, api, onRefused, clock = realClock }) {
    this.#store = store;
    this.#api = api;
    this.#onRefused = onRefused;
    this.#clock = clock;
  }

  /**
   * Shows a change as not yet done, and asks the server for it.
   * @param {string} thread_id
   * @param {object} change fields of a row, or {gone: true} for ever, or {read_seq}
   * @returns {Promise<boolean>} whether it was done
   */
  ask(thread_id, change) {
    if (this.#store.state.list.changes.length >= CHANGES_MAX) {
      this.#onRefused(gettext("Too much waits to be changed already. Try again when it is done."));
      return Promise.resolve(false);
    }
    this.#count += 1;
    const change_id = this.#count;
    this.#store.dispatch({ type: "page.change", change_id, thread_id, change });
    return new Promise((resolve) => {
      const queue = this.#queues.get(thread_id) ?? [];
      queue.push({ change_id, change, resolve });
      this.#queues.set(thread_id, queue);
      if (queue.length === 1) this.#work(thread_id, queue);
    });
  }

  /** There is a connection again. */
  wake() {
    for (const wake of this.#wakes) wake();
  }

  async #work(thread_id, queue) {
    while (queue.length > 0) {
      const [{ change_id, change, resolve }] = queue;
      const isDone = await this.#done(thread_id, { change_id, change });
      queue.shift();
      resolve(isDone);
    }
    this.#queues.delete(thread_id);
  }

  async #done(thread_id, { change_id, change }) {
    for (let tries = 1; ; ) {
      try {
        const row = await this.#sent(thread_id, change);
        this.#store.dispatch({ type: "page.change_done", change_id, row });
        return true;
      } catch (error) {
        if (!error.isRetryable || tries >= TRIES_MAX) {
          this.#store.dispatch({ type: "page.change_refused", change_id });
          if (change.read_seq === undefined) this.#onRefused(error.message);
          return false;
        }
        // Without a connection it costs no try: it waits as long as the page does.
        if (this.#isConnected) tries += 1;
        await this.#pause(PAUSE_MS * tries);
      }
    }
  }

  async #sent(thread_id, { gone, deleted, ...change }) {
    if (deleted === false) return this.#api.restore(thread_id);
    if (gone || deleted) return this.#removed(thread_id, Boolean(gone));
    return this.#api.change(thread_id, change);
  }

  async #removed(thread_id, forever) {
    try {
      return await this.#api.remove(thread_id, { forever });
    } catch (error) {
      if (error.status === 404) return null; // somebody was faster
      throw error;
    }
  }

  get #isConnected() {
    const { status } = this.#store.state.connection;
    return status === "ready" || status === "degraded";
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const over = () => {
        this.#wakes.delete(over);
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(ms, over);
      this.#wakes.add(over);
    });
  }
}
