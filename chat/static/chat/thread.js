// One thread as the page knows it: pure functions from a thread and a frame to the next thread.

import {
  questionOf,
  withAnswer,
  withFurtherAnswer,
  withMoved,
  withQuestion,
  withText,
} from "./path.js";
import { withPast } from "./past.js";
import { acknowledged, pendingAfter } from "./pending.js";
import { applyDelta, applyEvent, newRun, withChoice } from "./run.js";
import { readSnapshot } from "./snapshot.js";

/**
 * @import {Edit} from "./edits.js"
 * @import {AckFrame, DeltaFrame, EventsFrame, SnapshotFrame, ThreadEvent} from "./frames.js"
 * @import {OutboxEntry} from "./outbox.js"
 * @import {Question} from "./path.js"
 * @import {Pending} from "./pending.js"
 * @import {Run} from "./run.js"
 *
 * @typedef {object} Thread
 * @property {string | null} thread_id
 * @property {number | null} seq
 * @property {number} heard
 * @property {"resume" | "snapshot" | null} wants
 * @property {boolean} isStale
 * @property {boolean} asked
 * @property {number | null} behind
 * @property {boolean} missing
 * @property {boolean} more
 * @property {"idle" | "loading" | "failed"} older
 * @property {string | null} lead
 * @property {Question[]} messages
 * @property {Record<string, Run>} runs
 * @property {Pending[]} pending
 * @property {Record<string, Edit>} edits
 * @property {string[]} again
 * @property {{code?: string, message: string} | null} notice
 * @property {string | null} model
 */

/**
 * A thread nothing is known of yet; `thread_id` is null until the server has made it.
 * `seq` is the last event applied, null before the first snapshot; `heard` is the highest that the
 * server has named over this connection.
 * `wants` is what the page should ask for: null, "resume" (after `seq`) or "snapshot"; while it
 * `isStale` only a snapshot will do.
 * `messages` are the questions of the branch that is shown, `runs` all runs that were heard of.
 * @param {string | null} thread_id
 * @param {number | null} [seq]
 * @returns {Thread}
 */
export function newThread(thread_id, seq = null) {
  return {
    thread_id,
    seq,
    heard: 0,
    wants: null,
    isStale: false,
    asked: false,
    behind: null,
    missing: false,
    more: false, // there are older messages than those held
    older: "idle", // "loading" while they are asked for, "failed" when they did not come
    lead: null, // the run whose answer stands before the first message
    messages: [],
    runs: {},
    pending: [],
    edits: {}, // see edits.js
    again: [], // runs to whose questions a further answer was asked for
    notice: null,
    model: null, // what the user chose to be answered by; null for the default
  };
}

/**
 * The thread after an `events` frame: next is applied, old dropped, a gap asks for the log.
 * @param {Thread} thread
 * @param {EventsFrame} frame
 * @returns {Thread}
 */
export function applyEvents(thread, frame) {
  if (thread.seq === null) return thread;
  const heard = Math.max(thread.heard, frame.events.at(-1)?.seq ?? 0);
  let next = { ...thread, seq: thread.seq, heard, asked: false };
  for (const event of frame.events) {
    if (event.seq <= next.seq) continue;
    if (event.seq > next.seq + 1) return wanting(next, "resume");
    next = { ...applyNext(next, event), seq: event.seq };
  }
  return next;
}

/**
 * The thread after a `delta` frame; a hole in the text asks for the log again.
 * @param {Thread} thread
 * @param {DeltaFrame} delta
 * @returns {Thread}
 */
export function applyTextDelta(thread, delta) {
  if (thread.seq === null) return thread;
  const known = thread.runs[delta.run_id] ?? newRun(delta.run_id, thread.seq + 1);
  const { run, hole } = applyDelta(known, delta);
  const next = run === thread.runs[run.run_id] ? thread : withRun(thread, run);
  if (hole) return wanting(next, "resume");
  return delta.offset === 0 ? { ...next, asked: false } : next;
}

/**
 * The thread that a `snapshot` frame tells of; what waits in the outbox stays.
 * One from before what was applied is late, but from a server that has never named that position.
 * @param {Thread} thread
 * @param {SnapshotFrame} frame
 * @returns {Thread}
 */
export function applySnapshot(thread, frame) {
  if (frame.seq < Math.min(thread.seq ?? 0, thread.heard)) return thread;
  const { edits, again, notice } = thread;
  const next = {
    ...newThread(frame.thread_id),
    ...readSnapshot(thread, frame),
    heard: frame.seq,
    more: frame.more ?? false,
    older: thread.older,
    model: frame.model ?? null,
    edits,
    again,
    notice,
  };
  return withPast(next, thread);
}

/**
 * The thread after the user decided about a call, or after the server refused that.
 * @param {Thread} thread
 * @param {{run_id: string, call_id: string, decision: string | null}} choice
 */
export function applyChoice(thread, choice) {
  const run = thread.runs[choice.run_id];
  return run === undefined ? thread : withRun(thread, withChoice(run, choice));
}

/**
 * The thread after a pong named its head: behind twice at the same place asks for the log.
 * @param {Thread} thread
 * @param {number} head
 * @returns {Thread}
 */
export function applyHead(thread, head) {
  const next = { ...thread, heard: Math.max(thread.heard, head), asked: false };
  // Of a thread whose snapshot is still to come, even its beginning is missing.
  const at = thread.seq ?? -1;
  if (head <= at) return { ...next, behind: null };
  if (thread.behind !== at) return { ...next, behind: at };
  const wants = thread.seq === null ? "snapshot" : "resume";
  return wanting({ ...next, behind: null }, wants);
}

/**
 * The thread on a new connection, of which nothing was asked or heard so far.
 * @param {Thread} thread
 * @returns {Thread}
 */
export function heardNothing(thread) {
  return { ...thread, heard: 0, asked: false, behind: null };
}

/**
 * The thread after the answer to one of its sends.
 * @param {Thread} thread
 * @param {AckFrame} ack
 */
export function applyAck(thread, ack) {
  const next = { ...thread, pending: acknowledged(thread, ack) };
  // A duplicate was stored over an earlier connection, and its events with it.
  return ack.duplicate ? wanting(next, "resume") : next;
}

/**
 * The thread with what the outbox holds for it; what is stored already is not shown twice.
 * @param {Thread} thread
 * @param {OutboxEntry[]} entries
 * @returns {Thread}
 */
export function applyOutbox(thread, entries) {
  const pending = pendingAfter(thread, entries);
  const isSame =
    pending.length === thread.pending.length &&
    pending.every((each, index) => each === thread.pending[index]);
  return isSame ? thread : { ...thread, pending };
}

/**
 * The thread after a further answer was asked for, or after that was answered.
 * @param {Thread} thread
 * @param {{run_id: string, isAsked: boolean}} again
 * @returns {Thread}
 */
export function applyAgain(thread, { run_id, isAsked }) {
  const others = thread.again.filter((each) => each !== run_id);
  return { ...thread, again: isAsked ? [...others, run_id] : others };
}

/**
 * Asks once; what was asked for and not yet answered is not asked for again.
 * @param {Thread} thread
 * @param {"resume" | "snapshot"} wants
 * @returns {Thread}
 */
export function wanting(thread, wants) {
  const isStale = thread.isStale || wants === "snapshot";
  if (thread.asked) return isStale === thread.isStale ? thread : { ...thread, isStale };
  return { ...thread, isStale, wants: isStale ? "snapshot" : wants };
}

/** @type {(thread: Thread, event: ThreadEvent) => Thread} */
function applyNext(thread, event) {
  const { type, run_id } = event;
  const step = run_id === null || isQuestion(event) ? PATH_STEPS[type] : undefined;
  if (step !== undefined) return step(thread, event);
  return run_id === null ? thread : withRunEvent(thread, { ...event, run_id });
}

/** @type {(event: ThreadEvent) => boolean} */
function isQuestion({ type, data }) {
  return type === "message_created" && data.role === "user";
}

// What happens to the path, and to no run.
/** @type {Record<string, (thread: Thread, event: ThreadEvent) => Thread>} */
const PATH_STEPS = {
  message_created: withMessage,
  message_edited: (thread, { data }) => ({ ...thread, messages: withText(thread.messages, data) }),
  message_moved: (thread, { data }) => {
    const messages = withMoved(thread.messages, data);
    return messages === null ? wanting(thread, "snapshot") : { ...thread, messages };
  },
  branch_selected: (thread, event) => {
    const messages = withFurtherAnswer(thread.messages, event.data);
    if (messages === null) return wanting(thread, "snapshot");
    const run = thread.runs[event.data.run_id] ?? newRun(event.data.run_id, event.seq);
    return withRun({ ...thread, messages }, run);
  },
  limit_reached: (thread, { data }) => ({ ...thread, notice: data }),
};

/** @type {(thread: Thread, event: ThreadEvent & {run_id: string}) => Thread} */
function withRunEvent(thread, event) {
  const { type, data, run_id } = event;
  const message_id = type === "run_queued" ? data.message_id : data.question_id;
  const messages = message_id
    ? withAnswer(thread.messages, { message_id, run_id })
    : thread.messages;
  const notice = type === "limit_reached" ? data : thread.notice;
  const run = applyEvent(thread.runs[run_id] ?? newRun(run_id, event.seq), event);
  const next = withRun({ ...thread, messages, notice }, run);
  const misfit = type === "message_completed" && data.length !== run.length;
  return misfit ? wanting(next, "snapshot") : next;
}

/** @type {(thread: Thread, event: ThreadEvent) => Thread} */
function withMessage(thread, event) {
  const { data } = event;
  /** @type {(each: Pending) => boolean} */
  const answered = (each) =>
    each.client_id === data.client_id || each.message_id === data.message_id;
  const sent = thread.pending.find(answered);
  const run_id = event.run_id ?? sent?.run_id ?? null;
  const key = sent?.client_id ?? data.client_id;
  const question = questionOf({ ...data, run_id, seq: event.seq, ts: event.ts }, key);
  /** @type {(each: Question) => boolean} */
  const isWaiting = (each) => thread.runs[each.run_id ?? ""]?.status === "queued";
  const messages = withQuestion(thread, question, isWaiting);
  if (messages === null) return wanting(thread, "snapshot");
  return {
    ...thread,
    messages,
    lead: question.after_run_id === null ? null : thread.lead,
    notice: null,
    pending: thread.pending.filter((each) => each !== sent),
  };
}

/** @type {(thread: Thread, run: Run) => Thread} */
function withRun(thread, run) {
  return { ...thread, runs: { ...thread.runs, [run.run_id]: run } };
}
