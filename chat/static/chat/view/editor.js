// A question being changed where it stands; what is typed is kept with its thread.

import { gettext } from "../gettext.js";
import { countPoints } from "../text.js";
import { textButton } from "./actions.js";
import { element, setText } from "./element.js";
import { numberWords } from "./words.js";

/** @import {Edit} from "../edits.js" */

const COUNTER_FROM = 0.8; // of the limit
const HEIGHT_MAX_PX = 400;
const SENDING = gettext("Sending… It is kept here until the server has it.");
let count = 0; // makes the ids of notes

/** @type {(length: number, limit: number) => string} */
function counterWords(length, limit) {
  const values = { count: numberWords(length), limit: numberWords(limit) };
  return gettext("%(count)s of %(limit)s", values);
}

/**
 * @param {object} options
 * @param {number} options.limit in code points
 * @param {(text: string) => void} options.onWrite
 * @param {() => void} options.onSave
 * @param {() => void} options.onCancel
 */
export function createEditor({ limit, onWrite, onSave, onCancel }) {
  count += 1;
  const noteId = `edit-note-${count}`;
  /** @type {HTMLTextAreaElement} */
  const text = element("textarea", {
    class: "editor__text",
    rows: "1",
    "aria-label": gettext("Edit your message"),
    "aria-describedby": noteId,
    input: () => onWrite(text.value),
  });
  const note = element("p", { class: "editor__note", id: noteId, role: "status" });
  const counter = element("span", { class: "composer__counter" });
  const cancel = textButton(gettext("Cancel"), onCancel);
  const save = textButton(gettext("Save"), submit);
  save.classList.add("button--primary");
  const buttons = element("div", { class: "editor__buttons" }, cancel, save);
  const row = element("div", { class: "editor__row" }, counter, buttons);
  const node = element("div", { class: "editor", "data-act": "edit", keydown }, text, note, row);

  function submit() {
    if (save.getAttribute("aria-disabled") === "false") onSave();
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation(); // Escape also stops a run
      onCancel();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  }

  function fit() {
    if (text.scrollHeight === 0) return; // not on the screen yet
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, HEIGHT_MAX_PX)}px`;
  }

  return {
    node,
    focus() {
      text.focus();
      text.setSelectionRange(text.value.length, text.value.length);
      fit();
    },
    /** @param {{edit: Edit | null, isWaiting: boolean}} item null closes it */
    update({ edit, isWaiting }) {
      node.hidden = edit === null;
      if (edit === null) return;
      const length = countPoints(edit.text);
      const isSent = edit.status === "sent";
      if (text.value !== edit.text) text.value = edit.text;
      text.readOnly = isSent;
      text.setAttribute("aria-invalid", String(length > limit || edit.status === "refused"));
      setText(note, isSent ? SENDING : edit.refusal);
      note.hidden = note.textContent === "";
      note.classList.toggle("field__error", edit.status === "refused");
      setText(counter, counterWords(length, limit));
      counter.hidden = length < limit * COUNTER_FROM;
      counter.classList.toggle("field__error", length > limit);
      setText(save, isWaiting ? gettext("Save") : gettext("Send as a new version"));
      const isRefused = edit.text.trim() === "" || length > limit;
      save.setAttribute("aria-disabled", String(isSent || isRefused));
      fit();
    },
  };
}
