// The sends that have no final answer yet: pure steps from one list of them to the next.

import { gettext } from "./gettext.js";

/**
 * @import {AckFrame, ErrorFrame, StoredFile} from "./frames.js"
 *
 * @typedef {object} Draft what there is of an entry before it is kept
 * @property {string} client_id
 * @property {string} key
 * @property {string | null} thread_id
 * @property {string} text
 * @property {string} mode
 * @property {StoredFile[]} files
 * @property {string} [model]
 *
 * @typedef {{code: string, message: string, retryable: boolean}} Refusal
 * @typedef {Draft & {order: number, refusal: Refusal | null}} Entry
 */

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
 * @param {Entry[]} entries
 * @param {Draft} entry
 * @returns {Entry[]}
 * @throws {OutboxFull}
 */
export function added(entries, entry) {
  if (entries.length >= ENTRIES_MAX) throw new OutboxFull();
  return [...entries, { ...entry, order: nextOrder(entries), refusal: null }];
}

/**
 * The list after the final answer to one of its entries; an `ack` names the thread of others.
 * @param {Entry[]} entries
 * @param {AckFrame | ErrorFrame} frame
 * @returns {Entry[]}
 */
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

/**
 * The list after a thread that had only a local name got its id.
 * @param {Entry[]} entries
 * @param {string} key
 * @param {string} thread_id
 */
export function named(entries, key, thread_id) {
  if (!entries.some((each) => each.key === key)) return entries;
  return entries.map((each) => (each.key === key ? { ...each, key: thread_id, thread_id } : each));
}

/**
 * The list with a refused entry at its end, to be sent again.
 * @param {Entry[]} entries
 * @param {string} client_id
 * @returns {Entry[]}
 */
export function retried(entries, client_id) {
  const entry = entries.find((each) => each.client_id === client_id);
  if (!entry?.refusal) return entries;
  return [
    ...withdrawn(entries, client_id),
    { ...entry, order: nextOrder(entries), refusal: null },
  ];
}

/**
 * The list without an entry that the user has taken back.
 * @param {Entry[]} entries
 * @param {string} client_id
 */
export function withdrawn(entries, client_id) {
  return entries.filter((each) => each.client_id !== client_id);
}

/**
 * The frame that sends an entry.
 * @param {Entry} entry
 */
export function frameOf({ client_id, thread_id, text, mode, files, model }) {
  const frame = { type: "send", client_id, thread_id, text, mode, ...choice(model) };
  return files.length > 0 ? { ...frame, files: files.map((each) => each.file_id) } : frame;
}

/**
 * The field of a frame that chooses another model for its thread.
 * @param {string} [model]
 */
export function choice(model) {
  return model === undefined ? {} : { model };
}

/** @type {(entries: Entry[]) => number} */
function nextOrder(entries) {
  return (entries.at(-1)?.order ?? 0) + 1;
}

/** @type {(frame: ErrorFrame) => Refusal} */
function refusalOf({ code, message, retryable }) {
  return { code, message, retryable };
}
