import assert from "node:assert/strict";
import { test } from "node:test";

import { settle } from "./doors.mjs";

globalThis.WebSocket = class {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 3;
};
const { StreamSocket, messagesOf } = await import("../../chat/static/chat/stream_socket.js");

const WELCOME = 'data: {"type":"welcome","connection_id":"conn_1_abc123"}\n\n';

/** A socket on a server in our hands: `say` streams, `posts` are what came, `answer` lets one go. */
function opened({ status = 200 } = {}) {
  const here = { posts: [], heard: [], closed: [] };
  const body = new ReadableStream({ start: (controller) => (here.controller = controller) });
  const fetch = (url, { body: text, signal, headers }) => {
    if (url === "/api/socket/") return Promise.resolve({ ok: status === 200, status, body });
    return new Promise((resolve, reject) => {
      here.posts.push({ url, frames: text.split("\n"), csrf: headers["X-CSRFToken"] });
      here.answer = (code) => resolve({ ok: code === 204, status: code });
      here.fail = () => reject(new TypeError("network"));
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };
  here.say = (text) => here.controller.enqueue(new TextEncoder().encode(text));
  here.socket = new StreamSocket("/api/socket/", { csrf: "token", fetch });
  here.socket.onmessage = ({ data }) => here.heard.push(data);
  here.socket.onclose = (close) => here.closed.push(close);
  return here;
}

async function welcomed() {
  const here = opened();
  here.say(WELCOME);
  await settle();
  return here;
}

test("it is open with the first frame, and frames come as they were sent", async () => {
  const here = opened();
  assert.equal(here.socket.readyState, WebSocket.CONNECTING);
  here.say(`${WELCOME}data: {"text":"é`);
  here.say('"}\n\n: alive\n\nevent: close\nda');
  await settle();
  assert.equal(here.socket.readyState, WebSocket.OPEN);
  assert.deepEqual(here.heard[1], '{"text":"é"}');
  here.say('ta: {"code":1012,"reason":"restart"}\n\n');
  await settle();
  assert.deepEqual(here.closed, [{ code: 1012, reason: "restart" }]);
  assert.equal(here.socket.readyState, WebSocket.CLOSED);
});

test("frames go out in order, those that wait together in one POST", async () => {
  const here = await welcomed();
  for (const frame of ["a", "b", "c"]) here.socket.send(frame);
  await settle();
  here.answer(204);
  await settle();
  assert.deepEqual(here.posts, [
    { url: "/api/socket/conn_1_abc123/", frames: ["a"], csrf: "token" },
    { url: "/api/socket/conn_1_abc123/", frames: ["b", "c"], csrf: "token" },
  ]);
});

test("a POST stays small, and a frame that is large goes alone", async () => {
  const here = await welcomed();
  here.socket.send("first");
  for (let number = 0; number < 60; number += 1) here.socket.send(`${number}`);
  here.socket.send("x".repeat(64_000));
  const sizes = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await settle();
    sizes.push(here.posts.at(-1).frames.length);
    here.answer(204);
  }
  assert.deepEqual(sizes, [1, 50, 10, 1]);
});

for (const [name, act] of [
  ["a refused POST", (here) => here.answer(410)],
  ["a POST that is lost", (here) => here.fail()],
  ["an answer that ends", (here) => here.controller.close()],
  ["an answer that breaks", (here) => here.controller.error(new TypeError("network"))],
]) {
  test(`${name} ends it, once`, async () => {
    const here = await welcomed();
    here.socket.send("a");
    await settle();
    act(here);
    await settle();
    await settle();
    assert.deepEqual(here.closed, [{ code: 1006, reason: "" }]);
    here.socket.send("b");
    assert.equal(here.posts.length, 1);
  });
}

test("a server that refuses the stream ends it", async () => {
  const here = opened({ status: 403 });
  await settle();
  assert.deepEqual(here.closed, [{ code: 1006, reason: "" }]);
});

test("messages are told apart wherever the network cuts them", async () => {
  const bytes = new TextEncoder().encode('event: snapshot\ndata: {"a":"ü\\n"}\n\n: alive\n\ndata: 2\n\n');
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes.slice(0, cut));
        controller.enqueue(bytes.slice(cut));
        controller.close();
      },
    });
    const found = [];
    for await (const { event, data } of messagesOf(body)) found.push([event, data]);
    assert.deepEqual(found, [["snapshot", '{"a":"ü\\n"}'], ["message", "2"]]);
  }
});
