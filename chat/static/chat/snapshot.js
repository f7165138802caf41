// A snapshot made into a thread; what the page alone knows of the thread stays.

import { questionOf } from "./path.js";
import { newRun, runOfMessage, runOfSnapshot } from "./run.js";

/**
 * @import {Message, SnapshotFrame} from "./frames.js"
 * @import {Question} from "./path.js"
 * @import {Pending} from "./pending.js"
 * @import {Run} from "./run.js"
 * @import {Thread} from "./thread.js"
 */

/**
 * What a `snapshot` frame replaces of a thread.
 * @param {Thread} thread
 * @param {SnapshotFrame} frame
 * @returns {{seq: number, lead: string | null, messages: Question[], runs: Record<string, Run>,
 *   pending: Pending[]}}
 */
export function readSnapshot(thread, frame) {
  const keys = new Map(thread.messages.map((each) => [each.message_id, each.key]));
  for (const { message_id, client_id } of thread.pending) keys.set(message_id ?? "", client_id);
  const answers = frame.messages.filter((each) => each.role === "assistant");
  const questions = frame.messages.filter((each) => each.role === "user");
  const waiting = new Map(unfinishedOf(frame).map((each) => [each.message_id, each.run_id]));
  const messages = questions.map((each) => {
    const run_id = each.run_id ?? waiting.get(each.message_id);
    return questionOf({ ...each, run_id }, keys.get(each.message_id));
  });
  const asked = new Set(messages.map((each) => each.message_id));
  // Behind a question that is too old for the snapshot.
  const lead = answers.find((each) => each.question_id && !asked.has(each.question_id));
  return {
    seq: frame.seq,
    lead: lead?.run_id ?? null,
    messages,
    runs: runsOf(thread, frame, { answers, messages }),
    pending: thread.pending.filter((each) => !asked.has(each.message_id ?? "")),
  };
}

/** @type {(frame: SnapshotFrame) => {message_id: string, run_id: string}[]} */
function unfinishedOf({ active_run, queued_runs }) {
  const active = active_run?.question_id
    ? [{ message_id: active_run.question_id, run_id: active_run.run_id }]
    : [];
  return [...active, ...(queued_runs ?? [])];
}

/**
 * @param {Thread} thread
 * @param {SnapshotFrame} frame
 * @param {{answers: Message[], messages: Question[]}} shown
 */
function runsOf(thread, { active_run, queued_runs, seq }, { answers, messages }) {
  const runs = Object.fromEntries(answers.map(runOfMessage).map((run) => [run.run_id, run]));
  if (active_run) {
    runs[active_run.run_id] = runOfSnapshot(active_run, thread.runs[active_run.run_id], seq + 1);
  }
  for (const { run_id } of queued_runs ?? []) {
    runs[run_id] = { ...newRun(run_id, seq + 1), status: "queued" };
  }
  for (const message of messages) {
    const { run_id, seq: at } = message;
    // A run that has ended without an answer was stopped before it had begun one.
    if (run_id !== null) runs[run_id] ??= { ...newRun(run_id, at), status: "stopped" };
  }
  return runs;
}
