// What the conversation shows of a thread, in order.

import { ENDED, isEmpty } from "./run.js";

/**
 * Each question of the path with its answer behind it, and what the outbox holds at the end.
 *
 * `place` is the same for all versions of a question or an answer, `key` is its own. `versions`
 * says which of them it is, null of the only one. A message whose run is queued has its `position`
 * in that line, and whether that `isBehind` an active run of the thread; `isLast` marks a message
 * behind which nothing has begun. `edit` is what its user writes in its place, `isAsked` says that
 * a further answer was asked for.
 * @returns {Array<{kind: "user"|"assistant", key: string, place: string,
 *   versions: {number: number, count: number, previous: string | null, next: string | null} | null,
 *   position?: number, isBehind?: boolean, isLast?: true}>}
 */
export function timeline(thread) {
  const lead = thread.runs[thread.lead];
  const items = lead ? [answerItem(thread, lead, { place: lead.run_id, answers: [] })] : [];
  items.push(...thread.messages.flatMap((message) => turnItems(thread, message)));
  const isBehind = activeRun(thread) !== null;
  items
    .filter((item) => item.kind === "user" && item.run?.status === "queued")
    .forEach((item, index) => {
      item.position = index + 1;
      item.isBehind = isBehind;
    });
  for (const entry of thread.pending) items.push(pendingItem(entry));
  const last = items.at(-1);
  if (last?.kind === "user" && last.run === null) last.isLast = true;
  return items;
}

/** The unfinished run that is not queued, or null; also one of a branch that is not shown. */
export function activeRun(thread) {
  const runs = Object.values(thread.runs);
  return runs.find((run) => !ENDED.has(run.status) && run.status !== "queued") ?? null;
}

function turnItems(thread, message) {
  const run = thread.runs[message.run_id] ?? null;
  const { key, message_id, answers } = message;
  const question = {
    kind: "user",
    key,
    place: `question ${message.versions[0]}`,
    versions: versionsOf(message.versions, message_id),
    message,
    run,
    edit: thread.edits[message_id] ?? null,
    isAsked: thread.again.includes(message.run_id),
  };
  // Of several answers also the one that says nothing is shown: it leads to the others.
  const isShown = run !== null && (answers.length > 1 || hasAnswer(run));
  question.isAnswered = isShown;
  if (!isShown) return [question];
  return [question, answerItem(thread, run, { place: message_id, answers })];
}

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

function pendingItem(entry) {
  const { client_id: key } = entry;
  return { kind: "user", key, place: key, versions: null, message: entry, run: null, edit: null };
}

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

function hasAnswer(run) {
  return run.status !== "queued" && !isEmpty(run);
}
