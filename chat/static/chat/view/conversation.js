// The conversation: one article per message, kept at its end while the reader is there.

import { gettext } from "../gettext.js";
import { copySources } from "../math.js";
import { refusalWords } from "../refusals.js";
import { timeline } from "../timeline.js";
import { createAnswer } from "./answer.js";
import { rememberWrapping } from "./code_frame.js";
import { element, setChildren } from "./element.js";
import { createOlder } from "./older.js";
import { Question } from "./question.js";

const AT_END_PX = 64;
// So near to the upper end older messages are asked for.
const NEAR_BEGINNING_PX = 800;
// Above that the browser lays out only what is near the screen.
const LONG_ABOVE_MESSAGES = 60;

export class Conversation {
  #region;
  #jump;
  #empty;
  #actions;
  #list = element("div", { class: "conversation__list" });
  #older;
  #state = element("div", { class: "conversation__state" });
  #views = new Map();
  #shownKey = null;
  #shownThread = null;
  #follows = true;

  /**
   * @param {object} options
   * @param {HTMLElement} options.region the scrolling region "Conversation"
   * @param {HTMLElement} options.jump the button that leads to the end
   * @param {HTMLElement} options.empty what a new thread shows
   * @param {object} options.actions passed to the messages; `onOlder` asks for older ones
   */
  constructor({ region, jump, empty, actions }) {
    this.#region = region;
    this.#jump = jump;
    this.#empty = empty;
    this.#actions = actions;
    this.#older = createOlder(actions.onOlder);
    region.append(this.#older.node, this.#list, this.#state);
    rememberWrapping();
    copySources(region);
    region.addEventListener("click", (event) => {
      // What the reader opens stays where it is.
      if (event.target.closest("summary, [aria-expanded], .versions")) this.#follows = false;
    });
    region.addEventListener("scroll", () => this.#scrolled());
    jump.addEventListener("click", () => {
      this.toEnd();
      region.focus();
    });
    // After layout and before paint: whatever made the list grow or the region shrink (a banner, a
    // keyboard on the screen), the heights are known already.
    const sizes = new ResizeObserver(() => this.#grown());
    sizes.observe(this.#list);
    sizes.observe(region);
  }

  toEnd() {
    // What a new thread shows is read from its beginning.
    this.#region.scrollTop = this.#empty.hidden ? this.#region.scrollHeight : 0;
    this.#showJump(false);
  }

  update(key, thread) {
    if (thread === this.#shownThread && key === this.#shownKey) return;
    const items = timeline(thread);
    const held = key === this.#shownKey ? this.#topmost() : null;
    this.#older.update(thread);
    this.#showItems(items);
    if (held !== null) this.#hold(held);
    const isLoading = thread.seq === null && !thread.missing;
    this.#empty.hidden = items.length > 0 || isLoading || thread.missing;
    this.#state.replaceChildren(...stateOf(thread, isLoading && items.length === 0));
    if (key !== this.#shownKey) this.toEnd();
    this.#shownKey = key;
    this.#shownThread = thread;
  }

  #showItems(items) {
    const focused = this.#focused();
    this.#views = new Map(items.map((item) => [item.key, this.#viewOf(item)]));
    for (const item of items) {
      const view = this.#views.get(item.key);
      view.node.dataset.place = item.place;
      view.update(item);
    }
    this.#list.dataset.long = String(items.length > LONG_ABOVE_MESSAGES);
    setChildren(
      this.#list,
      items.map((item) => this.#views.get(item.key).node),
    );
    if (focused !== null && !focused.message.isConnected) this.#focusAgain(focused);
  }

  // What the reader looks at, while older messages come before it.
  #topmost() {
    if (this.#follows || this.#list.firstElementChild === null) return null;
    const { top } = this.#region.getBoundingClientRect();
    const isSeen = (each) => each.getBoundingClientRect().bottom > top;
    const node = [...this.#list.children].find(isSeen) ?? this.#list.firstElementChild;
    return { node, first: this.#list.firstElementChild, at: node.getBoundingClientRect().top };
  }

  #hold({ node, first, at }) {
    if (this.#list.firstElementChild === first || !node.isConnected) return;
    this.#region.scrollTop += node.getBoundingClientRect().top - at;
  }

  #scrolled() {
    this.#showJump(this.#empty.hidden && !this.#isAtEnd());
    const { scrollTop } = this.#region;
    const isIdle = this.#shownThread?.more === true && this.#shownThread.older === "idle";
    if (isIdle && !this.#follows && scrollTop < NEAR_BEGINNING_PX) this.#actions.onOlder();
  }

  #viewOf(item) {
    const held = this.#views.get(item.key);
    if (held) return held;
    return item.kind === "user" ? new Question(this.#actions) : createAnswer(this.#actions);
  }

  // What has the focus inside of a message: which message, and what of it.
  #focused() {
    const message = document.activeElement?.closest("[data-place]") ?? null;
    if (message === null) return null;
    const act = document.activeElement.closest("[data-act]")?.dataset.act ?? null;
    return { message, place: message.dataset.place, act };
  }

  // Another version stands in its place now: the focus stays on the same thing of that.
  #focusAgain({ place, act }) {
    const view = [...this.#views.values()].find(({ node }) => node.dataset.place === place);
    const controls = [...(view?.foot.querySelectorAll("[data-act]") ?? [])];
    const shown = controls.filter((each) => each.offsetParent !== null);
    (shown.find((each) => each.dataset.act === act) ?? shown[0] ?? this.#region).focus();
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#region;
    return scrollHeight - scrollTop - clientHeight < AT_END_PX;
  }

  #grown() {
    if (this.#follows) this.toEnd();
    else this.#showJump(!this.#isAtEnd());
  }

  #showJump(isShown) {
    this.#follows = !isShown;
    if (this.#jump.hidden === isShown) this.#jump.hidden = !isShown;
  }
}

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
