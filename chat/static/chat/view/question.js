// A message of the user: stored, on its way, waiting for its turn or refused, and what can be done.

import { gettext } from "../gettext.js";
import { refusalWords } from "../refusals.js";
import { ENDED, isEmpty } from "../run.js";
import { createCopy, createVersions, iconButton, textButton } from "./actions.js";
import { createCountdown } from "./countdown.js";
import { createEditor } from "./editor.js";
import { element, setText } from "./element.js";
import { createFileList } from "./file_list.js";
import { icon } from "./icons.js";
import { markOf, waitWords } from "./waiting.js";
import { timeWords } from "./words.js";

/**
 * @import {StoredFile} from "../frames.js"
 * @import {Pending} from "../pending.js"
 * @import {Run} from "../run.js"
 * @import {UserItem} from "../timeline.js"
 * @import {MessageActions} from "./conversation.js"
 *
 * A message of the user as it may be: stored in the log, or in the outbox.
 * @typedef {Omit<Partial<Pending>, "status"> & {status: string, text: string,
 *   files: StoredFile[], seq?: number, ts?: string}} Written
 */

// A pasted export would fill many screens: above either, a message is clipped until opened.
const CLIPPED_ABOVE_LINES = 14;
const CLIPPED_ABOVE_CHARS = 1_500;

/** One such message on the screen; its `node` stays the same as long as the message does. */
export class Question {
  #actions;
  /** @type {UserItem | null} */
  #item = null;
  #files = createFileList();
  #text = element("div", { class: "message__text", dir: "auto" });
  #more = textButton(gettext("Show all"), () => this.#clip(this.#text.dataset.clipped !== "true"));
  #mark = element("span", { class: "message__mark" });
  #words = element("span");
  #meta = element("p", { class: "message__meta" }, this.#mark, this.#words);
  #versions;
  #copy = createCopy({ name: gettext("Copy question"), text: () => this.#message.text });
  #edit = iconButton({
    name: gettext("Edit question"),
    act: "edit",
    shape: "pencil",
    click: () => this.#open(),
  });
  #again = iconButton({
    name: gettext("Answer again"),
    act: "again",
    shape: "again",
    click: () => this.#actions.onAnswerAgain(this.#run_id),
  });
  #sendNow = textButton(gettext("Send now"), () => this.#actions.onSendNow(this.#run_id));
  #takeBack = textButton(gettext("Edit"), () => this.#actions.onEdit(this.#client_id));
  #remove = textButton(gettext("Remove"), () => this.#drop());
  #refusal = element("div", { class: "alert alert--danger" });
  #editor;
  #countdown = createCountdown((seconds) =>
    setText(this.#words, gettext("Sends again in %(seconds)s s", { seconds })),
  );

  /**
   * @param {Omit<MessageActions, "onDecide" | "onOlder" | "onRate">} actions
   * @param {HTMLElement} node the article that it fills
   */
  constructor(actions, node) {
    this.node = node;
    this.#actions = actions;
    this.#versions = createVersions({
      noun: "question",
      onSwitch: (message_id) => actions.onSwitch({ message_id }),
    });
    this.#editor = createEditor({
      limit: actions.textLimit,
      onWrite: (text) => actions.onWriteEdit({ message_id: this.#message_id, text }),
      onSave: () => actions.onSaveEdit(this.#message_id),
      onCancel: () => this.#leave(),
    });
    this.foot = element(
      "div",
      { class: "row actions actions--question" },
      ...[this.#meta, this.#copy.said, this.#copy.button, this.#again, this.#edit],
      ...[this.#versions.node, this.#sendNow, this.#takeBack, this.#remove],
    );
    node.append(
      ...[this.#files.node, this.#text, this.#more, this.#editor.node, this.foot, this.#refusal],
    );
  }

  /** @param {UserItem} item */
  update(item) {
    if (isSame(item, this.#item)) return;
    const { edit = null, position } = item;
    /** @type {Written} */
    const message = item.message;
    const hadFocus = this.#isEditing && this.#editor.node.contains(document.activeElement);
    this.#item = item;
    const isEditing = edit !== null;
    this.#showText(message.text);
    this.#text.hidden = isEditing;
    this.#more.hidden = isEditing || !isLong(message.text);
    this.#editor.update({ edit, isWaiting: position !== undefined });
    this.node.classList.toggle("message--editing", isEditing);
    this.#files.update(message.files);
    this.node.title = message.ts ? timeWords(message.ts) : "";
    this.node.classList.toggle("message--pending", message.status === "pending");
    this.#showFoot(item);
    this.#showRefusal(message);
    if (hadFocus && !isEditing) this.#edit.focus();
  }

  get #isEditing() {
    return (this.#item?.edit ?? null) !== null;
  }

  /** @returns {Written} */
  get #message() {
    return this.#item?.message ?? { text: "", files: [], status: "" };
  }

  get #message_id() {
    return this.#message.message_id ?? "";
  }

  get #client_id() {
    return this.#message.client_id ?? "";
  }

  get #run_id() {
    return this.#item?.run?.run_id ?? "";
  }

  /** @param {UserItem} item */
  #showFoot({ run, versions, position, isBehind, isLast, isAnswered, isAsked }) {
    const message = this.#message;
    const isInLog = message.seq !== undefined;
    const isWaiting = Boolean(isLast) && message.status === "stored";
    const until = message.until ?? null;
    this.#countdown.show(until);
    const wait = { message, run, position, isBehind, isWaiting, isAnswered };
    if (until === null) setText(this.#words, waitWords(wait));
    this.#meta.hidden = this.#words.textContent === "";
    this.#showMark(markOf(wait));
    this.node.dataset.status = isWaiting ? "waiting" : message.status;
    this.node.dataset.turn = position === 1 && !isBehind ? "next" : "";
    this.foot.hidden = this.#isEditing;
    const isOnlyHere = message.status === "pending" && Boolean(message.isOnlyHere);
    const isQueued = position !== undefined;
    this.node.dataset.waits = String(isQueued || message.status === "pending");
    this.foot.classList.toggle("actions--shown", isQueued);
    this.#versions.update(versions);
    this.#edit.hidden = !isInLog;
    const isUnanswered = run !== null && ENDED.has(run.status) && !isAnswered;
    this.#again.hidden = !isUnanswered;
    this.#again.setAttribute("aria-disabled", String(Boolean(isAsked)));
    this.#copy.button.hidden = isQueued || isOnlyHere;
    this.#takeBack.hidden = !isOnlyHere;
    this.#remove.hidden = !isQueued && !isOnlyHere;
    this.#sendNow.hidden = !isQueued || !isBehind;
  }

  // The mark says it to the eye, the words beside it to everybody.
  /** @param {string} shape */
  #showMark(shape) {
    if (this.#mark.dataset.shape === shape) return;
    this.#mark.dataset.shape = shape;
    this.#mark.replaceChildren(...(shape === "" ? [] : [icon(shape)]));
  }

  #drop() {
    if (this.#item?.position === undefined) this.#actions.onDiscard(this.#client_id);
    else this.#actions.onRemove(this.#run_id);
  }

  #open() {
    if (this.#item === null) return;
    const { text } = this.#message;
    this.#actions.onWriteEdit({ message_id: this.#message_id, text });
    // Not with the next drawing: a keyboard on the screen comes only with the tap.
    this.update({ ...this.#item, edit: { text, status: "open", refusal: "" } });
    this.#editor.focus();
  }

  #leave() {
    if (this.#item === null) return;
    this.#actions.onDropEdit(this.#message_id);
    this.update({ ...this.#item, edit: null });
  }

  /** @param {boolean} isClipped */
  #clip(isClipped) {
    this.#text.dataset.clipped = String(isClipped);
    setText(this.#more, isClipped ? gettext("Show all") : gettext("Show less"));
    this.#more.setAttribute("aria-expanded", String(!isClipped));
  }

  /** @param {string} value */
  #showText(value) {
    if (this.#text.textContent === value && value !== "") return;
    setText(this.#text, value);
    this.#clip(isLong(value));
  }

  /** @param {Written} message */
  #showRefusal({ status, client_id = "", refusal = null }) {
    this.#refusal.hidden = status !== "refused";
    if (refusal === null || this.#refusal.hidden) return;
    const actions = [
      textButton(gettext("Edit"), () => this.#actions.onEdit(client_id)),
      textButton(gettext("Remove"), () => this.#actions.onDiscard(client_id)),
    ];
    if (refusal.retryable) {
      actions.unshift(textButton(gettext("Retry"), () => this.#actions.onRetry(client_id)));
    }
    this.#refusal.replaceChildren(icon("alert"), refusalBody(refusal, actions));
  }
}

/** @type {(item: UserItem, shown: UserItem | null) => boolean} */
function isSame(item, shown) {
  if (shown === null) return false;
  const { versions, run, ...rest } = item;
  const names = /** @type {(keyof typeof rest)[]} */ (Object.keys(rest));
  return (
    names.every((name) => rest[name] === shown[name]) &&
    Object.keys(shown).length === Object.keys(item).length &&
    isSameRun(run, shown.run) &&
    JSON.stringify(versions) === JSON.stringify(shown.versions)
  );
}

// An answer that grows changes nothing about its question.
/** @type {(run: Run | null, shown: Run | null) => boolean} */
function isSameRun(run, shown) {
  if (run === null || shown === null) return run === shown;
  const isAsFull = isEmpty(run) === isEmpty(shown);
  return run.run_id === shown.run_id && run.status === shown.status && isAsFull;
}

/** @type {(refusal: {code?: string, message: string}, actions: HTMLElement[]) => HTMLElement} */
function refusalBody(refusal, actions) {
  return element(
    "div",
    { class: "alert__body" },
    element("p", { class: "alert__title" }, gettext("Not sent")),
    element("p", {}, refusalWords(refusal)),
    element("div", { class: "alert__actions" }, ...actions),
  );
}

/** @type {(text: string) => boolean} */
function isLong(text) {
  return text.length > CLIPPED_ABOVE_CHARS || text.split("\n").length > CLIPPED_ABOVE_LINES;
}
