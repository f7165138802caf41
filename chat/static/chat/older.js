// Asks for older messages of the thread on the screen, one page at a time.

import { cursorOf } from "./past.js";
import { currentThread } from "./store.js";

const TURNS_A_PAGE = 50;

export class Older {
  #store;
  #api;
  #asked = new Map(); // thread_id -> the request under way

  /** @param {{store: object, api: {messages: (thread_id: string, query: object) => Promise}}} doors */
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
    const { thread_id } = thread;
    if (thread_id === null || thread.seq === null || !thread.more) return Promise.resolve(false);
    const under = this.#asked.get(thread_id);
    if (under !== undefined) return under;
    const asked = this.#load(thread).finally(() => this.#asked.delete(thread_id));
    this.#asked.set(thread_id, asked);
    return asked;
  }

  async #load(thread) {
    const { thread_id } = thread;
    const cursor = cursorOf(thread);
    this.#store.dispatch({ type: "page.older", thread_id, older: "loading" });
    try {
      const page = await this.#api.messages(thread_id, { cursor, limit: TURNS_A_PAGE });
      // Another branch is shown by now, or the thread has been let go.
      const isSame = cursorOf(this.#store.state.threads[thread_id] ?? { messages: [] }) === cursor;
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
