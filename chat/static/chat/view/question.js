// A message of the user: stored, on its way, queued, or refused with what can be done about it.

import { createCountdown } from "./countdown.js";
import { element, setChildren, setText } from "./element.js";
import { icon } from "./icons.js";
import { sizeWords, timeWords } from "./words.js";

// A pasted export would fill many screens: above either, a message is clipped until opened.
const CLIPPED_ABOVE_LINES = 14;
const CLIPPED_ABOVE_CHARS = 1_500;

/**
 * @param {{onRetry: (id: string) => void, onEdit: (id: string) => void}} actions
 * @returns {{node: HTMLElement, update: (item: object) => void}}
 */
export function createQuestion({ onRetry, onEdit }) {
  const files = element("div", { class: "row message__files" });
  const text = element("div", { class: "message__text" });
  const more = button("Show all", () => clip(text.dataset.clipped !== "true"));
  const meta = element("p", { class: "message__meta" });
  const refusal = element("div", { class: "alert alert--danger" });
  const node = element(
    "article",
    { class: "message message--user", "aria-label": "You" },
    files,
    text,
    more,
    meta,
    refusal,
  );
  const countdown = createCountdown((seconds) => setText(meta, `Sends again in ${seconds} s`));
  let shown = [];

  function clip(isClipped) {
    text.dataset.clipped = String(isClipped);
    setText(more, isClipped ? "Show all" : "Show less");
    more.setAttribute("aria-expanded", String(!isClipped));
  }

  function showText(value) {
    if (text.textContent === value && value !== "") return;
    setText(text, value);
    more.hidden = !isLong(value);
    clip(!more.hidden);
  }

  function showRefusal(message) {
    refusal.hidden = message.status !== "refused";
    if (refusal.hidden) return;
    const actions = [button("Edit", () => onEdit(message.client_id))];
    if (message.refusal.retryable) {
      actions.unshift(button("Retry", () => onRetry(message.client_id)));
    }
    refusal.replaceChildren(icon("alert"), refusalBody(message.refusal, actions));
  }

  return {
    node,
    update({ message, run, position, isLast }) {
      const isWaiting = Boolean(isLast) && message.status === "stored";
      const news = [message, run, position, isWaiting];
      if (news.every((each, index) => each === shown[index])) return;
      shown = news;
      showText(message.text);
      setChildren(files, message.files.map(fileView));
      files.hidden = message.files.length === 0;
      const until = message.until ?? null;
      countdown.show(until);
      if (until === null) setText(meta, metaWords(message, { position, isWaiting }));
      meta.hidden = meta.textContent === "";
      node.title = message.ts ? timeWords(message.ts) : "";
      node.classList.toggle("message--pending", message.status === "pending");
      node.dataset.status = isWaiting ? "waiting" : message.status;
      showRefusal(message);
    },
  };
}

function refusalBody({ message }, actions) {
  return element(
    "div",
    { class: "alert__body" },
    element("p", { class: "alert__title" }, "Not sent"),
    element("p", {}, message),
    element("div", { class: "alert__actions" }, ...actions),
  );
}

function button(label, click) {
  return element("button", { type: "button", class: "button button--small", click }, label);
}

function isLong(text) {
  return text.length > CLIPPED_ABOVE_CHARS || text.split("\n").length > CLIPPED_ABOVE_LINES;
}

function metaWords(message, { position, isWaiting }) {
  if (message.status === "pending") return "pending";
  if (isWaiting) return "sent, waiting for the assistant";
  return position ? `queued, number ${position} in line` : "";
}

function fileView(file) {
  const size = element("span", { class: "chip__size" }, sizeWords(file.bytes));
  return element("span", { class: "chip" }, icon("file"), element("span", {}, file.name), size);
}
