// What the user writes in the place of a question: kept with its thread until the server has it.

/**
 * The thread with what is written in a question's place; begins to write there.
 * An edit is {text, status: "open" | "sent" | "refused", refusal} by the question's message_id.
 */
export function writeEdit(thread, { message_id, text }) {
  return withEdit(thread, message_id, { text, status: "open", refusal: "" });
}

/** The thread after an edit was sent, or refused with a sentence for the user; it stays open. */
export function sendEdit(thread, { message_id }) {
  const edit = thread.edits[message_id];
  if (edit === undefined) return thread;
  return withEdit(thread, message_id, { ...edit, status: "sent", refusal: "" });
}

export function refuseEdit(thread, { message_id, refusal }) {
  const edit = thread.edits[message_id];
  if (edit === undefined) return thread;
  return withEdit(thread, message_id, { ...edit, status: "refused", refusal });
}

/** The thread without an edit that was stored or given up. */
export function closeEdit(thread, { message_id }) {
  if (thread.edits[message_id] === undefined) return thread;
  const { [message_id]: _, ...edits } = thread.edits;
  return { ...thread, edits };
}

function withEdit(thread, message_id, edit) {
  return { ...thread, edits: { ...thread.edits, [message_id]: edit } };
}
