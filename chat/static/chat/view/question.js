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

// A pasted export would fill many screens: above either, a message is clipped until opened.
const CLIPPED_ABOVE_LINES = 14;
const CLIPPED_ABOVE_CHARS = 1_500;

/** One such message on the screen; its `node` stays the same as long as the message does. */
export class Question {
  #actions;
  #item = null;
  #files = createFileList();
  #text = element("div", { class: "message__text", dir: "auto" });
  #more = textButton(gettext("Show all"), () => this.#clip(this.#text.dataset.clipped !== "true"));
  #mark = element("span", { class: "message__mark" });
  #words = element("span");
  #meta = element("p", { class: "message__meta" }, this.#mark, this.#words);
  #versions;
  #copy = createCopy({ name: gettext("Copy question"), text: () => this.#item.message.text });
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
    click: () => this.#actions.onAnswerAgain(this.#item.run.run_id),
  });
  #sendNow = textButton(gettext("Send now"), () => this.#actions.onSendNow());
  #takeBack = textButton(gettext("Edit"), () =>
    this.#actions.onEdit(this.#item.message.client_id),
  );
  #remove = textButton(gettext("Remove"), () => this.#drop());
  #refusal = element("div", { class: "alert alert--danger" });
  #editor;
  #countdown = createCountdown((seconds) =>
    setText(this.#words, gettext("Sends again in %(seconds)s s", { seconds })),
  );

  /**
   * @param {object} actions
   * @param {(client_id: string) => void} actions.onRetry
   * @param {(client_id: string) => void} actions.onEdit takes an unsent message back to be changed
   * @param {(client_id: string) => void} actions.onDiscard takes an unsent message back for good
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
      ...[this.#versions.node, this.#sendNow, this.#takeBack, this.#remove],
    );
    this.node = element(
      "article",
      { class: "message message--user", "aria-label": gettext("You") },
      ...[this.#files.node, this.#text, this.#more, this.#editor.node, this.foot, this.#refusal],
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

  #showFoot({ message, run, versions, position, isBehind, isLast, isAnswered, isAsked }) {
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
    this.#sendNow.hidden = position !== 1 || !isBehind;
  }

  // The mark says it to the eye, the words beside it to everybody.
  #showMark(shape) {
    if (this.#mark.dataset.shape === shape) return;
    this.#mark.dataset.shape = shape;
    this.#mark.replaceChildren(...(shape === "" ? [] : [icon(shape)]));
  }

  #drop() {
    const { message, position, run } = this.#item;
    if (position === undefined) this.#actions.onDiscard(message.client_id);
    else this.#actions.onRemove(run.run_id);
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
    setText(this.#more, isClipped ? gettext("Show all") : gettext("Show less"));
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
    const { client_id, refusal } = message;
    const actions = [
      textButton(gettext("Edit"), () => this.#actions.onEdit(client_id)),
      textButton(gettext("Remove"), () => this.#actions.onDiscard(client_id)),
    ];
    if (refusal.retryable) {
      actions.unshift(textButton(gettext("Retry"), () => this.#actions.onRetry(client_id)));
    }
    this.#refusal.replaceChildren(icon("alert"), refusalBody(message.refusal, actions));
  }
}

function isSame(item, shown) {
  if (shown === null) return false;
  const { versions, run, ...rest } = item;
  return (
    Object.keys(rest).every((name) => rest[name] === shown[name]) &&
    Object.keys(shown).length === Object.keys(item).length &&
    isSameRun(run, shown.run) &&
    JSON.stringify(versions) === JSON.stringify(shown.versions)
  );
}

// An answer that grows changes nothing about its question.
function isSameRun(run, shown) {
  if (run === null || shown === null) return run === shown;
  return run.run_id === shown.run_id && run.status === shown.status && isEmpty(run) === isEmpty(shown);
}

function refusalBody(refusal, actions) {
  return element(
    "div",
    { class: "alert__body" },
    element("p", { class: "alert__title" }, gettext("Not sent")),
    element("p", {}, refusalWords(refusal)),
    element("div", { class: "alert__actions" }, ...actions),
  );
}

function isLong(text) {
  return text.length > CLIPPED_ABOVE_CHARS || text.split("\n").length > CLIPPED_ABOVE_LINES;
}
