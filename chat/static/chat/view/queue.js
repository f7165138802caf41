// A line above the composer that says what waits, and leads there.

import { gettext, ngettext } from "../gettext.js";
import { activeRun } from "../timeline.js";
import { textButton } from "./actions.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { focusMessage } from "./walk.js";

/** @import {Thread} from "../thread.js" */

/**
 * @param {object} options
 * @param {HTMLElement} options.line
 * @param {HTMLElement} options.region the conversation
 */
export function createQueueLine({ line, region }) {
  const words = element("span", { role: "status" });
  const show = textButton(gettext("Show"), () => {
    /** @type {HTMLElement | null} */
    const first = region.querySelector('article[data-waits="true"]');
    if (first !== null) focusMessage(first, "center");
  });
  line.append(icon("clock"), words, show);
  return {
    /**
     * @param {Thread} thread
     * @param {{status: string}} connection
     */
    update(thread, connection) {
      const text = queueWords(thread, connection);
      setText(words, text);
      line.hidden = text === "";
    },
  };
}

/**
 * What is said of what waits in a thread; "" where nothing does for longer than a moment.
 * @param {Thread} thread
 * @param {{status: string}} connection
 */
export function queueWords(thread, { status }) {
  const isBehind = activeRun(thread) !== null;
  const queued = Object.values(thread.runs).filter((run) => run.status === "queued").length;
  const unsent = thread.pending.filter((each) => each.status === "pending");
  const isHeld = status !== "ready" || unsent.some((each) => each.until);
  const parts = [];
  if (queued > 0 && isBehind) parts.push(queuedWords(queued));
  if (unsent.length > 0 && isHeld) parts.push(unsentWords(unsent.length));
  return parts.join(" · ");
}

/** @param {number} count */
function queuedWords(count) {
  return ngettext("%(count)s message waits", "%(count)s messages wait", count, { count });
}

/** @param {number} count */
function unsentWords(count) {
  return ngettext(
    "%(count)s message is not stored yet",
    "%(count)s messages are not stored yet",
    count,
    { count },
  );
}
