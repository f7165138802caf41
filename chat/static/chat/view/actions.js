// What can be done with a question or an answer: quiet buttons in a row below it.

import { gettext } from "../gettext.js";
import { outcomeOf } from "./copying.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";

const COPIED_FOR_MS = 1_500;

/** A button that shows only an icon; `name` says what it does, `act` what it is to the page. */
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

/** A button that can be read. */
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
  let timer = null;

  async function copy() {
    clearTimeout(timer);
    setText(said, await outcomeOf(text()));
    timer = setTimeout(() => setText(said, ""), COPIED_FOR_MS);
  }

  return { button, said };
}

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
 * @param {string} options.noun "question" or "answer"
 * @param {(id: string) => void} options.onSwitch
 */
export function createVersions({ noun, onSwitch }) {
  const words = VERSION_WORDS[noun];
  const step = (act, shape, direction) =>
    iconButton({
      name: words[act](),
      act,
      shape,
      click: () => shown?.[direction] && onSwitch(shown[direction]),
    });
  const previous = step("previous", "left", "previous");
  const next = step("next", "right", "next");
  const place = element("span", { class: "versions__place" });
  const node = element(
    "div",
    { class: "versions", role: "group", "aria-label": words.all() },
    ...[previous, place, next],
  );
  let shown = null;
  return {
    node,
    /** @param {object | null} versions see timeline.js; null hides it */
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
