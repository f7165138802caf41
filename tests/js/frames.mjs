// Frames as the server writes them, for the tests of the store.

export const THREAD = "thread_1_abc123";
export const RUN = "run_1_abc123";

export const event = (seq, type, data = {}, more = {}) => ({
  seq,
  type,
  run_id: RUN,
  agent_name: "assistant",
  ts: "2026-11-22T12:00:00.000Z",
  data,
  ...more,
});

export const events = (...list) => ({ type: "events", thread_id: THREAD, events: list });

export const delta = (offset, text, more = {}) => ({
  type: "delta",
  thread_id: THREAD,
  run_id: RUN,
  attempt: 1,
  offset,
  text,
  ...more,
});

export const snapshot = (more = {}) => ({
  type: "snapshot",
  thread_id: THREAD,
  seq: 0,
  messages: [],
  active_run: null,
  queued_runs: [],
  ...more,
});

export const asked = (seq, message_id = `msg_1_user${seq}00`, more = {}) =>
  event(
    seq,
    "message_created",
    { message_id, role: "user", text: `question ${seq}`, ...more },
    { run_id: null, agent_name: null },
  );

export const started = (seq, question_id = "msg_1_user100", more = {}) =>
  event(seq, "agent_started", { model: "m", trigger: "send", question_id }, more);

export const answered = (seq, text, message_id = "msg_1_answer0") =>
  event(seq, "message_created", { message_id, role: "assistant", text });

// The whole log of one run, as runner and database write it.
export function turn(text) {
  return [
    asked(1, "msg_1_user100", { client_id: "c-1" }),
    started(2),
    event(3, "agent_thinking", { text: "Let me look." }),
    event(4, "tool_executing", { call_id: "call1", tool_name: "usage", args: { by: "model" } }),
    event(5, "tool_progress", { call_id: "call1", text: "half way" }),
    event(6, "tool_completed", {
      call_id: "call1",
      tool_name: "usage",
      status: "ok",
      elapsed_ms: 12,
      result: { total: 3 },
    }),
    answered(7, text),
    event(8, "message_completed", {
      message_id: "msg_1_answer0",
      length: [...text].length,
      sha256: "00",
    }),
    event(9, "agent_completed", {
      status: "completed",
      message_id: "msg_1_answer0",
      usage: { input_tokens: 1, output_tokens: 2 },
    }),
  ];
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function generator(seed) {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
