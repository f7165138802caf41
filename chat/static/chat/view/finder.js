// Brings a message on the screen that a search or an address names, and shows which it is.

import { gettext } from "../gettext.js";
import { currentThread } from "../store.js";
import { timeline } from "../timeline.js";
import { focusMessage } from "./walk.js";

/**
 * @import {State, Store} from "../store.js"
 * @import {Thread} from "../thread.js"
 * @import {Toasts} from "./toast.js"
 *
 * @typedef {{thread_id: string | null, message_id: string, pages: number,
 *   before: Thread["messages"] | null}} Wanted `before` is what was shown when another version was
 *   asked for
 */

const FLASH_MS = 2_400;
const PAGES_MAX = 40; // of older messages; above that the user scrolls

export class Finder {
  #region;
  #store;
  #loadOlder;
  #switchTo;
  #toasts;
  /** @type {Wanted | null} */
  #wanted = null;

  /**
   * @param {object} options
   * @param {HTMLElement} options.region the conversation
   * @param {Store} options.store
   * @param {() => Promise<boolean>} options.loadOlder whether older messages came
   * @param {(version: {message_id: string}) => void} options.switchTo shows another version
   * @param {Toasts} options.toasts
   */
  constructor({ region, store, loadOlder, switchTo, toasts }) {
    this.#region = region;
    this.#store = store;
    this.#loadOlder = loadOlder;
    this.#switchTo = switchTo;
    this.#toasts = toasts;
  }

  /**
   * Shows this message of the thread on the screen, as soon as it is there.
   * @param {string} message_id
   */
  find(message_id) {
    const thread_id = currentThread(this.#store.state)?.thread_id ?? null;
    this.#wanted = { thread_id, message_id, pages: 0, before: null };
    this.update(this.#store.state);
  }

  /**
   * Called after each drawing.
   * @param {State} state
   */
  update(state) {
    const wanted = this.#wanted;
    if (wanted === null) return;
    const thread = currentThread(state);
    if (thread === null || thread.thread_id !== wanted.thread_id) this.#wanted = null;
    else if (thread.missing) this.#wanted = null;
    else if (thread.seq !== null) this.#look(thread, wanted);
  }

  /** @type {(thread: Thread, wanted: Wanted) => void} */
  #look(thread, wanted) {
    if (thread.messages === wanted.before) return; // the other version is still to come
    const place = placeOf(thread, wanted.message_id);
    if (place === null) {
      this.#wanted = null;
      this.#seekOlder(wanted);
      return;
    }
    const selector = `article[data-place="${CSS.escape(place)}"]`;
    /** @type {HTMLElement | null} */
    const article = this.#region.querySelector(selector);
    if (article === null) return; // drawn next
    this.#wanted = null;
    focusMessage(article, "center");
    // What lies above it in a long thread gets its height only when it is near the screen.
    requestAnimationFrame(() => article.scrollIntoView({ block: "center" }));
    article.classList.add("message--found");
    setTimeout(() => article.classList.remove("message--found"), FLASH_MS);
  }

  /** @param {Wanted} wanted */
  async #seekOlder(wanted) {
    const isMore = wanted.pages < PAGES_MAX && (await this.#loadOlder());
    const thread = currentThread(this.#store.state);
    if (thread === null || thread.thread_id !== wanted.thread_id) return;
    if (isMore) {
      this.#wanted = { ...wanted, pages: wanted.pages + 1 };
      this.update(this.#store.state);
      return;
    }
    const text =
      wanted.before === null
        ? gettext("That message is in another version of the thread, which is shown now.")
        : gettext("That message is not in the version of the thread that is shown.");
    this.#toasts.show({ text });
    if (wanted.before !== null) return;
    this.#wanted = { ...wanted, pages: 0, before: thread.messages };
    this.#switchTo({ message_id: wanted.message_id });
  }
}

/**
 * The message that an address names behind its #, or null.
 * @param {string} hash
 */
export function messageOfHash(hash) {
  const match = /^#(msg_[A-Za-z0-9_-]{1,60})$/.exec(hash);
  return match ? match[1] : null;
}

/** @type {(thread: Thread, message_id: string) => string | null} */
function placeOf(thread, message_id) {
  const item = timeline(thread).find(
    (each) => (each.kind === "user" ? each.message : each.run).message_id === message_id,
  );
  return item?.place ?? null;
}
