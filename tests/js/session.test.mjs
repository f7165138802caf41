import assert from "node:assert/strict";
import { test } from "node:test";

import { TRIES_MAX } from "../../chat/static/chat/outbox.js";
import { Session } from "../../chat/static/chat/session.js";
import { createStore, currentThread } from "../../chat/static/chat/store.js";
import { THREAD, asked, events, snapshot } from "./frames.mjs";

const USER = "user_1_abc123";
const OTHER = "user_1_other1";

// The browser as far as a connection needs it: a socket with the server's end in our hand.
class Socket {
  static OPEN = 1;
  static last = null;
  readyState = Socket.OPEN;
  sent = [];

  constructor() {
    Socket.last = this;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  say(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  of(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}

globalThis.WebSocket = Socket;
globalThis.window = new EventTarget();
globalThis.document = new EventTarget();
globalThis.setInterval = () => 0; // the watch over silence would keep this process alive

function memory() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
  };
}

const ready = (user_id = USER) => ({
  type: "ready",
  user: { user_id, email: "someone@example.org" },
  entitlements: {},
  limits: { text: 10_000, frame: 65_536 },
  services: { database: true, bus: true, runs: true },
  active_runs: [],
});

const away = (more = {}) => ({
  type: "error",
  code: "unavailable",
  message: "This cannot be stored right now. It will be tried again.",
  retryable: true,
  ...more,
});

/** A page of a user on the thread of the frames; `waits` are its timers, `run` ends them. */
function page({ storage = memory(), user_id = USER } = {}) {
  const store = createStore();
  const waits = [];
  const seen = { others: 0 };
  const session = new Session({
    store,
    url: "ws://127.0.0.1/ws/chat/",
    storage,
    user_id,
    onOtherUser: () => (seen.others += 1),
    later: (work, ms) => waits.push({ work, ms }),
  });
  session.start();
  session.open(THREAD);
  const run = () => waits.splice(0).forEach(({ work }) => work());
  return { store, session, socket: Socket.last, waits, run, seen };
}

function connected(options) {
  const here = page(options);
  here.socket.say(ready());
  return here;
}

test("a failed subscribe is asked again after the time the server names", () => {
  const { socket, waits, run, store } = connected();
  socket.say(away({ retry_after_s: 5 }));
  assert.equal(waits[0].ms, 5000);
  assert.equal(socket.of("subscribe").length, 1);
  run();
  const [first, second] = socket.of("subscribe");
  assert.deepEqual(second, first);
  assert.equal(store.state.notice, null);
});

test("where the server names no time it is asked again after two seconds, until it answers", () => {
  const { socket, waits, run } = connected();
  for (const count of [1, 2, 3]) {
    socket.say(away());
    assert.equal(waits[0].ms, 2000);
    run();
    assert.equal(socket.of("subscribe").length, 1 + count);
  }
  socket.say(snapshot());
  run();
  assert.equal(socket.of("subscribe").length, 4);
});

test("a subscribe that failed in the middle of the log goes on from there", () => {
  const { socket, run } = connected();
  socket.say(snapshot());
  socket.say(events(asked(1)));
  socket.say(events(asked(3)));
  socket.say(away());
  run();
  assert.deepEqual(socket.of("subscribe").map((frame) => frame.after_seq), [null, 1, 1]);
});

test("a new connection asks by itself, and the old wait asks no second time", () => {
  const { socket, run } = connected();
  socket.say(away());
  socket.say(ready());
  run();
  assert.equal(socket.of("subscribe").length, 2);
});

test("other refusals without a client_id are shown and not asked again", () => {
  const { socket, waits, store } = connected();
  socket.say(away({ code: "too_many" }));
  assert.deepEqual(waits, []);
  assert.equal(store.state.notice.code, "too_many");
});

test("a send the server wants later stays pending and is sent again", () => {
  const { session, socket, store, run } = connected();
  session.send({ text: "hello", files: [] });
  const [{ client_id }] = socket.of("send");
  socket.say(away({ client_id, retry_after_s: 2 }));
  assert.equal(currentThread(store.state).pending[0].status, "pending");
  run();
  assert.deepEqual(socket.of("send").map((frame) => frame.client_id), [client_id, client_id]);
  assert.equal(store.state.notice, null);
});

test("after the last try the message is refused, its text is kept and it can be sent again", () => {
  const { session, socket, store, run } = connected();
  session.send({ text: "hello", files: [] });
  const [{ client_id }] = socket.of("send");
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    socket.say(away({ client_id, retry_after_s: 2 }));
    run();
  }
  const [refused] = currentThread(store.state).pending;
  assert.equal(socket.of("send").length, TRIES_MAX);
  assert.deepEqual([refused.status, refused.text], ["refused", "hello"]);
  assert.doesNotMatch(refused.error.message, /will be tried again/);
  session.retry(client_id);
  assert.equal(socket.of("send").length, TRIES_MAX + 1);
});

test("a refusal that names no time is shown at once", () => {
  const { session, socket, store, waits } = connected();
  session.send({ text: "hello", files: [] });
  const [{ client_id }] = socket.of("send");
  socket.say(away({ client_id, code: "queue_full" }));
  assert.equal(currentThread(store.state).pending[0].status, "refused");
  assert.deepEqual(waits, []);
});

test("the next user of a tab neither sees nor sends what the first one left", () => {
  const storage = memory();
  page({ storage }).session.send({ text: "mine", files: [] });
  const next = page({ storage, user_id: OTHER });
  next.socket.say(ready(OTHER));
  assert.deepEqual(currentThread(next.store.state).pending, []);
  assert.deepEqual(next.socket.of("send"), []);
  const again = connected({ storage });
  assert.equal(again.socket.of("send")[0].text, "mine");
});

test("an old page whose connection has become another user's says nothing more", () => {
  const { session, socket, store, seen } = page();
  session.send({ text: "mine", files: [] });
  socket.say(ready(OTHER));
  socket.say({ type: "threads", threads: [{ thread_id: THREAD, title: "T", updated_at: "2026" }] });
  assert.equal(seen.others, 1);
  assert.deepEqual(socket.of("send"), []);
  assert.deepEqual(socket.of("subscribe"), []);
  assert.deepEqual(store.state.list, []);
});
