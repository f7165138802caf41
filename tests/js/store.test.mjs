import assert from "node:assert/strict";
import { test } from "node:test";

import {
  THREADS_KEPT_MAX,
  createStore,
  currentThread,
  heads,
  initialState,
  reduce,
} from "../../chat/static/chat/store.js";
import { timeline } from "../../chat/static/chat/timeline.js";
import { RUN, THREAD, asked, events, snapshot, turn } from "./frames.mjs";

const LOCAL = "local:1";
const entry = (client_id, thread_id = null) => ({
  client_id,
  key: thread_id ?? LOCAL,
  thread_id,
  text: `text ${client_id}`,
  mode: "queue",
  files: [],
  refusal: null,
  until: null,
});
const outbox = (...entries) => ({ type: "page.outbox", entries });
const ack = (client_id, more = {}) => ({
  type: "ack",
  client_id,
  message_id: "msg_1_user100",
  thread_id: THREAD,
  run_id: RUN,
  seq: 1,
  duplicate: false,
  ...more,
});
const through = (...actions) => actions.reduce(reduce, initialState());
const opened = { type: "page.open", key: THREAD, thread_id: THREAD };
const started = { type: "page.open", key: LOCAL, thread_id: null };
const sent = outbox(entry("c-1"));
const shown = (state) => timeline(currentThread(state));

test("an unknown frame changes nothing", () => {
  const state = through(opened);
  assert.equal(reduce(state, { type: "confetti" }), state);
});

test("a sent message is pending at once", () => {
  const [item] = shown(through(started, sent));
  assert.equal(item.message.status, "pending");
});

test("the ack names the thread and its first event takes the pending message's place", () => {
  let state = through(started, sent, ack("c-1"));
  assert.equal(state.current, THREAD);
  assert.equal(shown(state)[0].message.status, "stored");
  state = reduce(state, events(...turn("Done.")));
  assert.equal(shown(state).length, 2);
  assert.equal(currentThread(state).pending.length, 0);
  assert.deepEqual(heads(state), { [THREAD]: 9 });
});

test("events that come before the ack name the thread too", () => {
  const log = turn("Done.");
  const early = through(started, sent, events(...log.slice(0, 2)), ack("c-1"), events(...log));
  const late = through(started, sent, ack("c-1"), events(...log));
  assert.equal(early.current, THREAD);
  assert.deepEqual(early, late);
});

test("a pending message keeps its place on the screen when it is stored", () => {
  const before = through(started, sent);
  const [first] = shown(before);
  const [second] = shown(reduce(before, ack("c-1")));
  const [third] = shown(
    through(started, sent, ack("c-1"), events(asked(1, "msg_1_user100", { client_id: "c-1" }))),
  );
  assert.equal(first.key, second.key);
  assert.equal(second.key, third.key);
});

test("the answer to a repeated send asks for the events of the first one", () => {
  const state = through(started, sent, ack("c-1", { duplicate: true }));
  assert.equal(currentThread(state).wants, "resume");
});

test("an ack of what the log already showed leaves no second copy", () => {
  const resend = outbox(entry("c-9", THREAD));
  const first = events(asked(1, "msg_1_user100"));
  const state = through(opened, snapshot(), first, resend, ack("c-9", { duplicate: true }));
  assert.equal(shown(state).length, 1);
});

test("what the outbox still holds while the log shows it is not shown twice", () => {
  const stored = events(asked(1, "msg_1_user100", { client_id: "c-1" }));
  const state = through(opened, snapshot(), stored, outbox(entry("c-1", THREAD)));
  assert.equal(shown(state).length, 1);
});

test("what is acknowledged stays until the log shows it, what is not is the outbox's", () => {
  const before = through(started, outbox(entry("c-1"), entry("c-2")), ack("c-1"));
  const state = reduce(before, outbox(entry("c-2", THREAD)));
  assert.deepEqual(
    shown(state).map((item) => item.message.status),
    ["stored", "pending"],
  );
  assert.equal(shown(reduce(state, outbox())).length, 1);
});

test("a thread that is not on the screen keeps nothing of what is acknowledged", () => {
  const state = through(started, opened, outbox(entry("c-1", "thread_1_other1")));
  const after = reduce(state, ack("c-1", { thread_id: "thread_1_other1" }));
  assert.deepEqual(after.threads.thread_1_other1.pending, []);
});

test("a refusal stays with its message and the message stays", () => {
  const refusal = { code: "limit_reached", message: "No.", retryable: true };
  const state = through(started, sent, outbox({ ...entry("c-1"), refusal }));
  const [item] = shown(state);
  assert.equal(item.message.status, "refused");
  assert.equal(item.message.refusal.message, "No.");
  assert.equal(shown(reduce(state, outbox())).length, 0);
});

test("a message of which nothing is new stays the very same", () => {
  const before = through(started, sent);
  const state = reduce(before, outbox(entry("c-1"), entry("c-2")));
  assert.equal(currentThread(state).pending[0], currentThread(before).pending[0]);
  const again = reduce(state, outbox(entry("c-1"), entry("c-2")));
  assert.equal(currentThread(again), currentThread(state));
});

test("the outbox brings back threads that are not open", () => {
  const state = through(opened, outbox(entry("c-1"), entry("c-2", "thread_1_other1")));
  assert.equal(state.current, THREAD);
  assert.equal(state.threads[LOCAL].seq, 0);
  assert.equal(state.threads.thread_1_other1.seq, null);
});

test("an error of no message is the connection's", () => {
  const state = through(opened, snapshot(), {
    type: "error",
    code: "too_many",
    message: "Slow down.",
  });
  assert.equal(state.notice.message, "Slow down.");
  assert.equal(reduce(state, { type: "page.dismiss" }).notice, null);
});

test("a thread that is not there is said to be missing", () => {
  const state = through(opened, { type: "error", code: "not_found", message: "No such thread." });
  assert.equal(currentThread(state).missing, true);
});

test("frames of threads that are not open are passed over", () => {
  const state = initialState();
  assert.equal(reduce(state, events(asked(1))), state);
  assert.equal(reduce(state, snapshot()), state);
});

const row = (thread_id, updated_at, more = {}) => ({
  thread_id,
  title: thread_id,
  updated_at,
  running: false,
  ...more,
});

const ready = (more = {}) => ({
  type: "ready",
  user: { user_id: "user_1_abc123", email: "a@b.example" },
  entitlements: { tier: "free" },
  limits: { text: 10000 },
  services: { database: true, bus: true, runs: true },
  active_runs: [{ thread_id: "a", run_id: RUN }],
  ...more,
});

test("ready brings the account, marks running threads and forgets what was asked", () => {
  const state = through(
    opened,
    { type: "page.asked", thread_id: THREAD },
    {
      type: "threads",
      threads: [row("a", "2026-01-01"), row("b", "2026-01-01", { running: true })],
    },
    ready(),
  );
  assert.equal(state.entitlements.tier, "free");
  assert.equal(currentThread(state).asked, false);
  assert.deepEqual(
    state.list.rows.map((each) => each.running),
    [false, true],
  );
});

test("account and state frames replace what they name", () => {
  const state = through(
    ready(),
    { type: "account", entitlements: { tier: "mid" } },
    { type: "state", services: { database: false, bus: true, runs: true } },
  );
  assert.equal(state.entitlements.tier, "mid");
  assert.equal(state.connection.services.database, false);
});

test("only so many threads stay in memory, and none with unsent text is dropped", () => {
  const opens = Array.from({ length: THREADS_KEPT_MAX + 5 }, (_, n) => ({
    type: "page.open",
    key: `thread_1_number${n}`,
    thread_id: `thread_1_number${n}`,
  }));
  const state = through(started, sent, ...opens);
  assert.equal(Object.keys(state.threads).length, THREADS_KEPT_MAX + 1);
  assert.ok(state.threads[LOCAL]);
  assert.ok(currentThread(state));
});

test("listeners hear of changes only", () => {
  const store = createStore();
  const heard = [];
  const forget = store.subscribe((state) => heard.push(state.current));
  store.dispatch({ type: "confetti" });
  store.dispatch(opened);
  forget();
  store.dispatch(started);
  assert.deepEqual(heard, [THREAD]);
});
