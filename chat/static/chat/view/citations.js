// What an answer rests on: a numbered list under it.

import { plainName } from "../bidi.js";
import { gettext } from "../gettext.js";
import { element } from "./element.js";

/**
 * @import {Citation} from "../frames.js"
 * @import {Run} from "../run.js"
 */

const EXCERPT_SHOWN_MAX_CHARS = 300;
/** @type {Citation[]} */
const NONE = [];

/** @returns {{node: HTMLElement, update: (run: Run, hasEnded: boolean) => void}} */
export function createCitations() {
  const list = element("ol", { class: "citations__list" });
  const title = element("h3", { class: "citations__title" }, gettext("Sources"));
  const node = element("section", { class: "citations", "aria-label": gettext("Sources") }, title, list);
  /** @type {Citation[] | null} */
  let shown = null;
  return {
    node,
    update(run, hasEnded) {
      // Not before the end: what grows must be the last thing on the screen.
      const citations = hasEnded ? run.citations : NONE;
      if (citations === shown) return;
      shown = citations;
      node.hidden = citations.length === 0;
      list.replaceChildren(...citations.map(citationView));
    },
  };
}

/** @param {Citation} citation */
function citationView({ title, source, excerpt }) {
  const name = element("bdi", { class: "citations__name" }, plain(plainName(title || source)));
  const head = element("p", {}, name);
  if (title && source) head.append(" ", element("bdi", { class: "citations__source" }, plainName(source)));
  const item = element("li", {}, head);
  if (excerpt) item.append(element("blockquote", { class: "citations__excerpt", dir: "auto" }, cut(excerpt)));
  return item;
}

// The signs that mark code are noise where nothing is set as code.
/** @type {(text: string) => string} */
function plain(text) {
  return text.replace(/`+/g, "");
}

/** @type {(text: string) => string} */
function cut(text) {
  const words = plain(text);
  if (words.length <= EXCERPT_SHOWN_MAX_CHARS) return words;
  return `${words.slice(0, EXCERPT_SHOWN_MAX_CHARS)}…`;
}
