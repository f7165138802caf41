import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Connection } from "../../chat/static/chat/socket.js";
import { Socket, becomeWindow, createClock, createRoads } from "./doors.mjs";

becomeWindow();
const CONNECTING = 0;
const up = { database: true, bus: true, runs: true };
const welcome = { type: "welcome", connection_id: "conn_1_abc123" };
const ready = { type: "ready", services: up };
const pong = { type: "pong", heads: {} };
const wake = () => window.dispatchEvent(new Event("online"));

/** A connection that has been opened; `words` are the states it told. */
function opened(roads = createRoads()) {
  const clock = createClock();
  const words = [];
  Socket.all.length = 0;
  const connection = new Connection({
    roads,
    clock,
    onFrame: () => {},
    onStatus: ({ status }) => words.at(-1) !== status && words.push(status),
    heads: () => ({ thread_1_abc123: 7 }),
  });
  connection.open();
  return { clock, words, connection };
}

function readied() {
  const here = opened();
  Socket.last.say(welcome);
  Socket.last.say(ready);
  return here;
}

afterEach(() => {
  globalThis.window = new EventTarget();
  globalThis.document = new EventTarget();
  navigator.onLine = true;
});

test("it is connecting, connected and ready, one after the other", () => {
  assert.deepEqual(readied().words, ["connecting", "connected", "ready"]);
});

test("after a drain it connects again when the server said, and is not called offline", () => {
  const { clock, words } = readied();
  Socket.last.say({ type: "drain", reconnect_after_ms: 700 });
  Socket.last.end(1012);
  clock.pass(699);
  assert.equal(Socket.all.length, 1);
  clock.pass(1);
  assert.equal(Socket.all.length, 2);
  Socket.last.end(1006);
  clock.pass(2000);
  Socket.last.end(1006);
  clock.pass(4000);
  Socket.last.say(ready);
  assert.deepEqual(words.slice(3), ["connecting", "ready"]);
});

test("a server that said it restarts and does not come back is called offline in the end", () => {
  const { clock, words } = readied();
  Socket.last.end(1012);
  for (let tries = 0; tries < 6; tries += 1) {
    clock.pass(31_000);
    Socket.last.end(1006);
  }
  assert.equal(words.at(-1), "offline");
});

test("any other close is followed by a wait between half a second and its ceiling", () => {
  const { clock } = readied();
  for (const ceiling of [1000, 2000, 4000, 8000]) {
    const before = Socket.all.length;
    Socket.last.end(1006);
    clock.pass(499);
    assert.equal(Socket.all.length, before);
    clock.pass(ceiling - 499);
    assert.equal(Socket.all.length, before + 1);
  }
});

test("a final close stays closed, whatever happens, until the user asks", () => {
  const { clock, words, connection } = readied();
  Socket.last.end(4529);
  wake();
  clock.pass(3_600_000);
  assert.equal(Socket.all.length, 1);
  connection.reopen();
  assert.equal(Socket.all.length, 2);
  assert.deepEqual(words.slice(3), ["offline", "connecting"]);
});

test("whose session has another key now is back by itself, and who is signed out stays out", () => {
  const { clock, words } = readied();
  Socket.last.end(4501);
  clock.pass(1000);
  assert.equal(Socket.all.length, 2);
  assert.deepEqual(words.slice(3), ["connecting"]);
  Socket.last.say(welcome);
  Socket.last.end(4501);
  clock.pass(3_600_000);
  assert.equal(Socket.all.length, 2);
  assert.equal(words.at(-1), "offline");
});

test("a stream is tried the moment after a socket failed: later the server might be back for both", () => {
  const streams = [];
  const openStream = () => {
    const stream = new Socket();
    streams.push(stream);
    return stream;
  };
  const { clock } = opened(createRoads({ openStream }));
  Socket.last.end(1006);
  assert.deepEqual(clock.waits.slice(0, 1).map((wait) => wait >= 500), [true]);
  clock.pass(1000);
  Socket.last.end(1006);
  clock.pass(0);
  assert.equal(streams.length, 1);
  streams[0].end(1006);
  clock.pass(499);
  assert.equal(Socket.all.length, 3, "both have failed: it is the server");
  clock.pass(1500);
  assert.deepEqual([Socket.all.length, streams.length], [4, 1]);
});

test("a server that says nothing for 60 s is dead, one that says something is not", () => {
  const { clock } = readied();
  clock.pass(59_000);
  Socket.last.say(pong);
  clock.pass(59_999);
  assert.equal(Socket.last.readyState, Socket.OPEN);
  clock.pass(1);
  assert.equal(Socket.all[0].readyState, 3);
  clock.pass(1000);
  assert.equal(Socket.all.length, 2);
});

test("a server that does not make ready in 15 s is left", () => {
  const { clock } = opened();
  clock.pass(15_000);
  assert.equal(Socket.all[0].readyState, 3);
});

test("a page that wakes pings, and without an answer in 3 s it connects anew", () => {
  const { clock } = readied();
  wake();
  wake();
  assert.equal(Socket.last.of("ping").length, 1);
  clock.pass(2999);
  assert.equal(Socket.last.readyState, Socket.OPEN);
  clock.pass(1);
  assert.equal(Socket.all[0].readyState, 3);
  clock.pass(1000);
  assert.equal(Socket.all.length, 2);
});

test("any frame answers the ping of a page that wakes", () => {
  const { clock } = readied();
  wake();
  Socket.last.say(pong);
  clock.pass(10_000);
  assert.equal(Socket.all.length, 1);
});

test("a page that wakes while it waits for the next try connects at once", () => {
  for (const source of [() => window, () => document]) {
    const { clock } = readied();
    Socket.last.end(1006);
    const name = source() === window ? "pageshow" : "visibilitychange";
    source().dispatchEvent(new Event(name));
    assert.equal(Socket.all.length, 2);
    clock.pass(1000);
    assert.equal(Socket.all.length, 2, "the try it waited for is off");
  }
});

test("a handshake from before the page slept is left, a new one is given its time", () => {
  const { clock } = opened();
  Socket.last.readyState = CONNECTING;
  wake();
  assert.equal(Socket.last.readyState, CONNECTING);
  clock.pass(3001);
  wake();
  assert.equal(Socket.last.readyState, 3);
});

test("without a network it is offline, but not while frames still come", () => {
  const { clock, words } = readied();
  navigator.onLine = false;
  window.dispatchEvent(new Event("offline"));
  assert.equal(words.at(-1), "ready");
  clock.pass(3000);
  assert.equal(words.at(-1), "offline");
});

test("what is seen is confirmed at most once a second, with the bytes of all frames", () => {
  const { clock } = readied();
  const text = { type: "delta", text: "naïve 😀 \u0000 end" };
  for (let count = 0; count < 40; count += 1) {
    Socket.last.say(text);
    clock.pass(100);
  }
  clock.pass(1100);
  const seen = Socket.last.of("seen");
  assert.ok(seen.length >= 4 && seen.length <= 6, `${seen.length} in 5 s`);
  const bytes = (frame) => Buffer.byteLength(JSON.stringify(frame), "utf8");
  assert.equal(seen.at(-1).bytes, bytes(welcome) + bytes(ready) + 40 * bytes(text));
  assert.deepEqual(seen.at(-1).heads, { thread_1_abc123: 7 });
});

test("a clock that is set back keeps nothing from being confirmed, and no server alive", () => {
  const { clock } = readied();
  clock.jump(-3_600_000);
  Socket.last.say(pong);
  clock.pass(1100);
  assert.equal(Socket.last.of("seen").length, 2);
  clock.jump(-3_600_000);
  clock.pass(120_000);
  assert.equal(Socket.all[0].readyState, 3);
});

test("text waits to be taken, but for no frame of another kind and only so much of it", () => {
  const clock = createClock();
  const [frames, told] = [[], []];
  const connection = new Connection({
    ...{ roads: createRoads(), clock, heads: () => ({}), onStatus: () => {} },
    onFrame: ({ type, offset }) => frames.push(offset ?? type),
    onText: () => told.push(frames.length),
  });
  connection.open();
  Socket.last.say(ready);
  const say = (offset) => Socket.last.say({ type: "delta", offset });
  [0, 1].forEach(say);
  assert.deepEqual([frames, told], [["ready"], [1, 1]]);
  connection.takeTexts();
  connection.takeTexts();
  say(2);
  Socket.last.say(pong);
  assert.deepEqual(frames, ["ready", 0, 1, 2, "pong"]);
  frames.length = 0;
  Array.from({ length: 65 }, (_, offset) => say(offset));
  assert.deepEqual(frames, Array.from({ length: 65 }, (_, offset) => offset));
  say(65);
  Socket.last.end(1006);
  assert.equal(frames.at(-1), 65);
});

test("a new connection counts its bytes from the beginning", () => {
  const { clock } = readied();
  Socket.last.end(1006);
  clock.pass(1000);
  Socket.last.say(ready);
  clock.pass(1100);
  assert.equal(Socket.last.of("seen").at(-1).bytes, JSON.stringify(ready).length);
});

test("where timers are late a frame confirms by itself", () => {
  const { clock } = readied();
  const late = { ...clock, after: () => () => {} };
  Socket.all.length = 0;
  const connection = new Connection({
    roads: createRoads(),
    clock: late,
    onFrame: () => {},
    onStatus: () => {},
    heads: () => ({}),
  });
  connection.open();
  Socket.last.say(ready);
  Socket.last.say(pong);
  assert.equal(Socket.last.of("seen").length, 1);
  clock.pass(1100);
  Socket.last.say(pong);
  assert.equal(Socket.last.of("seen").length, 2);
});
