// A line above the composer that says which limit is near or reached, until when and what lifts it.

import { gettext } from "../gettext.js";
import { limitNews } from "../limits.js";
import { textButton } from "./actions.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { numberWords, timeWords } from "./words.js";

/**
 * @import {News, Used} from "../limits.js"
 * @import {Thread} from "../thread.js"
 */

const SEEN_KEY = "netra.limit_seen";

/**
 * @param {object} options
 * @param {HTMLElement} options.line
 * @param {string} options.planUrl
 * @param {Storage} options.storage keeps which warning was put away
 */
export function createLimitLine({ line, planUrl, storage }) {
  const words = element("span", { role: "status" });
  const plans = element("a", { class: "button button--small", href: planUrl }, gettext("My plan"));
  const away = textButton(gettext("Dismiss"), () => {
    if (news !== null) keep(storage, news.key);
    line.hidden = true;
    document.getElementById("message")?.focus();
  });
  line.append(icon("alert"), words, plans, away);
  /** @type {News | null} */
  let news = null;
  return {
    /** @type {(usage: Used[], thread: Thread) => void} */
    update(usage, thread) {
      news = limitNews({ usage, thread, timeWords, numberWords });
      // A limit that is reached is said as long as it is; a warning can be put away.
      line.hidden = news === null || (!news.isOver && seen(storage) === news.key);
      if (news === null) return;
      setText(words, news.words);
      line.classList.toggle("dock__line--over", news.isOver);
      away.hidden = news.isOver;
    },
  };
}

/** @param {Storage} storage */
function seen(storage) {
  try {
    return storage.getItem(SEEN_KEY);
  } catch {
    return null;
  }
}

/** @type {(storage: Storage, key: string) => void} */
function keep(storage, key) {
  try {
    storage.setItem(SEEN_KEY, key);
  } catch {
    // It comes back with the next page.
  }
}
