// Brings a message on the screen that a search or an address names, and shows which it is.

import { gettext } from "../gettext.js";
import { currentThread } from "../store.js";
import { timeline } from "../timeline.js";
import { focusMessage } from "./walk.js";

const FLASH_MS = 2_400;
const PAGES_MAX = 40; // of older messages; above that the user scrolls

export class Finder {
  #region;
  #store;
  #loadOlder;
  #toasts;
  #wanted = null; // {thread_id, message_id, pages}

  /**
   * @param {object} options
   * @param {HTMLElement} options.region the conversation
   * @param {object} options.store
   * @param {() => Promise<boolean>} options.loadOlder whether older messages came
   * @param {object} options.toasts
   */
  constructor({ region, store, loadOlder, toasts }) {
    this.#region = region;
    this.#store = store;
    this.#loadOlder = loadOlder;
    this.#toasts = toasts;
  }

  /** Shows this message of the thread on the screen, as soon as it is there. */
  find(message_id) {
    const { thread_id } = currentThread(this.#store.state);
    this.#wanted = { thread_id, message_id, pages: 0 };
    this.update(this.#store.state);
  }

  /** Called after each drawing. */
  update(state) {
    const wanted = this.#wanted;
    if (wanted === null) return;
    const thread = currentThread(state);
    if (thread.thread_id !== wanted.thread_id) this.#wanted = null;
    else if (thread.missing) this.#wanted = null;
    else if (thread.seq !== null) this.#look(thread, wanted);
  }

  #look(thread, wanted) {
    const place = placeOf(thread, wanted.message_id);
    if (place === null) {
      this.#wanted = null;
      this.#seekOlder(wanted);
      return;
    }
    const selector = `article[data-place="${CSS.escape(place)}"]`;
    const article = this.#region.querySelector(selector);
    if (article === null) return; // drawn next
    this.#wanted = null;
    focusMessage(article, "center");
    // What lies above it in a long thread gets its height only when it is near the screen.
    requestAnimationFrame(() => article.scrollIntoView({ block: "center" }));
    article.classList.add("message--found");
    setTimeout(() => article.classList.remove("message--found"), FLASH_MS);
  }

  async #seekOlder(wanted) {
    const isMore = wanted.pages < PAGES_MAX && (await this.#loadOlder());
    if (currentThread(this.#store.state).thread_id !== wanted.thread_id) return;
    if (isMore) {
      this.#wanted = { ...wanted, pages: wanted.pages + 1 };
      this.update(this.#store.state);
      return;
    }
    const text = gettext("That message is not in the version of the thread that is shown.");
    this.#toasts.show({ text });
  }
}

/** The message that an address names behind its #, or null. */
export function messageOfHash(hash) {
  const match = /^#(msg_[A-Za-z0-9_-]{1,60})$/.exec(hash);
  return match ? match[1] : null;
}

function placeOf(thread, message_id) {
  const item = timeline(thread).find(({ kind, message, run }) =>
    kind === "user" ? message.message_id === message_id : run.message_id === message_id,
  );
  return item?.place ?? null;
}
