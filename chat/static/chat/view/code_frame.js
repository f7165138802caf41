// A block of code in its frame: language, lines, wrapping, copying, and a fold where it is long.

import { gettext } from "../gettext.js";
import { copyButton } from "./copying.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { numberWords } from "./words.js";

const FOLDED_ABOVE_LINES = 60;
const WRAP_KEY = "netra.wrap_code";

/**
 * Puts a `pre` into its frame, and answers that.
 * @param {HTMLElement} pre
 */
export function frameCode(pre) {
  const code = pre.querySelector("code");
  const language = /language-([\w+#.-]+)/.exec(code?.className ?? "")?.[1] ?? gettext("text");
  const actions = element(
    "div",
    { class: "code__actions" },
    wrapButton(),
    copyButton(gettext("Copy"), () => pre.textContent),
  );
  const title = element("span", { class: "code__title" }, language);
  const head = element("div", { class: "code__head" }, title, actions);
  const frame = element("div", { class: "code", dir: "ltr" }, head);
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", gettext("Code in %(language)s", { language }));
  frame.append(pre);
  return frame;
}

/**
 * Folds what is long inside `root`, once it grows no more.
 * @param {HTMLElement} root
 */
export function foldCode(root) {
  /** @type {NodeListOf<HTMLElement>} */
  const frames = root.querySelectorAll(".code:not([data-folded])");
  for (const frame of frames) {
    const lines = linesIn(frame.querySelector("pre")?.textContent ?? "");
    if (lines > FOLDED_ABOVE_LINES) fold(frame, lines);
  }
}

/** Whether long lines are broken was chosen earlier; it holds for all code. */
export function rememberWrapping() {
  setWrapping(stored() === "on");
}

/** @type {(frame: HTMLElement, lines: number) => void} */
function fold(frame, lines) {
  const count = gettext("%(count)s lines", { count: numberWords(lines) });
  frame.querySelector(".code__title")?.append(` · ${count}`);
  const more = element("button", {
    type: "button",
    class: "button button--quiet button--small code__more",
    click: () => show(frame.dataset.folded !== "true"),
  });
  /** @type {(isFolded: boolean) => void} */
  const show = (isFolded) => {
    frame.dataset.folded = String(isFolded);
    more.setAttribute("aria-expanded", String(!isFolded));
    const words = gettext("Show all %(count)s lines", { count: numberWords(lines) });
    setText(more, isFolded ? words : gettext("Show less"));
    if (isFolded) frame.scrollIntoView?.({ block: "nearest" });
  };
  frame.append(more);
  frame.dataset.folded = "true";
  more.setAttribute("aria-expanded", "false");
  setText(more, gettext("Show all %(count)s lines", { count: numberWords(lines) }));
}

function wrapButton() {
  return element(
    "button",
    {
      type: "button",
      class: "button button--quiet button--small code__wrap",
      "aria-pressed": String(isWrapping()),
      title: gettext("Wrap long lines"),
      "aria-label": gettext("Wrap long lines"),
      click: () => setWrapping(!isWrapping()),
    },
    icon("wrap"),
  );
}

function isWrapping() {
  return document.documentElement.dataset.wrapCode === "on";
}

/** @param {boolean} isOn */
function setWrapping(isOn) {
  document.documentElement.dataset.wrapCode = isOn ? "on" : "off";
  for (const button of document.querySelectorAll(".code__wrap")) {
    button.setAttribute("aria-pressed", String(isOn));
  }
  try {
    localStorage.setItem(WRAP_KEY, isOn ? "on" : "off");
  } catch {
    // A browser that keeps nothing for this page: the choice lasts as long as the page.
  }
}

function stored() {
  try {
    return localStorage.getItem(WRAP_KEY);
  } catch {
    return null;
  }
}

/** @type {(text: string) => number} */
function linesIn(text) {
  return text.replace(/\n$/, "").split("\n").length;
}
