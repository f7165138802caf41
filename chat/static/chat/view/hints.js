// What is said below the message field: what its keys do, and how much too long a text is.

import { gettext, ngettext } from "../gettext.js";
import { numberWords } from "./words.js";

/**
 * @param {{isRunning: boolean, sends: boolean}} situation `sends`: Enter does, else it makes a line
 * @returns {string | null} null where it is what the page's template says
 */
export function keyWords({ isRunning, sends }) {
  if (sends) return isRunning ? runningHint() : null;
  return isRunning ? runningLineHint() : calmLineHint();
}

/** @param {number} count of characters */
export function overWords(count) {
  const values = { count: numberWords(count) };
  return ngettext(
    "%(count)s character too many for a message.",
    "%(count)s characters too many for a message.",
    count,
    values,
  );
}

function runningHint() {
  return gettext(
    "Enter sends when this answer has ended, Ctrl+Shift+Enter stops it and sends at once.",
  );
}

// Where Enter makes a new line.
function calmLineHint() {
  return gettext(
    "Ctrl+Enter sends, Enter makes a new line. Answers can be wrong: check what matters.",
  );
}

function runningLineHint() {
  return gettext(
    "Ctrl+Enter sends when this answer has ended, Ctrl+Shift+Enter stops it and sends at once.",
  );
}
