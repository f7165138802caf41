// Tells the server what the user has read: an ended answer that is on the screen of a seen window.

import { currentThread } from "./store.js";
import { activeRun } from "./timeline.js";

export class Reading {
  #changes;
  #told = ""; // the thread and seq that were told last

  /** @param {{changes: import("./changes.js").Changes}} options */
  constructor({ changes }) {
    this.#changes = changes;
  }

  /**
   * @param {import("./store.js").State} state
   * @param {boolean} isSeen whether the window is visible
   */
  update(state, isSeen) {
    const thread = currentThread(state);
    if (!isSeen || !thread?.thread_id || thread.seq === null || activeRun(thread) !== null) return;
    const row = state.list.rows.find((each) => each.thread_id === thread.thread_id);
    const place = `${thread.thread_id} ${thread.seq}`;
    if (!row?.unread || row.deleted || place === this.#told) return;
    this.#told = place;
    this.#changes.ask(thread.thread_id, { read_seq: thread.seq });
  }
}
