// Asks for older messages of the thread on the screen, one page at a time.

import { cursorOf } from "./past.js";
import { currentThread } from "./store.js";

const TURNS_A_PAGE = 50;

/**
 * @import {Store} from "./store.js"
 * @import {Thread} from "./thread.js"
 * @import {ThreadsApi} from "./threads_api.js"
 */

export class Older {
  #store;
  #api;
  /** @type {Map<string, Promise<boolean>>} */
  #asked = new Map(); // thread_id -> the request under way

  /** @param {{store: Store, api: Pick<ThreadsApi, "messages">}} doors */
  constructor({ store, api }) {
    this.#store = store;
    this.#api = api;
  }

  /**
   * Loads the page before what is held.
   * @returns {Promise<boolean>} whether older messages came
   */
  load() {
    const thread = currentThread(this.#store.state);
    const thread_id = thread?.thread_id ?? null;
    if (thread === null || thread_id === null) return Promise.resolve(false);
    if (thread.seq === null || !thread.more) return Promise.resolve(false);
    const under = this.#asked.get(thread_id);
    if (under !== undefined) return under;
    const asked = this.#load({ ...thread, thread_id }).finally(() => this.#asked.delete(thread_id));
    this.#asked.set(thread_id, asked);
    return asked;
  }

  /** @param {Thread & {thread_id: string}} thread */
  async #load(thread) {
    const { thread_id } = thread;
    const cursor = cursorOf(thread);
    this.#store.dispatch({ type: "page.older", thread_id, older: "loading" });
    try {
      const page = await this.#api.messages(thread_id, { cursor, limit: TURNS_A_PAGE });
      // Another branch is shown by now, or the thread has been let go.
      const isSame = cursorOf(this.#store.state.threads[thread_id] ?? { messages: [] }) === cursor;
      /** @type {{page: typeof page} | {older: "idle"}} */
      const older = isSame ? { page } : { older: "idle" };
      this.#store.dispatch({ type: "page.older", thread_id, ...older });
      return isSame && page.messages.length > 0;
    } catch {
      // Why, the connection's own status tells; the button asks again.
      this.#store.dispatch({ type: "page.older", thread_id, older: "failed" });
      return false;
    }
  }
}
