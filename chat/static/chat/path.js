// The branch of a thread that is shown: its questions, each with the answer after which the next
// one was asked. Pure steps from one path to the next; null where only a snapshot can tell.

/** @import {Message, StoredFile} from "./frames.js" */

/**
 * @typedef {object} Question
 * @property {string} key
 * @property {string} message_id
 * @property {string} text
 * @property {StoredFile[]} files
 * @property {string | null} after_run_id
 * @property {string | null} run_id
 * @property {string[]} versions
 * @property {string[]} answers
 * @property {number} seq
 * @property {string} ts
 * @property {"stored"} status
 */

/**
 * A question of the path. `key` names its element on the screen, from the outbox to the log;
 * `versions` are the questions with the same place in the thread, `answers` the runs that answer
 * this one, both oldest first and with itself; `run_id` is the answer that is shown.
 * @param {Omit<Message, "role" | "status">} message
 * @param {string} [key]
 * @returns {Question}
 */
export function questionOf(message, key = message.message_id) {
  const run_id = message.run_id ?? null;
  return {
    key,
    message_id: message.message_id,
    text: message.text,
    files: message.files ?? [],
    after_run_id: message.after_run_id ?? null,
    run_id,
    versions: message.versions ?? [message.message_id],
    answers: message.answers ?? (run_id === null ? [] : [run_id]),
    seq: message.seq,
    ts: message.ts,
    status: "stored",
  };
}

/**
 * The path with one more question, which cuts off what stood in its place: a branch of its own.
 * What waits there is not cut off: the question has overtaken it.
 * @param {{lead: string | null, messages: Question[]}} path `lead` is an answer before the first
 *   question that is held
 * @param {Question} question
 * @param {(question: Question) => boolean} isWaiting
 * @returns {Question[] | null}
 */
export function withQuestion({ lead, messages }, question, isWaiting) {
  const after = question.after_run_id;
  const isFirst = after === null || after === lead;
  const known = isFirst ? messages : withEnd(messages, after);
  const end = isFirst ? 0 : known.findIndex((each) => each.run_id === after) + 1;
  if (end === 0 && !isFirst) return null;
  const kept = known.slice(0, end);
  const rest = known.slice(end);
  const [older] = rest;
  if (older === undefined) return [...kept, question];
  if (older.after_run_id !== after) return null; // the thread's beginning is not held
  const isOvertaken = isWaiting(older);
  const others = older.versions.filter((each) => !isOvertaken || each !== older.message_id);
  const version = { ...question, versions: [...others, question.message_id] };
  return isOvertaken ? [...kept, version, ...rest] : [...kept, version];
}

/**
 * The path once a run is known to answer a question of it: the first one is shown.
 * @param {Question[]} messages
 * @param {{message_id: string, run_id: string}} answer
 */
export function withAnswer(messages, { message_id, run_id }) {
  return changed(messages, message_id, (question) => ({
    ...question,
    run_id: question.run_id ?? run_id,
    answers: added(question.answers, run_id),
  }));
}

/**
 * The path that ends in a further answer to one of its questions.
 * @param {Question[]} messages
 * @param {{message_id: string, run_id: string}} answer
 * @returns {Question[] | null}
 */
export function withFurtherAnswer(messages, { message_id, run_id }) {
  const index = messages.findIndex((each) => each.message_id === message_id);
  const question = messages[index];
  if (question === undefined || question.answers.includes(run_id)) return null;
  const answers = [...question.answers, run_id];
  return [...messages.slice(0, index), { ...question, run_id, answers }];
}

/**
 * The path after a waiting question was told to follow the one before it, which has overtaken it;
 * null where those that wait were put in another order.
 * @param {Question[]} messages
 * @param {{message_id: string, after_run_id?: string}} move
 * @returns {Question[] | null}
 */
export function withMoved(messages, { message_id, after_run_id }) {
  const index = messages.findIndex((each) => each.message_id === message_id);
  const urgent = messages[index - 1];
  if (urgent === undefined || after_run_id === undefined) return null;
  if ((urgent.run_id ?? after_run_id) !== after_run_id) return null;
  const moved = { ...messages[index], after_run_id, versions: [message_id] };
  const before = withEnd(messages.slice(0, index), after_run_id);
  return [...before, moved, ...messages.slice(index + 1)];
}

/**
 * The path with another text for one of its questions.
 * @param {Question[]} messages
 * @param {{message_id: string, text: string}} edit
 */
export function withText(messages, { message_id, text }) {
  return changed(messages, message_id, (question) => ({ ...question, text }));
}

// The run of a question that has only just been asked is told by what follows it.
/** @type {(messages: Question[], run_id: string) => Question[]} */
function withEnd(messages, run_id) {
  const last = messages.at(-1);
  if (last?.run_id !== null) return messages;
  return withAnswer(messages, { message_id: last.message_id, run_id });
}

/**
 * @type {(all: Question[], message_id: string, change: (one: Question) => Question) => Question[]}
 */
function changed(messages, message_id, change) {
  return messages.map((each) => (each.message_id === message_id ? change(each) : each));
}

/** @type {(list: string[], value: string) => string[]} */
function added(list, value) {
  return list.includes(value) ? list : [...list, value];
}
