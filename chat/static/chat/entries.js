// The sends that have no final answer yet: pure steps from one list of them to the next.

import { gettext } from "./gettext.js";

// Of one user, in all windows of a browser. At the 64 KiB of a frame that is 13 MB on its disk.
export const ENTRIES_MAX = 200;

/** The list holds as many entries as it may; the message is for the user. */
export class OutboxFull extends Error {
  constructor() {
    super(
      gettext(
        "%(count)s messages wait to be sent already. Send this one when some have gone.",
        { count: ENTRIES_MAX },
      ),
    );
    this.name = "OutboxFull";
  }
}

/**
 * The list with one more entry at its end.
 * An entry is {client_id, key, thread_id, text, mode, files, model, order, refusal}; `model` is
 * there where another one was chosen. `key` names the thread on the page: its id, or a local name
 * while its first message has no answer. `refusal` is null, or {code, message, retryable} of an
 * entry that only the user can send again.
 * @throws {OutboxFull}
 */
export function added(entries, entry) {
  if (entries.length >= ENTRIES_MAX) throw new OutboxFull();
  return [...entries, { ...entry, order: nextOrder(entries), refusal: null }];
}

/** The list after the final answer to one of its entries; an `ack` names the thread of others. */
export function answered(entries, frame) {
  const entry = entries.find((each) => each.client_id === frame.client_id);
  if (entry === undefined) return entries;
  if (frame.type === "error") {
    const refused = { ...entry, refusal: refusalOf(frame) };
    return entries.map((each) => (each === entry ? refused : each));
  }
  const others = entries.filter((each) => each !== entry);
  return entry.thread_id === null ? named(others, entry.key, frame.thread_id) : others;
}

/** The list after a thread that had only a local name got its id. */
export function named(entries, key, thread_id) {
  if (!entries.some((each) => each.key === key)) return entries;
  return entries.map((each) => (each.key === key ? { ...each, key: thread_id, thread_id } : each));
}

/** The list with a refused entry at its end, to be sent again. */
export function retried(entries, client_id) {
  const entry = entries.find((each) => each.client_id === client_id);
  if (!entry?.refusal) return entries;
  return [
    ...withdrawn(entries, client_id),
    { ...entry, order: nextOrder(entries), refusal: null },
  ];
}

/** The list without an entry that the user has taken back. */
export function withdrawn(entries, client_id) {
  return entries.filter((each) => each.client_id !== client_id);
}

/** The frame that sends an entry. */
export function frameOf({ client_id, thread_id, text, mode, files, model }) {
  const frame = { type: "send", client_id, thread_id, text, mode, ...choice(model) };
  return files.length > 0 ? { ...frame, files: files.map((each) => each.file_id) } : frame;
}

/** The field of a frame that chooses another model for its thread. */
export function choice(model) {
  return model === undefined ? {} : { model };
}

function nextOrder(entries) {
  return (entries.at(-1)?.order ?? 0) + 1;
}

function refusalOf({ code, message, retryable }) {
  return { code, message, retryable };
}
