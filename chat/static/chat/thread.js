// One thread as the page knows it: pure functions from a thread and a frame to the next thread.

import {
  ENDED,
  applyDelta,
  applyEvent,
  isEmpty,
  newRun,
  runOfMessage,
  runOfSnapshot,
  withChoice,
} from "./run.js";

/**
 * A thread nothing is known of yet; `thread_id` is null until the server has made it.
 * `seq` is the last event applied, null before the first snapshot.
 * `wants` is what the page should ask for: null, "resume" (after `seq`) or "snapshot".
 */
export function newThread(thread_id, seq = null) {
  return {
    thread_id,
    seq,
    wants: null,
    asked: false,
    behind: null,
    missing: false,
    messages: [],
    runs: {},
    pending: [],
    notice: null,
  };
}

/** The thread after an `events` frame: next is applied, old dropped, a gap asks for the log. */
export function applyEvents(thread, frame) {
  if (thread.seq === null) return thread;
  let next = { ...thread, asked: false };
  for (const event of frame.events) {
    if (event.seq <= next.seq) continue;
    if (event.seq > next.seq + 1) return wanting(next, "resume");
    next = { ...applyNext(next, event), seq: event.seq };
  }
  return next;
}

/** The thread after a `delta` frame; a hole in the text asks for the log again. */
export function applyTextDelta(thread, delta) {
  if (thread.seq === null) return thread;
  const known = thread.runs[delta.run_id] ?? newRun(delta.run_id, thread.seq + 1);
  const { run, hole } = applyDelta(known, delta);
  const next = run === thread.runs[run.run_id] ? thread : withRun(thread, run);
  if (hole) return wanting(next, "resume");
  return delta.offset === 0 ? { ...next, asked: false } : next;
}

/** The thread that a `snapshot` frame tells of; what waits in the outbox stays. */
export function applySnapshot(thread, frame) {
  const keys = new Map(thread.messages.map((each) => [each.message_id, each.key]));
  for (const each of thread.pending) keys.set(each.message_id, each.client_id);
  const messages = frame.messages
    .filter((each) => each.role === "user")
    .map((each) => storedMessage(each, keys.get(each.message_id)));
  const runs = {};
  for (const message of frame.messages) {
    if (message.role !== "assistant") continue;
    const run = runOfMessage(message);
    runs[run.run_id] = run;
  }
  const active = frame.active_run;
  if (active)
    runs[active.run_id] = runOfSnapshot(active, thread.runs[active.run_id], frame.seq + 1);
  for (const { run_id } of frame.queued_runs ?? []) {
    runs[run_id] = { ...newRun(run_id, frame.seq + 1), status: "queued" };
  }
  for (const { run_id, seq } of messages) {
    // A run that has ended without an answer was stopped before it had begun one.
    if (run_id !== null) runs[run_id] ??= { ...newRun(run_id, seq), status: "stopped" };
  }
  const stored = new Set(messages.map((each) => each.message_id));
  return {
    ...newThread(frame.thread_id, frame.seq),
    messages: attachQueued(messages, frame.queued_runs ?? []),
    runs,
    pending: thread.pending.filter((each) => !stored.has(each.message_id)),
    notice: thread.notice,
  };
}

/** The thread after the user decided about a call, or after the server refused that. */
export function applyChoice(thread, choice) {
  const run = thread.runs[choice.run_id];
  return run === undefined ? thread : withRun(thread, withChoice(run, choice));
}

/** The thread after a pong named its head: behind twice at the same place asks for the log. */
export function applyHead(thread, head) {
  // Of a thread whose snapshot is still to come, even its beginning is missing.
  const at = thread.seq ?? -1;
  if (head <= at) return { ...thread, asked: false, behind: null };
  if (thread.behind !== at) return { ...thread, asked: false, behind: at };
  const wants = thread.seq === null ? "snapshot" : "resume";
  return wanting({ ...thread, asked: false, behind: null }, wants);
}

/** The thread after the answer to one of its sends. */
export function applyAck(thread, ack) {
  const arrived = thread.messages.some((each) => each.message_id === ack.message_id);
  const pending = arrived
    ? thread.pending.filter((each) => each.client_id !== ack.client_id)
    : thread.pending.map((each) =>
        each.client_id === ack.client_id
          ? { ...each, status: "stored", message_id: ack.message_id, run_id: ack.run_id }
          : each,
      );
  // A duplicate was stored over an earlier connection, and its events with it.
  return ack.duplicate ? wanting({ ...thread, pending }, "resume") : { ...thread, pending };
}

/** The thread with what the outbox holds for it; what is stored already is not shown twice. */
export function applyOutbox(thread, entries) {
  const stored = thread.pending.filter((each) => each.status === "stored");
  const known = new Set([...stored.map((each) => each.client_id), ...thread.messages.map(keyOf)]);
  const held = new Map(thread.pending.map((each) => [each.client_id, each]));
  const unsent = entries
    .filter((each) => !known.has(each.client_id))
    .map((each) => unchanged(held.get(each.client_id), pendingOf(each)));
  const pending = [...stored, ...unsent];
  const isSame =
    pending.length === thread.pending.length &&
    pending.every((each, index) => each === thread.pending[index]);
  return isSame ? thread : { ...thread, pending };
}

/** Asks once; what was asked for and not yet answered is not asked for again. */
export function wanting(thread, wants) {
  return thread.asked ? thread : { ...thread, wants };
}

/** The unfinished run that is not queued, or null. */
export function activeRun(thread) {
  const runs = Object.values(thread.runs);
  return runs.find((run) => !ENDED.has(run.status) && run.status !== "queued") ?? null;
}

/**
 * What the conversation shows, in order: each message with its answer behind it, what the outbox
 * holds at the end. A message whose run is queued has its `position` in that line, and whether
 * that `isBehind` an active run of the thread; `isLast` marks a message behind which nothing has
 * begun.
 * @returns {Array<{kind: "user"|"assistant", key: string, position?: number, isBehind?: boolean,
 *   isLast?: true}>}
 */
export function timeline(thread) {
  const shown = new Set();
  const turns = thread.messages.map((message) => {
    const run = thread.runs[message.run_id];
    if (run) shown.add(run.run_id);
    const items = [{ kind: "user", key: message.key, message, run: run ?? null }];
    if (run && hasAnswer(run)) items.push({ kind: "assistant", key: run.run_id, run });
    return { seq: message.seq, items };
  });
  for (const run of Object.values(thread.runs)) {
    if (shown.has(run.run_id) || !hasAnswer(run)) continue;
    turns.push({ seq: run.seq, items: [{ kind: "assistant", key: run.run_id, run }] });
  }
  turns.sort((a, b) => a.seq - b.seq);
  const items = turns.flatMap((turn) => turn.items);
  const isBehind = activeRun(thread) !== null;
  items
    .filter((item) => item.run?.status === "queued")
    .forEach((item, index) => {
      item.position = index + 1;
      item.isBehind = isBehind;
    });
  for (const entry of thread.pending) {
    items.push({ kind: "user", key: entry.client_id, message: entry, run: null });
  }
  const last = items.at(-1);
  if (last?.kind === "user" && last.run === null) last.isLast = true;
  return items;
}

function applyNext(thread, event) {
  const { type, data, run_id } = event;
  if (type === "message_created" && data.role === "user") return withMessage(thread, event);
  let next = thread;
  if (type === "limit_reached") next = { ...next, notice: data };
  if (type === "run_queued") next = attach(next, data.message_id, run_id);
  if (run_id === null) return next;
  const run = applyEvent(thread.runs[run_id] ?? newRun(run_id, event.seq), event);
  next = withRun(next, run);
  const misfit = type === "message_completed" && data.length !== run.length;
  return misfit ? wanting(next, "snapshot") : next;
}

function hasAnswer(run) {
  return run.status !== "queued" && !isEmpty(run);
}

function withRun(thread, run) {
  return { ...thread, runs: { ...thread.runs, [run.run_id]: run } };
}

function withMessage(thread, event) {
  const { data } = event;
  const answered = (each) =>
    each.client_id === data.client_id || each.message_id === data.message_id;
  const sent = thread.pending.find(answered);
  const run_id = event.run_id ?? sent?.run_id ?? null;
  const key = sent?.client_id ?? data.client_id;
  const message = storedMessage({ ...data, run_id, seq: event.seq, ts: event.ts }, key);
  return {
    ...thread,
    notice: null,
    messages: [...thread.messages, message],
    pending: thread.pending.filter((each) => each !== sent),
  };
}

function pendingOf(entry) {
  const { text, files, client_id, thread_id, refusal, until } = entry;
  const status = refusal ? "refused" : "pending";
  return { client_id, thread_id, text, files, refusal, until, status };
}

// The element on the screen, and the focus in it, stay with a message that is the same.
function unchanged(held, pending) {
  const names = ["status", "until", "thread_id"];
  const isSame =
    held !== undefined &&
    names.every((name) => held[name] === pending[name]) &&
    held.refusal?.message === pending.refusal?.message;
  return isSame ? held : pending;
}

function keyOf(message) {
  return message.key;
}

// `key` stays the same from the outbox to the log, and with it the element on the screen.
function storedMessage(message, key = message.message_id) {
  return {
    key,
    message_id: message.message_id,
    text: message.text,
    files: message.files ?? [],
    run_id: message.run_id ?? null,
    seq: message.seq,
    ts: message.ts,
    status: "stored",
  };
}

function attach(thread, message_id, run_id) {
  const messages = thread.messages.map((each) =>
    each.message_id === message_id ? { ...each, run_id } : each,
  );
  return { ...thread, messages };
}

function attachQueued(messages, queued) {
  const runs = new Map(queued.map((each) => [each.message_id, each.run_id]));
  return messages.map((each) => ({ ...each, run_id: runs.get(each.message_id) ?? each.run_id }));
}
