import assert from "node:assert/strict";
import { test } from "node:test";

import {
  applyEvent,
  isEmpty,
  newRun,
  runOfMessage,
  runOfSnapshot,
  withChoice,
} from "../../chat/static/chat/run.js";
import { RUN, event } from "./frames.mjs";

const CALL = { call_id: "call1", tool_name: "send_report", args: { to: "ada" } };
const EXPIRES = "2026-11-23T12:00:00.000Z";
const asking = [
  ["tool_call", CALL],
  ["approval_required", { ...CALL, expires_at: EXPIRES }],
];
const resolved = (decision, more = {}) => [
  "approval_resolved",
  { call_id: "call1", decision, ...more },
];
const after = (...list) =>
  list.reduce((run, [type, data], n) => applyEvent(run, event(n + 1, type, data)), newRun(RUN, 1));
const waiting = () => after(...asking);

test("a call that needs its user waits, with what it would do and until when", () => {
  const run = waiting();
  const [call] = run.calls;
  assert.equal(run.status, "waiting");
  assert.deepEqual([call.status, call.args, call.expires_at], ["waiting", CALL.args, EXPIRES]);
  assert.equal(run.calls.length, 1);
});

test("how long it thought outlives a reload", () => {
  const told = { message_id: "msg_1", role: "assistant", text: "", thinking: "Hm.", seq: 3 };
  const ended = runOfMessage({ ...told, status: "completed", run_id: RUN, thought_ms: 4200 });
  const active = { run_id: RUN, status: "running", attempt: 1, thinking: "Hm.", thought_ms: 900 };
  assert.deepEqual([ended.thought_ms, runOfSnapshot(active, undefined, 1).thought_ms], [4200, 900]);
});

for (const [decision, status] of [
  ["approve", "approved"],
  ["deny", "denied"],
  ["expired", "denied"],
  ["stopped", "stopped"],
]) {
  test(`after ${decision} the call is ${status} and says why`, () => {
    const run = after(...asking, resolved(decision));
    assert.deepEqual([run.calls[0].status, run.calls[0].decision], [status, decision]);
    assert.equal(run.status, "running");
  });
}

test("edited arguments replace those the model chose, and it is said", () => {
  const [call] = after(...asking, resolved("approve", { args: { to: "eve" } })).calls;
  assert.deepEqual([call.args, call.edited], [{ to: "eve" }, true]);
});

test("the decision stays with the call to its end", () => {
  const executing = ["tool_executing", CALL];
  const completed = ["tool_completed", { ...CALL, status: "ok", elapsed_ms: 3, result: {} }];
  const [call] = after(...asking, resolved("approve"), executing, completed).calls;
  assert.deepEqual([call.status, call.decision], ["ok", "approve"]);
});

test("while another call waits, so does the run", () => {
  const other = ["approval_required", { ...CALL, call_id: "call2", expires_at: EXPIRES }];
  assert.equal(after(...asking, other, resolved("deny")).status, "waiting");
});

test("a choice is shown until the log tells of a decision, or the server refuses it", () => {
  const chosen = withChoice(waiting(), { call_id: "call1", decision: "approve" });
  assert.deepEqual([chosen.calls[0].choice, chosen.calls[0].status], ["approve", "waiting"]);
  const refused = withChoice(chosen, { call_id: "call1", decision: null });
  assert.equal(refused.calls[0].choice, null);
  const [type, data] = resolved("deny");
  assert.equal(applyEvent(chosen, event(9, type, data)).calls[0].choice, null);
});

test("a snapshot brings the question back, and the choice that is under way stays", () => {
  const active = {
    run_id: RUN,
    status: "waiting",
    attempt: 1,
    tool_calls: [{ ...CALL, status: "waiting", expires_at: EXPIRES }],
  };
  assert.equal(runOfSnapshot(active, undefined, 3).calls[0].choice, null);
  const held = withChoice(waiting(), { call_id: "call1", decision: "deny" });
  const run = runOfSnapshot(active, held, 3);
  assert.deepEqual([run.status, run.calls[0].expires_at], ["waiting", EXPIRES]);
  assert.equal(run.calls[0].choice, "deny");
});

test("what was decided is known after a reload", () => {
  const decided = { ...CALL, status: "ok", decision: "approve", edited: true };
  const message = { message_id: "m", run_id: RUN, status: "completed", text: "", seq: 1 };
  const [call, plain] = runOfMessage({ ...message, tool_calls: [decided, CALL] }).calls;
  assert.deepEqual([call.decision, call.edited], ["approve", true]);
  assert.equal(plain.decision, null);
});

test("a run that ends leaves no call approved or waiting", () => {
  const ended = ["agent_completed", { status: "stopped", message_id: null, usage: {} }];
  assert.equal(after(...asking, ended).calls[0].status, "stopped");
  assert.equal(after(...asking, resolved("approve"), ended).calls[0].status, "stopped");
});

const source = (title) => ({ title, source: "docs/protocol.md", excerpt: "One log." });

test("citations come one by one, each once, and a snapshot has the same", () => {
  const cited = ["First", "Second", "First"].map((title) => [
    "citation_added",
    { call_id: "call1", ...source(title) },
  ]);
  const live = after(...cited).citations;
  const result = { citations: [source("First"), source("Second"), source("First")] };
  const stored = runOfMessage({
    message_id: "m",
    run_id: RUN,
    status: "completed",
    text: "",
    seq: 1,
    tool_calls: [{ ...CALL, status: "ok", result }],
  });
  assert.deepEqual(
    live.map((each) => each.title),
    ["First", "Second"],
  );
  assert.deepEqual(stored.citations, live);
});

test("a run that was stopped before it had begun is empty, one that did anything is not", () => {
  const stopped = ["agent_completed", { status: "stopped", message_id: null, usage: {} }];
  assert.equal(isEmpty(after(stopped)), true);
  assert.equal(isEmpty(after(["tool_executing", CALL], stopped)), false);
  assert.equal(isEmpty(newRun(RUN, 1)), false);
});
