import assert from "node:assert/strict";
import { test } from "node:test";

import {
  applyEvents,
  applyHead,
  applySnapshot,
  applyTextDelta,
  heardNothing,
  newThread,
} from "../../chat/static/chat/thread.js";
import { activeRun, timeline } from "../../chat/static/chat/timeline.js";
import {
  RUN,
  THREAD,
  answered,
  asked,
  delta,
  event,
  events,
  generator,
  snapshot,
  started,
  turn,
} from "./frames.mjs";

const ANSWER = "The 😀 answer costs $3.\n";
const empty = () => newThread(THREAD, 0);
const after = (...list) => applyEvents(empty(), events(...list));
const running = () => after(asked(1), started(2));
const run = (thread) => thread.runs[RUN];

test("the log of a turn gives question, call and answer", () => {
  const thread = after(...turn(ANSWER));
  const [question, answer] = timeline(thread);
  assert.equal(question.message.text, "question 1");
  assert.equal(answer.run.text, ANSWER);
  assert.equal(answer.run.status, "completed");
  assert.equal(answer.run.thinking, "Let me look.");
  assert.deepEqual(answer.run.calls[0].result, { total: 3 });
  assert.equal(answer.run.calls[0].progress, "half way");
  assert.equal(thread.seq, 9);
  assert.equal(thread.wants, null);
});

test("events already applied change nothing", () => {
  const thread = after(...turn(ANSWER));
  const again = applyEvents(thread, events(...turn(ANSWER)));
  assert.deepEqual(again, thread);
});

test("an overlapping batch applies only what is new", () => {
  const log = turn(ANSWER);
  const thread = applyEvents(after(...log.slice(0, 5)), events(...log.slice(2)));
  assert.deepEqual(thread, after(...log));
});

test("a gap applies what is before it and asks for the log once", () => {
  const log = turn(ANSWER);
  const thread = applyEvents(empty(), events(log[0], log[1], log[4]));
  assert.equal(thread.seq, 2);
  assert.equal(thread.wants, "resume");
  const waiting = { ...thread, wants: null, asked: true };
  assert.equal(applyTextDelta(waiting, delta(50, "x")).wants, null);
  assert.deepEqual(applyEvents(waiting, events(...log.slice(2))), after(...log));
});

test("events before the first snapshot are left to it", () => {
  const thread = applyEvents(newThread(THREAD), events(asked(1)));
  assert.equal(thread.seq, null);
  assert.deepEqual(timeline(thread), []);
});

test("deltas put the text together by code points", () => {
  let thread = running();
  thread = applyTextDelta(thread, delta(0, "a😀"));
  thread = applyTextDelta(thread, delta(2, "b"));
  assert.equal(run(thread).text, "a😀b");
  assert.equal(run(thread).length, 3);
});

test("text already held is ignored, an overlap adds what is new", () => {
  let thread = applyTextDelta(running(), delta(0, "a😀b"));
  thread = applyTextDelta(thread, delta(1, "😀"));
  assert.equal(run(thread).text, "a😀b");
  thread = applyTextDelta(thread, delta(1, "😀b🎉c"));
  assert.equal(run(thread).text, "a😀b🎉c");
  assert.equal(run(thread).length, 5);
});

test("a hole in the text asks for the log and keeps the text", () => {
  const thread = applyTextDelta(applyTextDelta(running(), delta(0, "ab")), delta(3, "d"));
  assert.equal(run(thread).text, "ab");
  assert.equal(thread.wants, "resume");
});

test("the delta from the beginning after a replay closes the hole", () => {
  let thread = applyTextDelta(applyTextDelta(running(), delta(0, "ab")), delta(3, "d"));
  thread = applyTextDelta({ ...thread, wants: null, asked: true }, delta(0, "abcd"));
  assert.equal(run(thread).text, "abcd");
  assert.equal(thread.asked, false);
});

test("a higher attempt cuts the text at its first offset", () => {
  let thread = applyTextDelta(running(), delta(0, "a😀bcd"));
  thread = applyEvents(thread, events(event(3, "run_resumed", { attempt: 2, reason: "crash" })));
  assert.equal(run(thread).text, "a😀bcd");
  thread = applyTextDelta(thread, delta(2, "XY", { attempt: 2 }));
  assert.equal(run(thread).text, "a😀XY");
  assert.equal(run(thread).length, 4);
  thread = applyTextDelta(thread, delta(5, "late", { attempt: 1 }));
  assert.equal(run(thread).text, "a😀XY");
});

test("a higher attempt that starts behind the text is a hole", () => {
  const thread = applyTextDelta(
    applyTextDelta(running(), delta(0, "ab")),
    delta(4, "x", { attempt: 2 }),
  );
  assert.equal(run(thread).text, "ab");
  assert.equal(thread.wants, "resume");
});

test("the stored message is the truth over the deltas, and late deltas change nothing", () => {
  let thread = applyTextDelta(running(), delta(0, "half"));
  thread = applyEvents(thread, events(answered(3, "whole text")));
  thread = applyTextDelta(thread, delta(4, " and more"));
  assert.equal(run(thread).text, "whole text");
});

test("a length that does not fit asks for a snapshot", () => {
  const closing = event(4, "message_completed", { message_id: "m", length: 9, sha256: "00" });
  const thread = applyEvents(running(), events(answered(3, "ten signs!"), closing));
  assert.equal(thread.wants, "snapshot");
});

test("a run that ends closes what its calls left open", () => {
  const thread = applyEvents(
    running(),
    events(
      event(3, "tool_executing", { call_id: "c", tool_name: "t", args: {} }),
      event(4, "agent_completed", { status: "stopped", message_id: null, usage: {} }),
    ),
  );
  assert.equal(run(thread).calls[0].status, "stopped");
  assert.equal(activeRun(thread), null);
});

test("a failure keeps its sentence", () => {
  const error = { code: "provider_down", message: "The model does not answer.", retryable: true };
  const ended = event(3, "agent_completed", {
    status: "failed",
    message_id: null,
    usage: {},
    error,
  });
  const thread = applyEvents(running(), events(ended));
  assert.deepEqual(run(thread).error, error);
});

test("a queued run shows its place, and its answer stands behind its own question", () => {
  const queued = { run_id: "run_1_second" };
  let thread = applyEvents(
    running(),
    events(
      asked(3, "msg_1_user300", { after_run_id: RUN }),
      event(4, "run_queued", { message_id: "msg_1_user300", position: 1 }, queued),
    ),
  );
  assert.equal(timeline(thread)[2].run.status, "queued");
  assert.equal(timeline(thread)[2].position, 1);
  thread = applyEvents(
    thread,
    events(answered(5, "first"), started(6, "msg_1_user300", queued)),
  );
  const shown = timeline(thread).map((item) => item.run?.run_id ?? item.kind);
  assert.deepEqual(shown, [RUN, RUN, "run_1_second", "run_1_second"]);
  assert.equal(activeRun(thread).run_id, RUN);
});

test("a message behind which nothing has begun is marked, an answered one is not", () => {
  const [waiting] = timeline(after(asked(1)));
  assert.equal(waiting.isLast, true);
  const [answeredOne] = timeline(after(...turn(ANSWER)));
  assert.equal(answeredOne.isLast, undefined);
});

const message = (seq, role, more = {}) => ({
  message_id: `msg_1_${role}${seq}`,
  role,
  text: `${role} ${seq}`,
  run_id: RUN,
  status: role === "user" ? "stored" : "completed",
  seq,
  ts: "2026-11-22T12:00:00.000Z",
  files: [],
  ...more,
});

test("a snapshot replaces what was known", () => {
  const frame = snapshot({
    seq: 12,
    messages: [
      message(1, "user"),
      message(7, "assistant", {
        status: "failed",
        error: { code: "x", message: "No.", retryable: true },
        tool_calls: [
          { call_id: "c", tool_name: "t", args: {}, status: "ok", result: {}, elapsed_ms: 3 },
        ],
      }),
    ],
  });
  const thread = applySnapshot({ ...running(), wants: null, asked: true }, frame);
  const [question, answer] = timeline(thread);
  assert.equal(thread.seq, 12);
  assert.equal(thread.asked, false);
  assert.equal(question.message.message_id, "msg_1_user1");
  assert.equal(answer.run.error.message, "No.");
  assert.equal(answer.run.calls[0].elapsed_ms, 3);
});

test("a snapshot from before what was heard since is late, and is dropped", () => {
  const thread = after(...turn(ANSWER));
  assert.equal(applySnapshot(thread, snapshot({ seq: 4 })), thread);
  const named = applyHead(heardNothing(thread), 9);
  assert.equal(applySnapshot(named, snapshot({ seq: 4 })), named);
});

test("a snapshot is taken from a server that has no later position", () => {
  const thread = heardNothing(after(...turn(ANSWER)));
  assert.equal(applySnapshot(thread, snapshot({ seq: 4 })).seq, 4);
});

test("a snapshot with an active run goes on with deltas", () => {
  const active_run = {
    run_id: RUN,
    agent_name: "assistant",
    status: "running",
    attempt: 2,
    started_at: "2026-11-22T12:00:00.000Z",
    thinking: "Hm.",
    tool_calls: [{ call_id: "c", tool_name: "t", args: {}, status: "running" }],
  };
  let thread = newThread(THREAD);
  thread = applySnapshot(thread, snapshot({ seq: 4, messages: [message(1, "user")], active_run }));
  thread = applyTextDelta(thread, delta(0, "so far", { attempt: 2 }));
  thread = applyTextDelta(thread, delta(6, " so good", { attempt: 2 }));
  assert.equal(run(thread).text, "so far so good");
  assert.equal(run(thread).thinking, "Hm.");
  assert.equal(activeRun(thread).calls[0].status, "running");
  assert.deepEqual(
    timeline(thread).map((item) => item.kind),
    ["user", "assistant"],
  );
});

test("a snapshot keeps the text of the attempt it tells of, so that nothing flickers", () => {
  const active_run = { run_id: RUN, status: "running", attempt: 1, tool_calls: [] };
  const before = applyTextDelta(running(), delta(0, "held"));
  assert.equal(run(applySnapshot(before, snapshot({ seq: 2, active_run }))).text, "held");
  const next = { ...active_run, attempt: 2 };
  assert.equal(run(applySnapshot(before, snapshot({ seq: 3, active_run: next }))).text, "");
});

test("a snapshot names what is queued behind the active run", () => {
  const queued_runs = [{ run_id: "run_1_second", message_id: "msg_1_user5", position: 1 }];
  const messages = [message(5, "user", { run_id: null })];
  const thread = applySnapshot(newThread(THREAD), snapshot({ seq: 6, messages, queued_runs }));
  const [question] = timeline(thread);
  assert.equal(question.run.status, "queued");
  assert.equal(timeline(thread).length, 1);
});

test("waiting messages have their places, also those that wait for a place of the plan", () => {
  const queued = (seq, run_id, after_run_id) => [
    asked(seq, `msg_1_user${seq}00`, { after_run_id }),
    event(seq + 1, "run_queued", { message_id: `msg_1_user${seq}00`, position: 1 }, { run_id }),
  ];
  const places = (thread) =>
    timeline(thread)
      .filter((item) => item.position !== undefined)
      .map(({ position, isBehind }) => [position, isBehind]);
  const behind = applyEvents(running(), events(...queued(3, "run_1_b", RUN), ...queued(5, "run_1_c", "run_1_b")));
  assert.deepEqual(places(behind), [
    [1, true],
    [2, true],
  ]);
  assert.deepEqual(places(applyEvents(empty(), events(...queued(1, "run_1_b")))), [[1, false]]);
});

test("a message taken back before its turn has no answer, live and after a reload", () => {
  const own = { run_id: "run_1_second" };
  const live = applyEvents(
    running(),
    events(
      asked(3, "msg_1_user300", { after_run_id: RUN }),
      event(4, "run_queued", { message_id: "msg_1_user300", position: 1 }, own),
      started(5, "msg_1_user300", own),
      event(6, "agent_completed", { status: "stopped", message_id: null, usage: {} }, own),
    ),
  );
  const messages = [message(1, "user", { run_id: "run_1_second" })];
  const reloaded = applySnapshot(newThread(THREAD), snapshot({ seq: 6, messages }));
  for (const thread of [live, reloaded]) {
    const last = timeline(thread).at(-1);
    assert.deepEqual([last.kind, last.run.status, last.isLast], ["user", "stopped", undefined]);
  }
});

test("being behind a pong twice at the same place asks for the log", () => {
  const thread = running();
  const once = applyHead(thread, 5);
  assert.equal(once.wants, null);
  assert.equal(applyHead(once, 5).wants, "resume");
  assert.equal(applyHead(thread, 2).behind, null);
});

test("a snapshot that has not come by the second pong is asked for again", () => {
  const unknown = { ...newThread(THREAD), asked: true };
  const once = applyHead(unknown, 0);
  assert.equal(once.wants, null);
  assert.equal(applyHead(once, 0).wants, "snapshot");
});

test("being behind at different places is only the way of things", () => {
  const once = applyHead(running(), 5);
  const moved = applyEvents(once, events(event(3, "agent_thinking", { text: "x" })));
  assert.equal(applyHead(moved, 6).wants, null);
});

// Any cut of log and text, with losses and repetitions, ends in the same state after a replay.
for (let seed = 1; seed <= 60; seed += 1) {
  test(`deliveries in disorder end in the same thread (seed ${seed})`, () => {
    const draw = generator(seed);
    const log = turn(ANSWER);
    let thread = empty();
    const points = [...ANSWER];
    for (let step = 0; step < 25; step += 1) {
      const from = Math.floor(draw() * log.length);
      const batch = log.slice(from, from + 1 + Math.floor(draw() * 4));
      thread = applyEvents(thread, events(...batch));
      const offset = Math.floor(draw() * points.length);
      thread = applyTextDelta(thread, delta(offset, points.slice(offset, offset + 6).join("")));
      assert.ok(ANSWER.startsWith(run(thread)?.text ?? ""));
    }
    thread = applyEvents(thread, events(...log.slice(thread.seq)));
    assert.equal(run(thread).text, ANSWER);
    assert.deepEqual(
      timeline(thread).map((item) => item.kind),
      ["user", "assistant"],
    );
    assert.equal(thread.seq, 9);
  });
}
