// What can be done with a question or an answer: quiet buttons in a row below it.

import { gettext } from "../gettext.js";
import { outcomeOf } from "./copying.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";

const COPIED_FOR_MS = 1_500;

/**
 * A button that shows only an icon; `name` says what it does, `act` what it is to the page.
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.act
 * @param {string} options.shape
 * @param {() => void} options.click
 */
export function iconButton({ name, act, shape, click }) {
  return element(
    "button",
    {
      type: "button",
      class: "button button--quiet action",
      "aria-label": name,
      title: name,
      "data-act": act,
      click,
    },
    icon(shape),
  );
}

/**
 * A button that can be read.
 * @param {string} label
 * @param {() => void} click
 */
export function textButton(label, click) {
  return element("button", { type: "button", class: "button button--small", click }, label);
}

/**
 * Copies a text and says whether that was done.
 * @param {object} options
 * @param {string} options.name
 * @param {() => string} options.text
 * @returns {{button: HTMLElement, said: HTMLElement}}
 */
export function createCopy({ name, text }) {
  const said = element("span", { class: "action__said", role: "status" });
  const button = iconButton({ name, act: "copy", shape: "copy", click: copy });
  let timer = 0;

  async function copy() {
    clearTimeout(timer);
    setText(said, await outcomeOf(text()));
    timer = setTimeout(() => setText(said, ""), COPIED_FOR_MS);
  }

  return { button, said };
}

/** @typedef {import("../timeline.js").Versions} Versions */

const VERSION_WORDS = {
  question: {
    all: () => gettext("Versions of this question"),
    previous: () => gettext("Previous version of this question"),
    next: () => gettext("Next version of this question"),
  },
  answer: {
    all: () => gettext("Versions of this answer"),
    previous: () => gettext("Previous version of this answer"),
    next: () => gettext("Next version of this answer"),
  },
};

/**
 * ‹ 2 / 3 ›, which leads to the other versions of a question or an answer.
 * @param {object} options
 * @param {"question" | "answer"} options.noun
 * @param {(id: string) => void} options.onSwitch
 */
export function createVersions({ noun, onSwitch }) {
  const words = VERSION_WORDS[noun];
  /** @type {(act: "previous" | "next", shape: string) => HTMLElement} */
  const step = (act, shape) =>
    iconButton({ name: words[act](), act, shape, click: () => go(shown?.[act] ?? null) });
  const previous = step("previous", "left");
  const next = step("next", "right");
  const place = element("span", { class: "versions__place" });
  const node = element(
    "div",
    { class: "versions", role: "group", "aria-label": words.all() },
    ...[previous, place, next],
  );
  /** @type {Versions | null} */
  let shown = null;

  /** @param {string | null} id */
  function go(id) {
    if (id !== null) onSwitch(id);
  }

  return {
    node,
    /** @param {Versions | null} versions null hides it */
    update(versions) {
      shown = versions;
      node.hidden = versions === null;
      if (versions === null) return;
      setText(place, `${versions.number} / ${versions.count}`);
      // Not `disabled`: that would take the focus away from who has just pressed it.
      previous.setAttribute("aria-disabled", String(versions.previous === null));
      next.setAttribute("aria-disabled", String(versions.next === null));
    },
  };
}
