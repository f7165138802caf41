// Buttons that copy, and say for a moment whether that was done.

import { gettext } from "../gettext.js";
import { element } from "./element.js";
import { icon } from "./icons.js";

const COPIED_FOR_MS = 1_500;

/**
 * A small button with a word.
 * @param {string} label
 * @param {() => string} text what is copied
 */
export function copyButton(label, text) {
  const word = element("span", { "aria-live": "polite" }, label);
  const button = element(
    "button",
    { type: "button", class: "button button--quiet button--small", click: copy },
    icon("copy"),
    word,
  );
  let timer = 0;

  async function copy() {
    clearTimeout(timer);
    word.textContent = await outcomeOf(text());
    timer = setTimeout(() => {
      word.textContent = label;
    }, COPIED_FOR_MS);
  }

  return button;
}

/**
 * Copies a text; the words that say how it went.
 * @param {string} text
 */
export async function outcomeOf(text) {
  try {
    await navigator.clipboard.writeText(text);
    return gettext("Copied");
  } catch {
    return gettext("The browser does not allow it");
  }
}
