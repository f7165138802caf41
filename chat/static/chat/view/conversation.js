// The conversation: one article per message, kept at its end while the reader is there.

import { gettext } from "../gettext.js";
import { copySources } from "../math.js";
import { refusalWords } from "../refusals.js";
import { timeline } from "../timeline.js";
import { rememberWrapping } from "./code_frame.js";
import { element, setHidden } from "./element.js";
import { MessageList } from "./message_list.js";
import { createOlder } from "./older.js";

/**
 * @import {Rating} from "../frames.js"
 * @import {Decision} from "../requests.js"
 * @import {Thread} from "../thread.js"
 * @import {Item} from "../timeline.js"
 *
 * @typedef {object} MessageActions
 * @property {(client_id: string) => void} onRetry
 * @property {(client_id: string) => void} onEdit takes an unsent message back to be changed
 * @property {(client_id: string) => void} onDiscard takes an unsent message back for good
 * @property {(run_id: string) => void} onRemove
 * @property {(run_id: string) => void} onSendNow
 * @property {(answer: Decision) => void} onDecide
 * @property {(run_id: string) => void} onAnswerAgain
 * @property {(version: {run_id: string} | {message_id: string}) => void} onSwitch
 * @property {(edit: {message_id: string, text: string}) => void} onWriteEdit
 * @property {(message_id: string) => void} onSaveEdit
 * @property {(message_id: string) => void} onDropEdit
 * @property {() => void} onOlder asks for older messages
 * @property {(run_id: string, rating: Rating | null) => Promise<void>} onRate null takes it back;
 *   rejects with words for the user
 * @property {number} textLimit in code points
 *
 * @typedef {{node: HTMLElement, foot: HTMLElement, update(item: Item): void}} MessageView
 */

const AT_END_PX = 64;
// So near to the upper end older messages are asked for.
const NEAR_BEGINNING_PX = 800;

export class Conversation {
  #region;
  #jump;
  #empty;
  #actions;
  #list;
  #older;
  #state = element("div", { class: "conversation__state" });
  /** @type {string | null} */
  #shownKey = null;
  /** @type {Thread | null} */
  #shownThread = null;
  #follows = true;
  #ownTop = 0; // where the page itself has scrolled to last

  /**
   * @param {object} options
   * @param {HTMLElement} options.region the scrolling region "Conversation"
   * @param {HTMLElement} options.jump the button that leads to the end
   * @param {HTMLElement} options.empty what a new thread shows
   * @param {MessageActions} options.actions
   */
  constructor({ region, jump, empty, actions }) {
    this.#region = region;
    this.#jump = jump;
    this.#empty = empty;
    this.#actions = actions;
    this.#older = createOlder(actions.onOlder);
    this.#list = new MessageList(actions);
    region.append(this.#older.node, this.#list.node, this.#state);
    rememberWrapping();
    copySources(region);
    region.addEventListener("click", (event) => {
      // What the reader opens stays where it is.
      const pressed = /** @type {Element} */ (event.target);
      if (pressed.closest("summary, [aria-expanded], .versions")) this.#follows = false;
    });
    region.addEventListener("scroll", () => this.#scrolled());
    jump.addEventListener("click", () => {
      this.toEnd();
      region.focus();
    });
    // After layout and before paint: whatever made the list grow or the region shrink (a banner, a
    // keyboard on the screen), the heights are known already.
    const sizes = new ResizeObserver(() => this.#grown());
    sizes.observe(this.#list.node);
    sizes.observe(region);
  }

  toEnd() {
    // What a new thread shows is read from its beginning.
    this.#region.scrollTop = this.#empty.hidden ? this.#region.scrollHeight : 0;
    this.#ownTop = this.#region.scrollTop;
    this.#showJump(false);
  }

  /** @type {(key: string, thread: Thread) => void} */
  update(key, thread) {
    if (thread === this.#shownThread && key === this.#shownKey) return;
    const items = timeline(thread);
    const held = key === this.#shownKey ? this.#topmost() : null;
    this.#older.update(thread);
    this.#list.update(items);
    if (held !== null) this.#hold(held);
    const isLoading = thread.seq === null && !thread.missing;
    setHidden(this.#empty, items.length > 0 || isLoading || thread.missing);
    const state = stateOf(thread, isLoading && items.length === 0);
    if (state.length > 0 || this.#state.hasChildNodes()) this.#state.replaceChildren(...state);
    if (key !== this.#shownKey) this.toEnd();
    this.#shownKey = key;
    this.#shownThread = thread;
  }

  // What the reader looks at, while older messages come before it.
  #topmost() {
    const node = this.#follows ? null : this.#list.topmost(this.#top);
    if (node === null) return null;
    const first = this.#list.node.firstElementChild;
    return { node, first, at: node.getBoundingClientRect().top };
  }

  /** @param {{node: Element, first: Element | null, at: number}} seen */
  #hold({ node, first, at }) {
    if (this.#list.node.firstElementChild === first || !node.isConnected) return;
    this.#region.scrollTop += node.getBoundingClientRect().top - at;
  }

  #scrolled() {
    if (this.#follows && this.#region.scrollTop === this.#ownTop) return;
    this.#list.look(this.#top);
    this.#showJump(this.#empty.hidden && !this.#isAtEnd());
    const { scrollTop } = this.#region;
    const isIdle = this.#shownThread?.more === true && this.#shownThread.older === "idle";
    if (isIdle && !this.#follows && scrollTop < NEAR_BEGINNING_PX) this.#actions.onOlder();
  }

  get #top() {
    return this.#region.getBoundingClientRect().top;
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#region;
    return scrollHeight - scrollTop - clientHeight < AT_END_PX;
  }

  #grown() {
    if (this.#follows) this.toEnd();
    else this.#showJump(!this.#isAtEnd());
  }

  /** @param {boolean} isShown */
  #showJump(isShown) {
    this.#follows = !isShown;
    if (this.#jump.hidden === isShown) this.#jump.hidden = !isShown;
  }
}

/** @type {(thread: Thread, isLoading: boolean) => HTMLElement[]} */
function stateOf(thread, isLoading) {
  if (thread.missing) return [missingView()];
  if (isLoading) return [loadingView()];
  if (!thread.notice) return [];
  const text = element("p", {}, refusalWords(thread.notice));
  const body = element("div", { class: "alert__body" }, text);
  return [element("div", { class: "alert alert--warning" }, body)];
}

function missingView() {
  const title = element("p", { class: "alert__title" }, gettext("There is no such thread"));
  const text = element("p", {}, gettext("It may have been deleted, or it belongs to another account."));
  return element("div", { class: "alert" }, element("div", { class: "alert__body" }, title, text));
}

function loadingView() {
  const bars = ["short", "long", "long", "middle"].map((length) =>
    element("div", { class: `skeleton skeleton--${length}` }),
  );
  return element("div", { class: "stack", role: "img", "aria-label": gettext("Loading") }, ...bars);
}
