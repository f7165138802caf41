// The messages of a conversation, one article each. Of a long one only those near the screen have
// their content; the others keep their place, so that any number of them weighs nothing.

import { gettext } from "../gettext.js";
import { ENDED } from "../run.js";
import { createAnswer } from "./answer.js";
import { element, setChildren } from "./element.js";
import { Question } from "./question.js";

/**
 * @import {Item} from "../timeline.js"
 * @import {MessageActions, MessageView} from "./conversation.js"
 *
 * @typedef {{item: Item, article: HTMLElement, view: MessageView | null}} Place
 */

// Above that the browser lays out only what is near the screen.
const LONG_ABOVE_MESSAGES = 60;
// Above that only what is near the screen has its content.
const WINDOWED_ABOVE_MESSAGES = 200;
// On either side of the topmost message on the screen, some times what a large screen shows.
const AROUND_MESSAGES = 30;
// The window moves when the reader has come so far from its middle.
const STEP_MESSAGES = 8;
// At the end answers grow, and most readers are there.
const AT_END_MESSAGES = 10;

export class MessageList {
  node = element("div", { class: "conversation__list" });
  #actions;
  /** @type {Map<string, Place>} */
  #places = new Map();
  /** @type {string | null} */
  #middle = null; // the key of the message around which the others are filled

  /** @param {MessageActions} actions */
  constructor(actions) {
    this.#actions = actions;
  }

  /** @param {Item[]} items */
  update(items) {
    const focused = this.#focused();
    this.#places = new Map(items.map((item) => [item.key, this.#placeOf(item)]));
    this.node.dataset.long = String(items.length > LONG_ABOVE_MESSAGES);
    const places = [...this.#places.values()];
    this.#fill(places);
    setChildren(
      this.node,
      places.map(({ article }) => article),
    );
    if (focused !== null && !focused.message.isConnected) this.#focusAgain(focused);
  }

  /**
   * The reader has scrolled.
   * @param {number} top of what is seen, as the browser measures
   */
  look(top) {
    const places = [...this.#places.values()];
    if (places.length <= WINDOWED_ABOVE_MESSAGES) return;
    const at = places.findIndex(({ article }) => article === this.topmost(top));
    if (Math.abs(at - this.#middleOf(places)) < STEP_MESSAGES) return;
    this.#middle = places[at]?.item.key ?? null;
    this.#fill(places);
  }

  /**
   * The first message that reaches below `top`, else the last one.
   * @param {number} top
   */
  topmost(top) {
    const { children } = this.node;
    let [from, to] = [0, children.length - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (children[middle].getBoundingClientRect().bottom > top) to = middle;
      else from = middle + 1;
    }
    return children[from] ?? null;
  }

  /** @type {(item: Item) => Place} */
  #placeOf(item) {
    const { article, view } = this.#places.get(item.key) ?? { article: articleOf(item), view: null };
    article.dataset.place = item.place;
    return { item, article, view };
  }

  /** @param {Place[]} places */
  #fill(places) {
    const middle = this.#middleOf(places);
    const isFilled = places.map(
      (place, at) =>
        places.length <= WINDOWED_ABOVE_MESSAGES ||
        Math.abs(at - middle) <= AROUND_MESSAGES ||
        at >= places.length - AT_END_MESSAGES ||
        isHeld(place),
    );
    const left = places.filter(({ view }, at) => view !== null && !isFilled[at]);
    // All are measured before any changes: the page is laid out once.
    const heights = left.map(({ article }) => article.getBoundingClientRect().height);
    left.forEach((place, at) => empty(place, heights[at]));
    for (const place of places.filter((_, at) => isFilled[at])) {
      place.view ??= this.#viewOf(place);
      place.view.update(place.item);
    }
    for (const { article, view } of places) article.classList.toggle("message--away", view === null);
  }

  // Who has just come to a thread is at its end.
  /** @param {Place[]} places */
  #middleOf(places) {
    const at = places.findIndex(({ item }) => item.key === this.#middle);
    return at < 0 ? places.length - 1 : at;
  }

  /** @type {(place: Place) => MessageView} */
  #viewOf({ item, article }) {
    const { height } = article.style;
    // What is not seen yet is as high as it was.
    article.style.containIntrinsicBlockSize = height === "" ? "" : `auto ${height}`;
    article.style.height = "";
    if (item.kind === "user") return new Question(this.#actions, article);
    return createAnswer(this.#actions, article);
  }

  // What has the focus inside of a message: which message, and what of it.
  #focused() {
    const { activeElement } = document;
    /** @type {HTMLElement | null} */
    const message = activeElement?.closest("[data-place]") ?? null;
    if (activeElement === null || message === null) return null;
    /** @type {HTMLElement | null} */
    const control = activeElement.closest("[data-act]");
    return { message, place: message.dataset.place, act: control?.dataset.act ?? null };
  }

  // Another version stands in its place now: the focus stays on the same thing of that.
  /** @param {{place: string | undefined, act: string | null}} focused */
  #focusAgain({ place, act }) {
    const places = [...this.#places.values()];
    const view = places.find(({ article }) => article.dataset.place === place)?.view;
    /** @type {NodeListOf<HTMLElement> | undefined} */
    const controls = view?.foot.querySelectorAll("[data-act]");
    const shown = [...(controls ?? [])].filter((each) => each.offsetParent !== null);
    const next = shown.find((each) => each.dataset.act === act) ?? shown[0];
    (next ?? this.node.parentElement)?.focus();
  }
}

/** @type {(item: Item) => HTMLElement} */
function articleOf({ kind }) {
  const label = kind === "user" ? gettext("You") : gettext("Assistant");
  return element("article", { class: `message message--${kind}`, "aria-label": label });
}

/** @type {(place: Place, height: number) => void} */
function empty(place, height) {
  place.article.replaceChildren();
  place.article.style.height = `${height}px`;
  place.view = null;
}

// What changes, what has the focus or is marked, and what somebody writes in stays as it is.
/** @type {(place: Place) => boolean} */
function isHeld({ item, article, view }) {
  if (item.kind === "user" && (item.edit ?? null) !== null) return true;
  if (item.run !== null && !ENDED.has(item.run.status)) return true;
  if (view === null) return false;
  const { anchorNode, focusNode } = getSelection() ?? { anchorNode: null, focusNode: null };
  if ([document.activeElement, anchorNode, focusNode].some((each) => article.contains(each))) {
    return true;
  }
  return [...article.querySelectorAll("textarea")].some(({ value }) => value !== "");
}
