// What is too long to be set as markdown: shown piece by piece, as it is, when it is asked for.

import { gettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { numberWords } from "./words.js";

const PIECE_CHARS = 50_000;

/** @returns {{node: HTMLElement, update: (rest: string) => void}} */
export function createLongText() {
  const text = element("p", { class: "long-text__text", dir: "auto" });
  const said = element("p", {});
  const more = element("button", {
    type: "button",
    class: "button button--small",
    click: () => {
      wanted += PIECE_CHARS;
      show();
    },
  });
  const foot = element("div", { class: "long-text__foot" }, said, more);
  const node = element("div", { class: "long-text" }, text, foot);
  let wanted = 0;
  let whole = "";

  function show() {
    const held = text.textContent.length;
    if (!whole.startsWith(text.textContent)) setText(text, whole.slice(0, wanted));
    else if (held < Math.min(wanted, whole.length)) text.append(whole.slice(held, wanted));
    const left = Math.max(0, whole.length - wanted);
    const count = numberWords(left);
    setText(said, gettext("%(count)s more characters are not shown yet.", { count }));
    setText(more, gettext("Show more"));
    text.hidden = wanted === 0;
    foot.hidden = left === 0;
  }

  return {
    node,
    update(rest) {
      whole = rest;
      show();
    },
  };
}
