// The upper end of a conversation: older messages are loaded there, or it is the beginning.

import { gettext } from "../gettext.js";
import { element, setHidden, setText } from "./element.js";

/** @import {Thread} from "../thread.js" */

/**
 * @param {() => void} onOlder asks for older messages
 * @returns {{node: HTMLElement, update: (thread: Thread) => void}}
 */
export function createOlder(onOlder) {
  const said = element("p", { role: "status" });
  const more = element(
    "button",
    { type: "button", class: "button button--small", click: onOlder },
    gettext("Show older messages"),
  );
  const node = element("div", { class: "older" }, said, more);
  let hasMore = false; // there were older ones than were shown at first
  /** @type {string | null} */
  let shown = null;
  return {
    node,
    update({ thread_id, more: isMore, older }) {
      if (thread_id !== shown) hasMore = false;
      shown = thread_id;
      hasMore ||= isMore;
      setHidden(node, !hasMore);
      setHidden(more, !isMore || older === "loading");
      setText(said, wordsOf(isMore, older));
      setHidden(said, said.textContent === "");
    },
  };
}

/** @type {(isMore: boolean, older: Thread["older"]) => string} */
function wordsOf(isMore, older) {
  if (!isMore) return gettext("This is the beginning of the thread.");
  if (older === "loading") return gettext("Loading older messages…");
  return older === "failed" ? gettext("Older messages could not be loaded.") : "";
}
