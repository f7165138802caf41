import assert from "node:assert/strict";
import { test } from "node:test";

import { Older } from "../../chat/static/chat/older.js";
import { createStore, currentThread } from "../../chat/static/chat/store.js";
import { timeline } from "../../chat/static/chat/timeline.js";
import { THREAD, snapshot } from "./frames.mjs";

const question = (n) => ({
  ...{ message_id: `msg_${n}`, role: "user", text: `question ${n}`, seq: 2 * n, status: "stored" },
  run_id: `run_${n}`,
  after_run_id: n === 1 ? null : `run_${n - 1}`,
});
const answer = (n) => ({
  ...{ message_id: `answer_${n}`, role: "assistant", text: `answer ${n}`, seq: 2 * n + 1 },
  ...{ run_id: `run_${n}`, question_id: `msg_${n}`, status: "completed" },
});
const turns = (from, to) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index).flatMap((n) => [
    question(n),
    answer(n),
  ]);
const page = (from, to) => ({ messages: turns(from, to), next: from > 1 ? `run_${from}` : null });
const textsIn = (store) =>
  timeline(currentThread(store.state)).map((item) => item.message?.text ?? item.run.text);
const textsOf = (messages) => messages.map((each) => each.text);

function opened(messages, more = true) {
  const store = createStore();
  store.dispatch({ type: "page.open", key: THREAD, thread_id: THREAD });
  store.dispatch(snapshot({ seq: 99, messages, more }));
  return store;
}

/** The API's side, whose answers come when the test says so. */
function createApi() {
  const asked = [];
  return {
    asked,
    messages: (thread_id, query) =>
      new Promise((resolve, reject) => asked.push({ thread_id, ...query, resolve, reject })),
  };
}

test("older pages come before what is held, to the beginning", async () => {
  const store = opened(turns(5, 6));
  const api = createApi();
  const older = new Older({ store, api });
  const first = older.load();
  assert.equal(older.load(), first, "one request at a time");
  assert.equal(currentThread(store.state).older, "loading");
  assert.equal(api.asked[0].cursor, "run_5");
  api.asked[0].resolve(page(3, 4));
  assert.equal(await first, true);
  const second = older.load();
  assert.equal(api.asked[1].cursor, "run_3");
  api.asked[1].resolve(page(1, 2));
  await second;
  assert.deepEqual(textsIn(store), textsOf(turns(1, 6)));
  assert.equal(currentThread(store.state).more, false);
  assert.equal(await older.load(), false);
});

test("an answer whose question was not held stands behind it once that came", async () => {
  const store = opened([answer(4), ...turns(5, 6)]);
  const api = createApi();
  const loading = new Older({ store, api }).load();
  api.asked[0].resolve(page(3, 4));
  await loading;
  assert.deepEqual(textsIn(store), textsOf(turns(3, 6)));
});

test("a snapshot keeps the older messages of the same branch, and of no other", async () => {
  const store = opened(turns(5, 6));
  const api = createApi();
  const loading = new Older({ store, api }).load();
  api.asked[0].resolve(page(3, 4));
  await loading;
  store.dispatch(snapshot({ seq: 120, messages: turns(5, 7), more: true }));
  assert.deepEqual(textsIn(store), textsOf(turns(3, 7)));
  const other = turns(15, 17);
  store.dispatch(snapshot({ seq: 130, messages: other, more: true }));
  assert.deepEqual(textsIn(store), textsOf(other));
});

test("what could not be loaded can be asked for again, and another branch takes no page", async () => {
  const store = opened(turns(5, 6));
  const api = createApi();
  const older = new Older({ store, api });
  const failing = older.load();
  api.asked[0].reject(new Error("away"));
  assert.equal(await failing, false);
  assert.equal(currentThread(store.state).older, "failed");
  const late = older.load();
  store.dispatch(snapshot({ seq: 130, messages: turns(8, 9), more: true }));
  api.asked[1].resolve(page(3, 4));
  assert.equal(await late, false);
  assert.deepEqual(textsIn(store), textsOf(turns(8, 9)));
});

test("what the user thinks of an answer is kept with it", () => {
  const messages = turns(1, 1);
  messages[1].feedback = { rating: "down", reason: "wrong" };
  const store = opened(messages, false);
  const run = () => currentThread(store.state).runs.run_1;
  assert.equal(run().feedback.rating, "down");
  store.dispatch({ type: "page.rated", key: THREAD, run_id: "run_1", feedback: null });
  assert.equal(run().feedback, null);
});
