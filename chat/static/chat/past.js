// What was said before the part of a thread that a snapshot holds: pure steps, page by page.

import { questionOf } from "./path.js";
import { runOfMessage } from "./run.js";

/**
 * @import {Message} from "./frames.js"
 * @import {Question} from "./path.js"
 * @import {Thread} from "./thread.js"
 */

/**
 * Where the page before the oldest message held begins, as the API names it.
 * @param {{messages: Question[]}} thread
 */
export function cursorOf({ messages }) {
  return messages[0]?.run_id ?? null;
}

/**
 * The thread with a page of the API before what it holds.
 * @param {Thread} thread
 * @param {{messages: Message[], next: string | null}} page
 * @returns {Thread}
 */
export function withOlder(thread, { messages, next }) {
  const held = new Set(thread.messages.map((each) => each.message_id));
  const asked = messages.filter((each) => each.role === "user" && !held.has(each.message_id));
  const answers = messages.filter((each) => each.role === "assistant").map(runOfMessage);
  const runs = Object.fromEntries(answers.map((run) => [run.run_id, run]));
  const isLeadAsked = asked.some((each) => each.run_id === thread.lead);
  return {
    ...thread,
    messages: [...asked.map((each) => questionOf(each)), ...thread.messages],
    // What is held is newer.
    runs: { ...runs, ...thread.runs },
    lead: isLeadAsked ? null : thread.lead,
    more: next !== null,
    older: "idle",
  };
}

/**
 * A thread just read from a snapshot, behind the older messages that were held of its branch.
 * @param {Thread} thread
 * @param {Thread} held
 * @returns {Thread}
 */
export function withPast(thread, held) {
  const first = thread.messages[0]?.message_id;
  const index = held.messages.findIndex((each) => each.message_id === first);
  if (index < 1 || thread.messages[0].after_run_id !== held.messages[index - 1].run_id) {
    return thread;
  }
  const past = held.messages.slice(0, index);
  const runs = past.map(({ run_id }) => [run_id, held.runs[run_id ?? ""]]);
  const known = runs.filter(([, run]) => run !== undefined);
  return {
    ...thread,
    messages: [...past, ...thread.messages],
    runs: { ...Object.fromEntries(known), ...thread.runs },
    lead: null,
    more: held.more,
  };
}
