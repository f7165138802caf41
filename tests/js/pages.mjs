// A page without elements: a session on a socket whose server's end is in our hand.

import { MemoryStore } from "../../chat/static/chat/memory_store.js";
import { Session } from "../../chat/static/chat/session.js";
import { createStore } from "../../chat/static/chat/store.js";
import { Socket, becomeWindow, createBrowser, createClock, createRoads, settle } from "./doors.mjs";
import { THREAD, asked, events, snapshot, started } from "./frames.mjs";

export const USER = "user_1_abc123";

becomeWindow();

/** The server knows the page's user. */
export const ready = (user_id = USER) => ({
  type: "ready",
  user: { user_id, email: "someone@example.org" },
  entitlements: {},
  limits: { text: 10_000, frame: 65_536 },
  services: { database: true, bus: true, runs: true },
  active_runs: [],
});

/** The server cannot take something. */
export const away = (more = {}) => ({
  type: "error",
  code: "unavailable",
  message: "This cannot be stored right now. It will be tried again.",
  retryable: true,
  ...more,
});

/** A page of a user on the thread of the frames. */
export async function page({
  outboxStore = new MemoryStore(),
  browser = createBrowser(),
  user_id = USER,
  thread_id = THREAD,
} = {}) {
  const store = createStore();
  const clock = createClock();
  const seen = { others: 0 };
  const session = new Session({
    store,
    roads: createRoads(),
    outboxStore,
    tabs: browser.newTab(),
    user_id,
    clock,
    onOtherUser: () => (seen.others += 1),
  });
  await session.start();
  session.open(thread_id);
  const send = async (text) => {
    await session.send({ text, files: [] });
    await settle();
  };
  return { store, session, clock, seen, send, socket: Socket.last };
}

export async function connected(options) {
  const here = await page(options);
  here.socket.say(ready());
  await settle();
  return here;
}

/** The page's thread has a run that is being answered. */
export const running = (here) => {
  here.socket.say(snapshot());
  here.socket.say(events(asked(1), started(2)));
};
