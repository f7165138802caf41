// A message of the user: stored, on its way, waiting for its turn or refused, and what can be done.

import { ENDED, isEmpty } from "../run.js";
import { createCopy, createVersions, iconButton, textButton } from "./actions.js";
import { createCountdown } from "./countdown.js";
import { createEditor } from "./editor.js";
import { element, setChildren, setText } from "./element.js";
import { icon } from "./icons.js";
import { ordinalWords, sizeWords, timeWords } from "./words.js";

// A pasted export would fill many screens: above either, a message is clipped until opened.
const CLIPPED_ABOVE_LINES = 14;
const CLIPPED_ABOVE_CHARS = 1_500;

/** One such message on the screen; its `node` stays the same as long as the message does. */
export class Question {
  #actions;
  #item = null;
  #files = element("div", { class: "row message__files" });
  #text = element("div", { class: "message__text" });
  #more = textButton("Show all", () => this.#clip(this.#text.dataset.clipped !== "true"));
  #meta = element("p", { class: "message__meta" });
  #versions;
  #copy = createCopy({ name: "Copy question", text: () => this.#item.message.text });
  #edit = iconButton({
    name: "Edit question",
    act: "edit",
    shape: "pencil",
    click: () => this.#open(),
  });
  #again = iconButton({
    name: "Answer again",
    act: "again",
    shape: "again",
    click: () => this.#actions.onAnswerAgain(this.#item.run.run_id),
  });
  #sendNow = textButton("Send now", () => this.#actions.onSendNow());
  #remove = textButton("Remove", () => this.#actions.onRemove(this.#item.run.run_id));
  #refusal = element("div", { class: "alert alert--danger" });
  #editor;
  #countdown = createCountdown((seconds) => setText(this.#meta, `Sends again in ${seconds} s`));

  /**
   * @param {object} actions
   * @param {(client_id: string) => void} actions.onRetry
   * @param {(client_id: string) => void} actions.onEdit takes an unsent message back to be changed
   * @param {(run_id: string) => void} actions.onRemove
   * @param {() => void} actions.onSendNow
   * @param {(run_id: string) => void} actions.onAnswerAgain
   * @param {(version: {message_id: string}) => void} actions.onSwitch
   * @param {(edit: {message_id: string, text: string}) => void} actions.onWriteEdit
   * @param {(message_id: string) => void} actions.onSaveEdit
   * @param {(message_id: string) => void} actions.onDropEdit
   * @param {number} actions.textLimit in code points
   */
  constructor(actions) {
    this.#actions = actions;
    this.#versions = createVersions({
      noun: "question",
      onSwitch: (message_id) => actions.onSwitch({ message_id }),
    });
    this.#editor = createEditor({
      limit: actions.textLimit,
      onWrite: (text) => actions.onWriteEdit({ message_id: this.#item.message.message_id, text }),
      onSave: () => actions.onSaveEdit(this.#item.message.message_id),
      onCancel: () => this.#leave(),
    });
    this.foot = element(
      "div",
      { class: "row actions actions--question" },
      ...[this.#meta, this.#copy.said, this.#copy.button, this.#again, this.#edit],
      ...[this.#versions.node, this.#sendNow, this.#remove],
    );
    this.node = element(
      "article",
      { class: "message message--user", "aria-label": "You" },
      ...[this.#files, this.#text, this.#more, this.#editor.node, this.foot, this.#refusal],
    );
  }

  update(item) {
    if (isSame(item, this.#item)) return;
    const { message, edit = null, position } = item;
    const hadFocus = this.#isEditing && this.#editor.node.contains(document.activeElement);
    this.#item = item;
    const isEditing = edit !== null;
    this.#showText(message.text);
    this.#text.hidden = isEditing;
    this.#more.hidden = isEditing || !isLong(message.text);
    this.#editor.update({ edit, isWaiting: position !== undefined });
    this.node.classList.toggle("message--editing", isEditing);
    setChildren(this.#files, message.files.map(fileView));
    this.#files.hidden = message.files.length === 0;
    this.node.title = message.ts ? timeWords(message.ts) : "";
    this.node.classList.toggle("message--pending", message.status === "pending");
    this.#showFoot(item);
    this.#showRefusal(message);
    if (hadFocus && !isEditing) this.#edit.focus();
  }

  get #isEditing() {
    return (this.#item?.edit ?? null) !== null;
  }

  #showFoot({ message, run, versions, position, isBehind, isLast, isAnswered, isAsked }) {
    const isInLog = message.seq !== undefined;
    const isWaiting = Boolean(isLast) && message.status === "stored";
    const until = message.until ?? null;
    this.#countdown.show(until);
    const words = metaWords(message, { run, position, isBehind, isWaiting, isAnswered });
    if (until === null) setText(this.#meta, words);
    this.#meta.hidden = this.#meta.textContent === "";
    this.node.dataset.status = isWaiting ? "waiting" : message.status;
    this.node.dataset.turn = position === 1 && !isBehind ? "next" : "";
    this.foot.hidden = this.#isEditing;
    this.foot.classList.toggle("actions--shown", position !== undefined);
    this.#versions.update(versions);
    this.#edit.hidden = !isInLog;
    const isUnanswered = run !== null && ENDED.has(run.status) && !isAnswered;
    this.#again.hidden = !isUnanswered;
    this.#again.setAttribute("aria-disabled", String(Boolean(isAsked)));
    this.#copy.button.hidden = position !== undefined;
    this.#remove.hidden = position === undefined;
    this.#sendNow.hidden = position !== 1 || !isBehind;
  }

  #open() {
    const { message_id, text } = this.#item.message;
    this.#actions.onWriteEdit({ message_id, text });
    // Not with the next drawing: a keyboard on the screen comes only with the tap.
    this.update({ ...this.#item, edit: { text, status: "open", refusal: "" } });
    this.#editor.focus();
  }

  #leave() {
    this.#actions.onDropEdit(this.#item.message.message_id);
    this.update({ ...this.#item, edit: null });
  }

  #clip(isClipped) {
    this.#text.dataset.clipped = String(isClipped);
    setText(this.#more, isClipped ? "Show all" : "Show less");
    this.#more.setAttribute("aria-expanded", String(!isClipped));
  }

  #showText(value) {
    if (this.#text.textContent === value && value !== "") return;
    setText(this.#text, value);
    this.#clip(isLong(value));
  }

  #showRefusal(message) {
    this.#refusal.hidden = message.status !== "refused";
    if (this.#refusal.hidden) return;
    const actions = [textButton("Edit", () => this.#actions.onEdit(message.client_id))];
    if (message.refusal.retryable) {
      actions.unshift(textButton("Retry", () => this.#actions.onRetry(message.client_id)));
    }
    this.#refusal.replaceChildren(icon("alert"), refusalBody(message.refusal, actions));
  }
}

function isSame(item, shown) {
  if (shown === null) return false;
  const { versions, ...rest } = item;
  return (
    Object.keys(rest).every((name) => rest[name] === shown[name]) &&
    Object.keys(shown).length === Object.keys(item).length &&
    JSON.stringify(versions) === JSON.stringify(shown.versions)
  );
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

function isLong(text) {
  return text.length > CLIPPED_ABOVE_CHARS || text.split("\n").length > CLIPPED_ABOVE_LINES;
}

function metaWords(message, { run, position, isBehind, isWaiting, isAnswered }) {
  if (message.status === "pending") return "pending";
  if (isWaiting) return "sent, waiting for the assistant";
  if (run !== null && isEmpty(run) && !isAnswered) return "Stopped before it was answered";
  if (position === undefined) return "";
  // With nothing before it in its thread it waits for a place of the user's plan.
  if (position === 1 && !isBehind) return "Waiting for your other answers to end";
  return position === 1 ? "Waiting (next)" : `Waiting (${ordinalWords(position)})`;
}

function fileView(file) {
  const size = element("span", { class: "chip__size" }, sizeWords(file.bytes));
  return element("span", { class: "chip" }, icon("file"), element("span", {}, file.name), size);
}
