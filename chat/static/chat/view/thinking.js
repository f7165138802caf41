// What the agent says to itself: open while nothing else is there, then one quiet line.

import { gettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { durationWords } from "./words.js";

// A thought may be longer than any answer; its end is what leads to one.
const SHOWN_MAX_CHARS = 100_000;
const SAID_FROM_MS = 1_000;

/** @import {Run} from "../run.js" */

/** @returns {{node: HTMLElement, update: (run: Run, isThinking: boolean) => void}} */
export function createThinking() {
  const label = element("span", {}, gettext("Thinking…"));
  const text = element("p", { class: "thinking__text", dir: "auto" });
  const head = element(
    "summary",
    { class: "thinking__head" },
    icon("spark"),
    label,
    icon("chevron"),
  );
  const node = element("details", { class: "thinking" }, head, text);
  let chosen = false; // once the reader opened or closed it, it stays as they left it

  head.addEventListener("click", () => {
    chosen = true;
  });
  return {
    node,
    update(run, isThinking) {
      node.hidden = !isThinking && run.thinking === "";
      node.dataset.active = String(isThinking);
      const opens = isThinking || document.documentElement.dataset.thinking === "shown";
      if (!chosen && node.open !== opens) node.open = opens;
      setText(label, isThinking ? gettext("Thinking…") : thoughtWords(run));
      setText(text, ending(run.thinking));
      text.hidden = run.thinking === "";
    },
  };
}

/** @type {(run: Run) => string} */
function thoughtWords({ thought_ms }) {
  if (thought_ms === null || !(thought_ms >= SAID_FROM_MS)) return gettext("Thought");
  return gettext("Thought for %(time)s", { time: durationWords(thought_ms) });
}

/** @type {(text: string) => string} */
function ending(text) {
  return text.length <= SHOWN_MAX_CHARS ? text : `… ${text.slice(-SHOWN_MAX_CHARS)}`;
}
