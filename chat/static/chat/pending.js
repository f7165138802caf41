// What the outbox holds for a thread, as the thread shows it until the log does.

/**
 * @import {AckFrame} from "./frames.js"
 * @import {OutboxEntry} from "./outbox.js"
 * @import {Question} from "./path.js"
 *
 * @typedef {Pick<OutboxEntry, "client_id" | "thread_id" | "text" | "files" | "refusal" | "until"
 *   | "isOnlyHere"> & {status: "pending" | "refused" | "stored", message_id?: string | null,
 *   run_id?: string | null}} Pending
 * @typedef {{pending: Pending[], messages: Question[]}} Held
 */

/**
 * What is shown for a thread, given what the outbox holds; what is stored is not shown twice.
 * @param {Held} thread
 * @param {OutboxEntry[]} entries
 * @returns {Pending[]}
 */
export function pendingAfter({ pending, messages }, entries) {
  const stored = pending.filter((each) => each.status === "stored");
  const known = new Set([
    ...stored.map((each) => each.client_id),
    ...messages.map((each) => each.key),
  ]);
  const held = new Map(pending.map((each) => [each.client_id, each]));
  const unsent = entries
    .filter((each) => !known.has(each.client_id))
    .map((each) => unchanged(held.get(each.client_id), pendingOf(each)));
  return [...stored, ...unsent];
}

/**
 * The entries after the answer to one of them.
 * @param {Held} thread
 * @param {AckFrame} ack
 * @returns {Pending[]}
 */
export function acknowledged({ pending, messages }, ack) {
  const isHere = messages.some((each) => each.message_id === ack.message_id);
  if (isHere) return pending.filter((each) => each.client_id !== ack.client_id);
  const { message_id, run_id } = ack;
  return pending.map((each) =>
    each.client_id === ack.client_id ? { ...each, status: "stored", message_id, run_id } : each,
  );
}

/** @type {(entry: OutboxEntry) => Pending} */
function pendingOf(entry) {
  const { client_id, thread_id, text, files, refusal, until, isOnlyHere } = entry;
  const status = refusal ? "refused" : "pending";
  return { client_id, thread_id, text, files, refusal, until, isOnlyHere, status };
}

// The element on the screen, and the focus in it, stay with a message that is the same.
/** @type {(held: Pending | undefined, pending: Pending) => Pending} */
function unchanged(held, pending) {
  const names = /** @type {const} */ (["status", "until", "thread_id", "isOnlyHere"]);
  const isSame =
    held !== undefined &&
    names.every((name) => held[name] === pending[name]) &&
    held.refusal?.message === pending.refusal?.message;
  return isSame ? held : pending;
}
