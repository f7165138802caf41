// What the user writes in the place of a question: kept with its thread until the server has it.

/**
 * @import {Thread} from "./thread.js"
 *
 * @typedef {{text: string, status: "open" | "sent" | "refused", refusal: string}} Edit
 */

/**
 * The thread with what is written in a question's place; begins to write there.
 * @param {Thread} thread
 * @param {{message_id: string, text: string}} edit
 */
export function writeEdit(thread, { message_id, text }) {
  return withEdit(thread, message_id, { text, status: "open", refusal: "" });
}

/**
 * The thread after an edit was sent, or refused with a sentence for the user; it stays open.
 * @param {Thread} thread
 * @param {{message_id: string}} edit
 */
export function sendEdit(thread, { message_id }) {
  const edit = thread.edits[message_id];
  if (edit === undefined) return thread;
  return withEdit(thread, message_id, { ...edit, status: "sent", refusal: "" });
}

/** @type {(thread: Thread, edit: {message_id: string, refusal: string}) => Thread} */
export function refuseEdit(thread, { message_id, refusal }) {
  const edit = thread.edits[message_id];
  if (edit === undefined) return thread;
  return withEdit(thread, message_id, { ...edit, status: "refused", refusal });
}

/**
 * The thread without an edit that was stored or given up.
 * @param {Thread} thread
 * @param {{message_id: string}} edit
 * @returns {Thread}
 */
export function closeEdit(thread, { message_id }) {
  if (thread.edits[message_id] === undefined) return thread;
  const { [message_id]: _, ...edits } = thread.edits;
  return { ...thread, edits };
}

/** @type {(thread: Thread, message_id: string, edit: Edit) => Thread} */
function withEdit(thread, message_id, edit) {
  return { ...thread, edits: { ...thread.edits, [message_id]: edit } };
}
