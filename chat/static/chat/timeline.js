// What the conversation shows of a thread, in order.

import { ENDED, isEmpty } from "./run.js";

/**
 * @import {Edit} from "./edits.js"
 * @import {Question} from "./path.js"
 * @import {Pending} from "./pending.js"
 * @import {Run} from "./run.js"
 * @import {Thread} from "./thread.js"
 *
 * @typedef {{number: number, count: number, previous: string | null, next: string | null}} Versions
 *
 * @typedef {object} UserItem
 * @property {"user"} kind
 * @property {string} key
 * @property {string} place
 * @property {Versions | null} versions
 * @property {Question | Pending} message
 * @property {Run | null} run
 * @property {Edit | null} edit
 * @property {boolean} [isAsked]
 * @property {boolean} [isAnswered]
 * @property {number} [position]
 * @property {boolean} [isBehind]
 * @property {true} [isLast]
 *
 * @typedef {object} AnswerItem
 * @property {"assistant"} kind
 * @property {string} key
 * @property {string} place
 * @property {Versions | null} versions
 * @property {Run} run
 * @property {boolean} isAsked
 *
 * @typedef {UserItem | AnswerItem} Item
 */

/**
 * Each question of the path with its answer behind it, and what the outbox holds at the end.
 *
 * `place` is the same for all versions of a question or an answer, `key` is its own. `versions`
 * says which of them it is, null of the only one. A message whose run is queued has its `position`
 * in that line, and whether that `isBehind` an active run of the thread; `isLast` marks a message
 * behind which nothing has begun. `edit` is what its user writes in its place, `isAsked` says that
 * a further answer was asked for.
 * @param {Thread} thread
 * @returns {Item[]}
 */
export function timeline(thread) {
  const lead = thread.lead === null ? undefined : thread.runs[thread.lead];
  /** @type {Item[]} */
  const items = lead ? [answerItem(thread, lead, { place: lead.run_id, answers: [] })] : [];
  items.push(...thread.messages.flatMap((message) => turnItems(thread, message)));
  const isBehind = activeRun(thread) !== null;
  items
    .filter((item) => item.kind === "user")
    .filter((item) => item.run?.status === "queued")
    .forEach((item, index) => {
      item.position = index + 1;
      item.isBehind = isBehind;
    });
  for (const entry of thread.pending) items.push(pendingItem(entry));
  const last = items.at(-1);
  if (last?.kind === "user" && last.run === null) last.isLast = true;
  return items;
}

/**
 * The unfinished run that is not queued, or null; also one of a branch that is not shown.
 * @param {Thread} thread
 */
export function activeRun(thread) {
  const runs = Object.values(thread.runs);
  return runs.find((run) => !ENDED.has(run.status) && run.status !== "queued") ?? null;
}

/** @type {(thread: Thread, message: Question) => Item[]} */
function turnItems(thread, message) {
  const { key, message_id, run_id, answers } = message;
  const run = run_id === null ? null : (thread.runs[run_id] ?? null);
  /** @type {UserItem} */
  const question = {
    kind: "user",
    key,
    place: `question ${message.versions[0]}`,
    versions: versionsOf(message.versions, message_id),
    message,
    run,
    edit: thread.edits[message_id] ?? null,
    isAsked: run_id !== null && thread.again.includes(run_id),
  };
  // Of several answers also the one that says nothing is shown: it leads to the others.
  const isShown = run !== null && (answers.length > 1 || hasAnswer(run));
  question.isAnswered = isShown;
  if (!isShown) return [question];
  return [question, answerItem(thread, run, { place: message_id, answers })];
}

/** @type {(thread: Thread, run: Run, where: {place: string, answers: string[]}) => AnswerItem} */
function answerItem(thread, run, { place, answers }) {
  return {
    kind: "assistant",
    key: run.run_id,
    place: `answer ${place}`,
    versions: versionsOf(answers, run.run_id),
    run,
    isAsked: thread.again.includes(run.run_id),
  };
}

/** @type {(entry: Pending) => UserItem} */
function pendingItem(entry) {
  const { client_id: key } = entry;
  return { kind: "user", key, place: key, versions: null, message: entry, run: null, edit: null };
}

/** @type {(ids: string[], id: string) => Versions | null} */
function versionsOf(ids, id) {
  if (ids.length < 2) return null;
  const index = ids.indexOf(id);
  return {
    number: index + 1,
    count: ids.length,
    previous: ids[index - 1] ?? null,
    next: ids[index + 1] ?? null,
  };
}

/** @type {(run: Run) => boolean} */
function hasAnswer(run) {
  return run.status !== "queued" && !isEmpty(run);
}
