// One run as the page knows it: pure functions from a run and a piece of news to the next run.

import { countPoints, indexOfPoint } from "./text.js";

/**
 * @import {ActiveRun, Citation, DeltaFrame, Fault, Feedback, Json, Message, ThreadEvent, ToolCall,
 *   Usage} from "./frames.js"
 */

/**
 * `progress` is what a tool that runs said last, `choice` what this page has asked for.
 * @typedef {ToolCall & {progress: string, decision: string | null, choice: string | null}} Call
 *
 * @typedef {object} Run
 * @property {string} run_id
 * @property {number} seq
 * @property {string} agent_name
 * @property {string} model
 * @property {string} status queued, running, waiting, completed, stopped, failed or limit
 * @property {number} attempt
 * @property {number} textAttempt
 * @property {string} text
 * @property {number} length in code points
 * @property {string} thinking
 * @property {number | null} thought_ms
 * @property {Call[]} calls
 * @property {Citation[]} citations
 * @property {string | null} message_id
 * @property {string | null} sha256
 * @property {Fault | null} error
 * @property {Usage | null} usage
 * @property {Feedback | null} feedback
 * @property {string | null} started_at
 * @property {string | null} ended_at
 */

/** The states a run never leaves. */
export const ENDED = new Set(["completed", "stopped", "failed", "limit"]);

/**
 * A run nothing is known of yet.
 * `textAttempt` belongs to the text: the first delta of a higher attempt cuts it (DESIGN 4d).
 * @param {string} run_id
 * @param {number} seq
 * @returns {Run}
 */
export function newRun(run_id, seq) {
  return {
    run_id,
    seq,
    agent_name: "",
    model: "",
    status: "running",
    attempt: 1,
    textAttempt: 0,
    text: "",
    length: 0,
    thinking: "",
    thought_ms: null, // from the start to the last thought
    calls: [],
    citations: [],
    message_id: null,
    sha256: null,
    error: null,
    usage: null,
    feedback: null, // what the user thinks of it: {rating, reason}
    started_at: null,
    ended_at: null,
  };
}

/**
 * The run after one event of the log; events that are not about runs leave it as it is.
 * @param {Run} run
 * @param {ThreadEvent} event
 * @returns {Run}
 */
export function applyEvent(run, event) {
  const apply = EVENTS[event.type];
  return apply ? { ...run, ...apply(run, event.data, event) } : run;
}

/**
 * The run after a delta, and whether text is missing before it.
 * @param {Run} run
 * @param {DeltaFrame} delta
 * @returns {{run: Run, hole: boolean}}
 */
export function applyDelta(run, delta) {
  if (ENDED.has(run.status) || run.message_id !== null || delta.attempt < run.textAttempt) {
    return { run, hole: false };
  }
  if (delta.offset > run.length) return { run, hole: true };
  const cut = delta.attempt > run.textAttempt ? delta.offset : run.length;
  const kept = cut === run.length ? run.text : run.text.slice(0, indexOfPoint(run.text, cut));
  const known = cut - delta.offset;
  const fresh = delta.text.slice(indexOfPoint(delta.text, known));
  const next = {
    ...run,
    textAttempt: delta.attempt,
    text: kept + fresh,
    length: cut + countPoints(fresh),
  };
  return { run: next, hole: false };
}

/**
 * The run after the user decided about one of its calls, or after the server refused that.
 * @param {Run} run
 * @param {{call_id: string, decision: string | null}} choice
 * @returns {Run}
 */
export function withChoice(run, { call_id, decision }) {
  return { ...run, calls: upsertCall(run.calls, { call_id, choice: decision }) };
}

/**
 * Whether a run ended before there was anything of it to show.
 * @param {Run} run
 */
export function isEmpty(run) {
  const { status, message_id, text, calls } = run;
  return status === "stopped" && message_id === null && text === "" && calls.length === 0;
}

/**
 * The run that a snapshot's assistant message tells of.
 * @param {Message} message
 * @returns {Run}
 */
export function runOfMessage(message) {
  const calls = (message.tool_calls ?? []).map(callOf);
  return {
    ...newRun(message.run_id ?? message.message_id, message.seq),
    model: message.model ?? "",
    status: message.status,
    message_id: message.message_id,
    text: message.text,
    length: countPoints(message.text),
    thinking: message.thinking ?? "",
    thought_ms: message.thought_ms ?? null,
    calls,
    citations: citationsIn(calls),
    error: message.error ?? null,
    usage: message.usage ?? null,
    feedback: message.feedback ?? null,
    ended_at: message.ts,
  };
}

/**
 * The run that a snapshot's `active_run` tells of, keeping text already held of that attempt.
 * @param {ActiveRun} active
 * @param {Run | undefined} held
 * @param {number} seq
 * @returns {Run}
 */
export function runOfSnapshot(active, held, seq) {
  const sameText = held !== undefined && held.textAttempt === active.attempt;
  const choices = new Map((held?.calls ?? []).map((each) => [each.call_id, each.choice]));
  const calls = (active.tool_calls ?? []).map((each) => ({
    ...callOf(each),
    choice: choices.get(each.call_id) ?? null,
  }));
  return {
    ...newRun(active.run_id, held?.seq ?? seq),
    agent_name: active.agent_name ?? "",
    status: active.status,
    attempt: active.attempt,
    thinking: active.thinking ?? "",
    thought_ms: active.thought_ms ?? null,
    calls,
    citations: citationsIn(calls),
    started_at: active.started_at ?? null,
    ...(sameText ? { text: held.text, length: held.length, textAttempt: held.textAttempt } : {}),
  };
}

/** @type {Record<string, (run: Run, data: Json, event: ThreadEvent) => Partial<Run>>} */
const EVENTS = {
  run_queued: () => ({ status: "queued" }),
  run_resumed: (run, data) => ({ status: "running", attempt: data.attempt }),
  agent_started: (run, data, event) => ({
    status: "running",
    model: data.model ?? "",
    agent_name: event.agent_name ?? "",
    started_at: event.ts,
  }),
  agent_thinking: (run, data, event) => ({
    thinking: joinThinking(run.thinking, data.text),
    thought_ms: run.started_at === null ? null : Date.parse(event.ts) - Date.parse(run.started_at),
    model: data.model ?? run.model, // another one stands in
  }),
  tool_call: (run, data) => ({ calls: upsertCall(run.calls, { ...data, status: "running" }) }),
  tool_executing: (run, data) => ({ calls: upsertCall(run.calls, { ...data, status: "running" }) }),
  tool_progress: (run, data) => ({
    calls: upsertCall(run.calls, { call_id: data.call_id, progress: data.text ?? "" }),
  }),
  tool_completed: (run, data) => ({ calls: upsertCall(run.calls, data) }),
  approval_required: (run, data) => ({
    status: "waiting",
    calls: upsertCall(run.calls, { ...data, status: "waiting" }),
  }),
  approval_resolved: (run, data) => {
    const calls = upsertCall(run.calls, resolvedCall(data));
    return { calls, status: calls.some(isUndecided) ? "waiting" : "running" };
  },
  citation_added: (run, data) => ({ citations: citedOnce([...run.citations, data]) }),
  message_created: (run, data) => ({
    message_id: data.message_id,
    text: data.text,
    length: countPoints(data.text),
  }),
  message_completed: (run, data) => ({ sha256: data.sha256 ?? null }),
  usage_updated: (run, data) => ({ usage: data.usage }),
  agent_completed: (run, data, event) => ({
    status: data.status,
    error: data.error ?? null,
    usage: data.usage ?? run.usage,
    calls: run.calls.map(closedCall),
    ended_at: event.ts,
  }),
};

// What becomes of a call by each decision about it.
/** @type {Record<string, string>} */
const FOLLOWS_FROM = {
  approve: "approved",
  deny: "denied",
  expired: "denied",
  stopped: "stopped",
};

/**
 * Whether a call waits for its user.
 * @param {{status: string}} call
 */
export function isUndecided(call) {
  return call.status === "waiting";
}

/**
 * Whether something of a call is still to come.
 * @param {{status: string}} call
 */
export function isOpen(call) {
  return ["waiting", "approved", "running"].includes(call.status);
}

// `decision` is what the server knows of an approval, `choice` what this page has asked for.
/** @type {(call: Partial<Call>) => Call} */
function callOf(call) {
  const unknown = { tool_name: "", args: null, progress: "", decision: null, choice: null };
  return /** @type {Call} */ ({ ...unknown, ...call });
}

/** @type {(data: Json) => Partial<Call>} */
function resolvedCall({ call_id, decision, args }) {
  const call = { call_id, decision, status: FOLLOWS_FROM[decision], choice: null };
  return args === undefined ? call : { ...call, args, edited: true };
}

/** @type {(calls: Call[], call: Partial<Call>) => Call[]} */
function upsertCall(calls, call) {
  const index = calls.findIndex((each) => each.call_id === call.call_id);
  if (index < 0) return [...calls, callOf(call)];
  return calls.map((each, i) => (i === index ? { ...each, ...call } : each));
}

// A run that has ended executes nothing more, whatever its last news of a call was.
/** @type {(call: Call) => Call} */
function closedCall(call) {
  return isOpen(call) ? { ...call, status: "stopped" } : call;
}

// What the log tells of one by one, a snapshot has in the results only.
/** @type {(calls: Call[]) => Citation[]} */
function citationsIn(calls) {
  const found = calls.flatMap(({ call_id, result }) =>
    citationsOf(result).map((each) => ({ call_id, ...each })),
  );
  return citedOnce(found);
}

/** @type {(result: Json) => Omit<Citation, "call_id">[]} */
function citationsOf(result) {
  return Array.isArray(result?.citations) ? result.citations : [];
}

/** @type {(citations: Citation[]) => Citation[]} */
function citedOnce(citations) {
  /** @type {(citation: Citation) => string} */
  const keyOf = ({ title, source, excerpt }) => JSON.stringify([title, source, excerpt]);
  return [...new Map(citations.map((each) => [keyOf(each), each])).values()];
}

// Thinking comes in pieces of a stream or in whole sentences; only the latter need a break.
/** @type {(before: string, text: string) => string} */
function joinThinking(before, text) {
  const breaks = /[.!?:…]$/.test(before) && !/^\s/.test(text);
  return breaks ? `${before}\n${text}` : before + text;
}
