import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryStore } from "../../chat/static/chat/memory_store.js";
import { TRIES_MAX } from "../../chat/static/chat/patience.js";
import { currentThread } from "../../chat/static/chat/store.js";
import { createBrowser, settle } from "./doors.mjs";
import { THREAD, asked, events, snapshot } from "./frames.mjs";
import { away, connected, page, ready } from "./pages.mjs";

const OTHER = "user_1_other1";

const pendingOf = ({ store }) => currentThread(store.state).pending;

test("a failed subscribe is asked again after the time the server names", async () => {
  const { socket, clock, store } = await connected();
  socket.say(away({ retry_after_s: 5 }));
  clock.pass(4999);
  assert.equal(socket.of("subscribe").length, 1);
  clock.pass(1);
  const [first, second] = socket.of("subscribe");
  assert.deepEqual(second, first);
  assert.equal(store.state.notice, null);
});

test("where the server names no time it is asked again every two seconds", async () => {
  const { socket, clock } = await connected();
  for (const count of [1, 2, 3]) {
    socket.say(away());
    clock.pass(2000);
    assert.equal(socket.of("subscribe").length, 1 + count);
  }
  socket.say(snapshot());
  clock.pass(2000);
  assert.equal(socket.of("subscribe").length, 4);
});

test("a subscribe that failed in the middle of the log goes on from there", async () => {
  const { socket, clock } = await connected();
  socket.say(snapshot());
  socket.say(events(asked(1)));
  socket.say(events(asked(3)));
  socket.say(away());
  clock.pass(2000);
  assert.deepEqual(
    socket.of("subscribe").map((frame) => frame.after_seq),
    [null, 1, 1],
  );
});

test("a new connection asks by itself, and the old wait asks no second time", async () => {
  const { socket, clock } = await connected();
  socket.say(away());
  socket.say(ready());
  clock.pass(2000);
  assert.equal(socket.of("subscribe").length, 2);
});

test("other refusals without a client_id are shown and not asked again", async () => {
  const { socket, store, clock } = await connected();
  socket.say(away({ code: "too_many" }));
  clock.pass(5000);
  assert.equal(socket.of("subscribe").length, 1);
  assert.equal(store.state.notice.code, "too_many");
});

test("a send is shown as pending, sent, and stored where its ack says", async () => {
  const here = await connected({ thread_id: null });
  await here.send("hello");
  const [{ client_id, thread_id }] = here.socket.of("send");
  assert.equal(thread_id, null);
  assert.equal(pendingOf(here)[0].status, "pending");
  here.socket.say({ type: "ack", client_id, message_id: "msg_1_user100", thread_id: THREAD });
  assert.equal(here.store.state.current, THREAD);
  assert.equal(pendingOf(here)[0].status, "stored");
  await settle();
  here.socket.say(events(asked(1, "msg_1_user100", { client_id })));
  assert.deepEqual(pendingOf(here), []);
  assert.deepEqual(here.socket.of("subscribe"), [], "the server has subscribed it");
});

test("a send the server wants later counts down, stays pending and is sent again", async () => {
  const here = await connected();
  await here.send("hello");
  const [{ client_id }] = here.socket.of("send");
  here.socket.say(away({ client_id, retry_after_s: 2 }));
  const [{ status, until }] = pendingOf(here);
  assert.deepEqual([status, until - here.clock.now()], ["pending", 2000]);
  here.clock.pass(2000);
  assert.deepEqual(
    here.socket.of("send").map((frame) => frame.client_id),
    [client_id, client_id],
  );
  assert.equal(here.store.state.notice, null);
});

test("after the last try a message is refused and can be sent again", async () => {
  const here = await connected();
  await here.send("hello");
  const [{ client_id }] = here.socket.of("send");
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    here.socket.say(away({ client_id, retry_after_s: 2 }));
    here.clock.pass(2000);
  }
  const [refused] = pendingOf(here);
  assert.equal(here.socket.of("send").length, TRIES_MAX);
  assert.deepEqual([refused.status, refused.text], ["refused", "hello"]);
  assert.doesNotMatch(refused.refusal.message, /will be tried again/);
  await settle();
  await here.session.retry(client_id);
  await settle();
  assert.equal(here.socket.of("send").length, TRIES_MAX + 1);
});

for (const code of ["queue_full", "limit_reached", "failed"]) {
  test(`${code} without a time is shown at its message and waits for the user`, async () => {
    const here = await connected();
    await here.send("hello");
    const [{ client_id }] = here.socket.of("send");
    here.socket.say(away({ client_id, code }));
    here.clock.pass(60_000);
    const [{ status, refusal }] = pendingOf(here);
    assert.deepEqual([status, refusal.code, refusal.retryable], ["refused", code, true]);
    assert.equal(here.store.state.notice, null);
    assert.equal(here.socket.of("send").length, 1);
    assert.equal(here.session.withdraw(client_id).text, "hello");
    assert.deepEqual(pendingOf(here), []);
  });
}

test("the next user of a browser neither sees nor sends what the first one left", async () => {
  const outboxStore = new MemoryStore();
  await (await page({ outboxStore })).send("mine");
  const next = await page({ outboxStore, user_id: OTHER });
  next.socket.say(ready(OTHER));
  await settle();
  assert.deepEqual(pendingOf(next), []);
  assert.deepEqual(next.socket.of("send"), []);
  const again = await connected({ outboxStore });
  assert.equal(again.socket.of("send")[0].text, "mine");
});

test("an old page whose connection has become another user's says nothing more", async () => {
  const { socket, store, seen, send } = await page();
  await send("mine");
  socket.say(ready(OTHER));
  socket.say({ type: "threads", threads: [{ thread_id: THREAD, title: "T", updated_at: "2026" }] });
  await settle();
  assert.equal(seen.others, 1);
  assert.deepEqual(socket.of("send"), []);
  assert.deepEqual(socket.of("subscribe"), []);
  assert.deepEqual(store.state.list.rows, []);
});

test("an unsent message of a new thread is found again, in another tab too", async () => {
  const options = { outboxStore: new MemoryStore(), browser: createBrowser(), thread_id: null };
  const first = await page(options);
  const other = await page(options);
  await first.send("hello");
  other.session.open(null);
  assert.equal(pendingOf(other)[0].text, "hello");
});

test("a second tab on a new thread follows it as soon as the first one learns its id", async () => {
  const options = { outboxStore: new MemoryStore(), browser: createBrowser(), thread_id: null };
  const first = await connected(options);
  const other = await connected(options);
  await first.send("hello");
  other.session.open(null);
  const [{ client_id }] = first.socket.of("send");
  first.socket.say({ type: "ack", client_id, message_id: "msg_1_user100", thread_id: THREAD });
  await settle();
  assert.equal(other.store.state.current, THREAD);
  assert.equal(other.socket.of("subscribe")[0].thread_id, THREAD);
});

test("typing is told at most every three seconds, and not where it is not understood", async () => {
  const { session, socket, clock, store } = await connected();
  session.typed();
  session.typed();
  clock.pass(3000);
  session.typed();
  assert.equal(socket.of("typing").length, 2);
  socket.say({ type: "error", code: "unknown_type", message: "?", retryable: false });
  clock.pass(3000);
  session.typed();
  assert.equal(socket.of("typing").length, 2);
  assert.equal(store.state.notice, null);
});

test("a thread without an id has nobody to tell of typing", async () => {
  const { session, socket } = await connected({ thread_id: null });
  session.typed();
  assert.deepEqual(socket.of("typing"), []);
});

test("another window's typing is known for five seconds after it was last heard of", async () => {
  const { socket, clock, store } = await connected();
  const typing = { type: "typing", thread_id: THREAD, connection_id: "conn_1_other1" };
  socket.say(typing);
  clock.pass(3000);
  socket.say(typing);
  clock.pass(4999);
  assert.equal(store.state.typing.thread_id, THREAD);
  clock.pass(1);
  assert.equal(store.state.typing, null);
  socket.say(snapshot());
  socket.say(typing);
  socket.say(events(asked(1)));
  assert.equal(store.state.typing, null, "what was typed has come");
});
