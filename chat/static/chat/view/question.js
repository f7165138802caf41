// A message of the user: stored, on its way, waiting for its turn or refused, and what can be done.

import { isEmpty } from "../run.js";
import { createCountdown } from "./countdown.js";
import { element, setChildren, setText } from "./element.js";
import { icon } from "./icons.js";
import { ordinalWords, sizeWords, timeWords } from "./words.js";

// A pasted export would fill many screens: above either, a message is clipped until opened.
const CLIPPED_ABOVE_LINES = 14;
const CLIPPED_ABOVE_CHARS = 1_500;

/**
 * @param {object} actions
 * @param {(client_id: string) => void} actions.onRetry
 * @param {(client_id: string) => void} actions.onEdit
 * @param {(run_id: string) => void} actions.onRemove
 * @param {() => void} actions.onSendNow
 * @returns {{node: HTMLElement, update: (item: object) => void}}
 */
export function createQuestion({ onRetry, onEdit, onRemove, onSendNow }) {
  const files = element("div", { class: "row message__files" });
  const text = element("div", { class: "message__text" });
  const more = button("Show all", () => clip(text.dataset.clipped !== "true"));
  const meta = element("p", { class: "message__meta" });
  const sendNow = button("Send now", onSendNow);
  const remove = button("Remove", () => onRemove(run_id));
  const foot = element("div", { class: "row message__foot" }, meta, sendNow, remove);
  const refusal = element("div", { class: "alert alert--danger" });
  const node = element(
    "article",
    { class: "message message--user", "aria-label": "You" },
    files,
    text,
    more,
    foot,
    refusal,
  );
  const countdown = createCountdown((seconds) => setText(meta, `Sends again in ${seconds} s`));
  let shown = [];
  let run_id = null;

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
    update({ message, run, position, isBehind, isLast }) {
      const isWaiting = Boolean(isLast) && message.status === "stored";
      const news = [message, run, position, isBehind, isWaiting];
      if (news.every((each, index) => each === shown[index])) return;
      shown = news;
      showText(message.text);
      setChildren(files, message.files.map(fileView));
      files.hidden = message.files.length === 0;
      const until = message.until ?? null;
      countdown.show(until);
      if (until === null) setText(meta, metaWords(message, { run, position, isBehind, isWaiting }));
      meta.hidden = meta.textContent === "";
      node.title = message.ts ? timeWords(message.ts) : "";
      node.classList.toggle("message--pending", message.status === "pending");
      node.dataset.status = isWaiting ? "waiting" : message.status;
      run_id = run?.run_id ?? null;
      remove.hidden = position === undefined;
      foot.hidden = meta.hidden && remove.hidden;
      node.dataset.turn = position === 1 && !isBehind ? "next" : "";
      sendNow.hidden = position !== 1 || !isBehind;
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

function metaWords(message, { run, position, isBehind, isWaiting }) {
  if (message.status === "pending") return "pending";
  if (isWaiting) return "sent, waiting for the assistant";
  if (run !== null && isEmpty(run)) return "Stopped before it was answered";
  if (position === undefined) return "";
  // With nothing before it in its thread it waits for a place of the user's plan.
  if (position === 1 && !isBehind) return "Waiting for your other answers to end";
  return position === 1 ? "Waiting (next)" : `Waiting (${ordinalWords(position)})`;
}

function fileView(file) {
  const size = element("span", { class: "chip__size" }, sizeWords(file.bytes));
  return element("span", { class: "chip" }, icon("file"), element("span", {}, file.name), size);
}
