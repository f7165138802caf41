import assert from "node:assert/strict";
import { test } from "node:test";

import { ENTRIES_MAX, OutboxFull } from "../../chat/static/chat/entries.js";
import { MemoryStore } from "../../chat/static/chat/memory_store.js";
import { Outbox, newClientId } from "../../chat/static/chat/outbox.js";
import { TRIES_MAX } from "../../chat/static/chat/patience.js";
import { createBrowser, createClock, settle } from "./doors.mjs";
import { THREAD } from "./frames.mjs";

const USER = "user_1_abc123";
const LOCAL = { key: "local:1", thread_id: null };

const entry = (client_id, more = {}) => ({
  client_id,
  key: THREAD,
  thread_id: THREAD,
  text: `text of ${client_id}`,
  mode: "queue",
  files: [],
  ...more,
});
const ack = (client_id, thread_id = THREAD) => ({ type: "ack", client_id, thread_id });
const refused = { type: "error", message: "Not now.", retryable: true, retry_after_s: 2 };
const busy = (client_id, more = {}) => ({ ...refused, client_id, code: "unavailable", ...more });
const limited = (client_id, more = {}) => busy(client_id, { code: "limit_reached", ...more });

/** A tab of a browser; `sent` are the frames it sent, `shown` is what its page was told last. */
async function openTab({
  user_id = USER,
  store = new MemoryStore(),
  browser = createBrowser(),
  clock = createClock(),
  isOpen = true,
} = {}) {
  const tabs = browser.newTab();
  const tab = { store, browser, clock, tabs, sent: [], shown: [], acks: [] };
  tab.outbox = new Outbox({
    user_id,
    store,
    tabs,
    clock,
    send: (frame) => Boolean(tab.sent.push(frame)),
    onChange: (entries) => {
      tab.shown = entries;
    },
    onAck: (frame) => tab.acks.push(frame),
  });
  tab.ids = () => tab.sent.map((frame) => frame.client_id);
  tab.add = async (...entries) => {
    for (const each of entries) await tab.outbox.add(each);
    await settle();
  };
  tab.pass = async (ms) => {
    clock.pass(ms);
    await settle();
  };
  tab.takes = async (frame) => {
    const isOurs = tab.outbox.takes(frame);
    await settle();
    return isOurs;
  };
  tabs.listen((message) => tab.outbox.hear(message));
  if (isOpen) tab.outbox.opened();
  await tab.outbox.load();
  return tab;
}

const beside = ({ store, browser, clock }, more) => openTab({ store, browser, clock, ...more });

test("what is added goes out once, in order", async () => {
  const tab = await openTab();
  await tab.add(entry("a"), entry("b"));
  tab.outbox.opened();
  await settle();
  assert.deepEqual(tab.ids(), ["a", "b", "a", "b"], "and once more over the next connection");
});

test("it is stored before `add` is done and before it is sent", async () => {
  const tab = await openTab();
  const adding = tab.outbox.add(entry("a"));
  assert.deepEqual(tab.ids(), []);
  await adding;
  assert.equal((await tab.store.read(USER)).length, 1);
  await settle();
  assert.deepEqual(tab.ids(), ["a"]);
});

test("what had no answer goes out again over the next connection, under the same id", async () => {
  const tab = await openTab();
  await tab.add(entry("a"), entry("b"));
  assert.equal(await tab.takes(ack("a")), true);
  tab.outbox.closed();
  tab.outbox.opened();
  await settle();
  assert.deepEqual(tab.ids(), ["a", "b", "b"]);
});

test("what is written while offline outlives its window and goes out later", async () => {
  const first = await openTab({ isOpen: false });
  await first.add(entry("a"));
  first.tabs.close();
  const next = await beside(first);
  await settle();
  assert.deepEqual([first.ids(), next.ids()], [[], ["a"]]);
});

test("each send is answered once", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  assert.equal(await tab.takes(ack("a")), true);
  assert.equal(await tab.takes(ack("a")), false);
  assert.deepEqual(tab.shown, []);
  assert.deepEqual(await tab.store.read(USER), []);
  assert.equal(tab.acks.length, 1);
});

test("the second message of a new thread waits for the first one's ack and joins it", async () => {
  const tab = await openTab();
  await tab.add(entry("a", LOCAL), entry("b", LOCAL));
  assert.deepEqual(tab.ids(), ["a"]);
  await tab.takes(ack("a", "thread_1_new123"));
  assert.equal(tab.sent[1].thread_id, "thread_1_new123");
});

test("a message that is stored while its thread gets its id joins it too", async () => {
  const tab = await openTab();
  await tab.add(entry("a", LOCAL));
  tab.outbox.takes(ack("a", "thread_1_new123"));
  await tab.add(entry("b", LOCAL));
  assert.equal(tab.sent[1].thread_id, "thread_1_new123");
  assert.equal((await tab.store.read(USER))[0].key, "thread_1_new123");
});

test("a refusal stays with its message, over a reload, until the user decides", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  await tab.takes(busy("a", { code: "limit_reached", retry_after_s: undefined }));
  tab.tabs.close();
  const next = await beside(tab);
  assert.equal(next.shown[0].refusal.code, "limit_reached");
  await settle();
  assert.deepEqual(next.ids(), []);
  await next.outbox.retry("a");
  await settle();
  assert.deepEqual(next.ids(), ["a"]);
});

test("what is taken back comes back and is gone", async () => {
  const tab = await openTab({ isOpen: false });
  await tab.add(entry("a"));
  assert.equal(tab.outbox.withdraw("a").text, "text of a");
  assert.equal(tab.outbox.withdraw("a"), null);
  await settle();
  assert.deepEqual(await tab.store.read(USER), []);
});

test("what the server may have is not taken back, what it has surely not stored is", async () => {
  const tab = await openTab({ isOpen: false });
  await tab.add(entry("a"), entry("b"));
  const onlyHere = () => tab.shown.map((each) => each.isOnlyHere);
  assert.deepEqual(onlyHere(), [true, true]);
  tab.outbox.opened();
  await settle();
  assert.deepEqual(onlyHere(), [false, false]);
  tab.outbox.closed();
  assert.equal(tab.outbox.withdraw("a"), null);
  tab.outbox.opened();
  await settle();
  for (const refusal of [busy("a"), limited("b")]) await tab.takes(refusal);
  assert.deepEqual(onlyHere(), [false, true]);
  assert.equal(tab.outbox.withdraw("b").text, "text of b");
});

test("a full outbox refuses and keeps what it has", async () => {
  const tab = await openTab({ isOpen: false });
  for (let n = 0; n < ENTRIES_MAX; n += 1) await tab.outbox.add(entry(`c-${n}`));
  await assert.rejects(tab.outbox.add(entry("more")), OutboxFull);
  assert.equal((await tab.store.read(USER)).length, ENTRIES_MAX);
});

test("client ids are fresh and fit the wire", () => {
  const ids = new Set(Array.from({ length: 500 }, newClientId));
  assert.equal(ids.size, 500);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9._:-]{1,64}$/);
});

test("what one user has not sent is neither sent nor lost by the next one", async () => {
  const first = await openTab({ isOpen: false });
  await first.add(entry("a"));
  first.tabs.close();
  const other = await openTab({ store: first.store, user_id: "user_1_other1" });
  await other.add(entry("b"));
  assert.deepEqual(other.ids(), ["b"]);
  const again = await beside(first);
  await settle();
  assert.deepEqual(again.ids(), ["a"]);
});

test("what the server wants later says when, and goes out then under the same id", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  assert.equal(await tab.takes(busy("a")), true);
  assert.equal(tab.shown[0].until, tab.clock.now() + 2000);
  tab.clock.pass(1999);
  assert.deepEqual(tab.ids(), ["a"]);
  tab.clock.pass(1);
  assert.deepEqual(tab.ids(), ["a", "a"]);
  assert.equal(tab.shown[0].until, null);
});

test("only a retryable refusal that names a time is postponed", async () => {
  for (const more of [{ retry_after_s: undefined }, { retryable: false }]) {
    const tab = await openTab();
    await tab.add(entry("a"));
    assert.equal(await tab.takes(busy("a", more)), true);
    assert.equal(tab.shown[0].refusal.message, "Not now.");
    assert.deepEqual(tab.clock.waits, []);
  }
  assert.equal(await (await openTab()).takes(busy("z")), false);
});

test("tries are bounded, and a user who tries again has them all once more", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  const refuseAll = async () => {
    while (tab.shown[0].refusal === null) {
      await tab.takes(busy("a"));
      tab.clock.pass(2000);
    }
  };
  await refuseAll();
  assert.equal(tab.sent.length, TRIES_MAX);
  assert.match(tab.shown[0].refusal.message, /20 tries/);
  await tab.outbox.retry("a");
  await settle();
  await refuseAll();
  assert.equal(tab.sent.length, 2 * TRIES_MAX);
});

test("nothing overtakes a postponed send of its thread, other threads go on", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  await tab.takes(busy("a"));
  await tab.add(entry("b"), entry("c", { key: "thread_1_other1", thread_id: "thread_1_other1" }));
  assert.deepEqual(tab.ids(), ["a", "c"]);
  tab.clock.pass(2000);
  assert.deepEqual(tab.ids(), ["a", "c", "a", "b"]);
});

test("a limit of the account holds back what has not been sent either", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  tab.outbox.closed();
  await tab.add(entry("b", { key: "thread_1_other1", thread_id: "thread_1_other1" }));
  tab.outbox.opened();
  await tab.takes(limited("a", { retry_after_s: 12 }));
  const waits = tab.shown.map((each) => each.until - tab.clock.now());
  assert.deepEqual(waits, [12_000, 12_000]);
  tab.sent.length = 0;
  tab.outbox.closed();
  tab.outbox.opened();
  await settle();
  assert.deepEqual(tab.ids(), [], "a new connection does not lift it");
  await tab.pass(12_000);
  assert.deepEqual(tab.ids(), ["a", "b"]);
});

test("a new connection ends the wait for a server that was away", async () => {
  const tab = await openTab();
  await tab.add(entry("a"));
  await tab.takes(busy("a"));
  tab.outbox.opened();
  await settle();
  assert.deepEqual(tab.ids(), ["a", "a"]);
  tab.clock.pass(5000);
  assert.deepEqual(tab.ids(), ["a", "a"]);
});

test("two tabs show the same, and the one it was written in sends", async () => {
  const one = await openTab();
  const two = await beside(one);
  await one.add(entry("a"));
  assert.deepEqual([one.ids(), two.ids()], [["a"], []]);
  assert.deepEqual(one.shown, two.shown);
  await one.takes(ack("a"));
  assert.deepEqual([one.shown, two.shown], [[], []]);
  assert.deepEqual(two.acks, [ack("a")]);
});

test("when a tab is closed before the answer came, the other one sends", async () => {
  const one = await openTab();
  const two = await beside(one);
  await one.add(entry("a"), entry("b"));
  await one.takes(ack("a"));
  one.tabs.close();
  await two.pass(1000);
  assert.deepEqual(two.ids(), ["b"]);
});

test("a tab that has lost its connection leaves sending to one that has", async () => {
  const one = await openTab();
  const two = await beside(one);
  one.outbox.closed();
  await one.add(entry("a"));
  await two.pass(1000);
  assert.deepEqual([one.ids(), two.ids()], [[], ["a"]]);
  await two.takes(ack("a"));
  one.outbox.opened();
  await settle();
  assert.deepEqual([one.shown, one.ids()], [[], []]);
});

test("what a tab sends and gets answered at once costs the other one nothing", async () => {
  const one = await openTab();
  const asked = [];
  const two = await beside(one);
  const claim = two.tabs.claim;
  two.tabs.claim = (key, granted) => {
    asked.push(key);
    return claim(key, granted);
  };
  await one.add(entry("a"));
  await one.takes(ack("a"));
  await one.pass(20_000);
  assert.deepEqual(asked, []);
});

test("a tab that neither sends nor lets go is waited for no longer than ten seconds", async () => {
  const one = await openTab();
  const two = await beside(one);
  await one.add(entry("a"));
  await two.pass(10_999);
  assert.deepEqual(two.ids(), []);
  await two.pass(1);
  assert.deepEqual(two.ids(), ["a"]);
});

test("a thread named in one tab is named in what the other wrote in it", async () => {
  const one = await openTab();
  const two = await beside(one);
  await one.add(entry("a", LOCAL));
  await two.add(entry("b", LOCAL));
  assert.deepEqual([one.ids(), two.ids()], [["a"], []]);
  await one.takes(ack("a", "thread_1_new123"));
  await one.pass(1000);
  const sent = [...one.sent, ...two.sent].filter((frame) => frame.client_id === "b");
  assert.deepEqual(sent.map((frame) => frame.thread_id), ["thread_1_new123"]);
});

test("a countdown, a refusal and its retry are seen in both tabs", async () => {
  const one = await openTab();
  const two = await beside(one);
  await one.add(entry("a"));
  await one.takes(limited("a", { retry_after_s: 12 }));
  assert.equal(two.shown[0].until, one.shown[0].until);
  one.clock.pass(12_000);
  await settle();
  assert.equal(two.shown[0].until, null);
  await one.takes(limited("a", { retry_after_s: undefined }));
  assert.equal(two.shown[0].refusal.code, "limit_reached");
  await two.outbox.retry("a");
  await settle();
  assert.equal(one.shown[0].refusal, null);
  assert.deepEqual([one.ids(), two.ids()], [["a", "a"], ["a"]]);
});

test("a tab that is opened in the middle of a countdown shows it too", async () => {
  const one = await openTab();
  await one.add(entry("a"));
  await one.takes(busy("a", { retry_after_s: 12 }));
  one.clock.pass(4000);
  const two = await beside(one);
  await settle();
  assert.equal(two.shown[0].until, one.clock.now() + 8000);
  one.clock.pass(8000);
  await settle();
  assert.deepEqual([one.ids(), two.ids()], [["a", "a"], []]);
});

test("without locks both tabs send, and the second answer is no news", async () => {
  const browser = createBrowser();
  const unlocked = {
    newTab: () => ({ ...browser.newTab(), claim: (_key, granted) => (granted(), () => {}) }),
  };
  const one = await openTab({ browser: unlocked });
  const two = await beside(one);
  await one.add(entry("a"));
  await one.pass(1000);
  assert.deepEqual([one.ids(), two.ids()], [["a"], ["a"]]);
  await one.takes(ack("a"));
  assert.equal(await two.takes({ ...ack("a"), duplicate: true }), true);
  assert.equal(await two.takes(ack("a")), false);
});
