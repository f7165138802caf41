// What the user asks of threads, sent one after the other per thread, until each has its answer.

import { clock as realClock } from "./clock.js";
import { gettext } from "./gettext.js";

/**
 * @import {Clock} from "./clock.js"
 * @import {Row} from "./frames.js"
 * @import {Change} from "./list.js"
 * @import {Store} from "./store.js"
 * @import {RequestFailed, ThreadsApi} from "./threads_api.js"
 *
 * @typedef {{change_id: number, change: Change, resolve: (isDone: boolean) => void}} Waiting
 */

export const CHANGES_MAX = 100; // that wait at a time; nobody asks for more by hand
const TRIES_MAX = 5; // while there is a connection
const PAUSE_MS = 2_000;

export class Changes {
  #store;
  #api;
  #clock;
  #onRefused;
  /** @type {Map<string, Waiting[]>} */
  #queues = new Map(); // thread_id to what waits, the first of which is on its way
  /** @type {Set<() => void>} */
  #wakes = new Set();
  #count = 0;

  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {ThreadsApi} options.api
   * @param {(message: string) => void} options.onRefused
   * @param {Clock} [options.clock]
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
   * @param {Change} change fields of a row, or {gone: true} for ever, or {read_seq}
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

  /** @type {(thread_id: string, queue: Waiting[]) => Promise<void>} */
  async #work(thread_id, queue) {
    while (queue.length > 0) {
      const [{ change_id, change, resolve }] = queue;
      const isDone = await this.#done(thread_id, { change_id, change });
      queue.shift();
      resolve(isDone);
    }
    this.#queues.delete(thread_id);
  }

  /** @type {(thread_id: string, asked: {change_id: number, change: Change}) => Promise<boolean>} */
  async #done(thread_id, { change_id, change }) {
    for (let tries = 1; ; ) {
      try {
        const row = await this.#sent(thread_id, change);
        this.#store.dispatch({ type: "page.change_done", change_id, row });
        return true;
      } catch (error) {
        const { isRetryable, message } = /** @type {RequestFailed} */ (error);
        if (!isRetryable || tries >= TRIES_MAX) {
          this.#store.dispatch({ type: "page.change_refused", change_id });
          if (change.read_seq === undefined) this.#onRefused(message);
          return false;
        }
        // Without a connection it costs no try: it waits as long as the page does.
        if (this.#isConnected) tries += 1;
        await this.#pause(PAUSE_MS * tries);
      }
    }
  }

  /** @type {(thread_id: string, change: Change) => Promise<Row | null>} */
  async #sent(thread_id, { gone, deleted, ...change }) {
    if (deleted === false) return this.#api.restore(thread_id);
    if (gone || deleted) return this.#removed(thread_id, Boolean(gone));
    return this.#api.change(thread_id, change);
  }

  /** @type {(thread_id: string, forever: boolean) => Promise<Row | null>} */
  async #removed(thread_id, forever) {
    try {
      return await this.#api.remove(thread_id, { forever });
    } catch (error) {
      const { status } = /** @type {RequestFailed} */ (error);
      if (status === 404) return null; // somebody was faster
      throw error;
    }
  }

  get #isConnected() {
    const { status } = this.#store.state.connection;
    return status === "ready" || status === "degraded";
  }

  /** @type {(ms: number) => Promise<void>} */
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
