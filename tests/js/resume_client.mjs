// A page without a screen: the page's own modules on a real socket, told what to do on stdin, one
// JSON object a line. It answers "tell" on stdout and ends with its stdin.
//
//   node resume_client.mjs <base url> <cookie> <user id>

import { createInterface } from "node:readline";

import { MemoryStore } from "../../chat/static/chat/memory_store.js";
import { Roads } from "../../chat/static/chat/roads.js";
import { Session } from "../../chat/static/chat/session.js";
import { createStore, currentThread } from "../../chat/static/chat/store.js";

const [base_url, cookie, user_id] = process.argv.slice(2);

// What a browser adds to a handshake by itself.
class BrowserSocket extends WebSocket {
  constructor(url, protocols) {
    super(url, { protocols, headers: { Cookie: cookie, Origin: base_url } });
  }
}

globalThis.WebSocket = BrowserSocket;
globalThis.window = new EventTarget();
globalThis.document = new EventTarget();
Object.defineProperty(globalThis, "navigator", { value: { onLine: true } });

// What the page has applied to the thread it shows, in order: events, and snapshots.
const applied = [];
// Texts that, as far as they had streamed, were not the beginning of what was stored.
const torn = [];

function seqOf(state, thread_id) {
  const thread = state.threads[thread_id];
  // Of a thread that the page has just made, the first frame may tell the name.
  return thread === undefined ? 0 : thread.seq;
}

// Where a second attempt cuts the text is told once, by its first delta: whoever lost that one has
// pieces of both until the whole comes.
function isTorn({ type, run_id, data }, run, events) {
  const isAnswer = type === "message_created" && data.role === "assistant";
  if (!isAnswer || run === undefined || run.attempt > 1) return false;
  const isResumed = events.some((each) => each.type === "run_resumed" && each.run_id === run_id);
  return !isResumed && !data.text.startsWith(run.text);
}

function recording(store) {
  const dispatch = (action) => {
    const { thread_id, type } = action;
    const before = seqOf(store.state, thread_id);
    const runs = store.state.threads[thread_id]?.runs ?? {};
    store.dispatch(action);
    if (thread_id === undefined || thread_id !== store.state.current) return;
    const after = seqOf(store.state, thread_id);
    if (type === "snapshot") applied.push({ snapshot: after });
    if (type !== "events" || before === null) return;
    for (const event of action.events) {
      if (event.seq <= before || event.seq > after) continue;
      applied.push(event);
      const run = runs[event.run_id];
      if (isTorn(event, run, action.events)) torn.push({ streamed: run.text, stored: event.data.text });
    }
  };
  return { ...store, dispatch, get state() { return store.state; } };
}

// The only tab there is.
const tabs = {
  tell() {},
  listen() {},
  claim(_key, onGranted) {
    onGranted();
    return () => {};
  },
};

const store = recording(createStore());
const url = `${base_url.replace("http", "ws")}/ws/chat/`;
const session = new Session({
  store,
  roads: new Roads({ openSocket: () => new WebSocket(url, ["netra.v1"]), now: Date.now }),
  outboxStore: new MemoryStore(),
  tabs,
  user_id,
  onOtherUser: () => process.exit(1),
});

const COMMANDS = {
  open: ({ thread_id }) => session.open(thread_id),
  send: ({ text }) => session.send({ text, files: [] }),
  wake: () => window.dispatchEvent(new Event("online")),
  tell: () => {
    const { connection, notice } = store.state;
    const thread = currentThread(store.state);
    process.stdout.write(`${JSON.stringify({ connection, notice, thread, applied, torn })}\n`);
  },
};

session.start();
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  COMMANDS[command.do](command);
});
lines.on("close", () => process.exit(0));
