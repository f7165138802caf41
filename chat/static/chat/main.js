// The chat page: reads its configuration, joins the session to the views, draws once a frame.

import { createDrafts } from "./drafts.js";
import { IndexedStore } from "./indexed_store.js";
import { OutboxStore } from "./outbox_store.js";
import { Roads } from "./roads.js";
import { Session } from "./session.js";
import { createStore, currentThread } from "./store.js";
import { StreamSocket } from "./stream_socket.js";
import { Tabs } from "./tabs.js";
import { activeRun } from "./timeline.js";
import { Composer } from "./view/composer.js";
import { Conversation } from "./view/conversation.js";
import { takeDrops } from "./view/drop.js";
import { setText } from "./view/element.js";
import { showExamples } from "./view/examples.js";
import {
  closeMenusOutside,
  createAnnouncer,
  createDrawer,
  createThemeChoice,
} from "./view/page.js";
import { createStatus } from "./view/status.js";
import { createThreadList } from "./view/thread_list.js";
import { createTrialLine } from "./view/trial.js";

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("netra-config").textContent);
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const PROTOCOL = "netra.v1";
// A frame of drawing may not take more than this share of the time.
const DRAW_SHARE = 0.25;
const DRAW_PAUSE_MAX_MS = 500;

let shown = null; // key of the thread on the screen
let isDrawing = false;
let restUntil = 0;
let wasReady = false;
let isForgetful = false; // unsent messages end with this page

const store = createStore();
const session = new Session({
  store,
  roads: new Roads({
    openSocket: () => new WebSocket(`${scheme}//${location.host}${config.socket_path}`, [PROTOCOL]),
    openStream: () => new StreamSocket(config.stream_url, { csrf: config.csrf_token }),
    now: Date.now,
    storage: sessionStorage,
  }),
  outboxStore: new OutboxStore({ store: new IndexedStore(globalThis.indexedDB), onRefused: warn }),
  tabs: new Tabs({ user_id: config.user.user_id }),
  user_id: config.user.user_id,
  onOtherUser: () => location.replace("/chat/"),
});
const drawer = createDrawer({
  app: byId("app"),
  opener: byId("open-drawer"),
  scrim: byId("scrim"),
});
const threads = createThreadList({
  list: byId("threads"),
  empty: byId("threads-empty"),
  onOpen: (thread_id) => go(thread_id),
});
const composer = new Composer({
  root: byId("composer"),
  hint: byId("composer-hint"),
  config,
  drafts: createDrafts({ storage: sessionStorage, user_id: config.user.user_id }),
  onSend: async (message) => {
    await session.send(message);
    conversation.toEnd();
  },
  onStop: () => session.stop(),
  onTyped: () => session.typed(),
});
const conversation = new Conversation({
  region: byId("conversation"),
  jump: byId("jump"),
  empty: byId("empty"),
  actions: {
    onRetry: (client_id) => session.retry(client_id),
    onEdit: (client_id) => composer.edit(session.withdraw(client_id)),
    onRemove: (run_id) => session.stopRun(run_id),
    onSendNow: () => session.stop(),
    onDecide: (answer) => session.decide(answer),
    onAnswerAgain: (run_id) => session.answerAgain(run_id, composer.model),
    onSwitch: (version) => session.switchTo(version),
    onWriteEdit: (edit) => session.writeEdit(edit),
    onSaveEdit: (message_id) => session.saveEdit(message_id),
    onDropEdit: (message_id) => session.dropEdit(message_id),
    textLimit: config.limits.text,
  },
});
const trial = createTrialLine(byId("trial"));
const status = createStatus({
  status: byId("connection"),
  banner: byId("banner"),
  loginUrl: "/accounts/login/",
  onReconnect: () => session.reconnect(),
  onDismiss: () => store.dispatch({ type: "page.dismiss" }),
});
const announcer = createAnnouncer(byId("announcer"));

// The browser keeps nothing for this page, as some do in private windows.
function warn() {
  isForgetful = true;
  byId("forgetful").hidden = false;
}

function holdBack(event) {
  const threads = Object.values(store.state.threads);
  const edits = threads.flatMap((each) => Object.values(each.edits));
  const isUnsent = isForgetful && threads.some((each) => each.pending.length > 0);
  // An edit outlives a lost connection, but not the page.
  if (isUnsent || edits.some((each) => each.status === "sent")) event.preventDefault();
}

function open(thread_id) {
  session.open(thread_id);
  composer.open(thread_id);
  shown = store.state.current;
}

function go(thread_id) {
  if (thread_id !== (currentThread(store.state)?.thread_id ?? null)) {
    history.pushState(null, "", pathOf(thread_id));
    open(thread_id);
  }
  drawer.close();
  composer.focus();
}

function pathOf(thread_id) {
  return thread_id === null ? "/chat/" : `/chat/${encodeURIComponent(thread_id)}/`;
}

function threadOfPath() {
  const match = /^\/chat\/([^/]+)\/$/.exec(location.pathname);
  return match ? decodeURIComponent(match[1]) : null;
}

// The thread on the screen got its id; everything else about it stays.
function nameThread({ thread_id }) {
  shown = store.state.current;
  history.replaceState(null, "", pathOf(thread_id));
  composer.named(thread_id);
}

function draw(state) {
  const thread = currentThread(state);
  if (state.current !== shown) nameThread(thread);
  status.update(state.connection, state);
  threads.update(state);
  conversation.update(state.current, thread);
  composer.update({ isRunning: activeRun(thread) !== null, model: thread.model });
  announcer.update(state.current, thread);
  byId("typing").hidden = state.typing === null || state.typing.thread_id !== thread.thread_id;
  const title = state.list.find((row) => row.thread_id === state.current)?.title || "New thread";
  setText(byId("title"), title);
  document.title = `${title} · Netra`;
  trial.update(state);
  if (state.entitlements) setText(byId("tier"), state.entitlements.tier);
  byId("tier").hidden = !state.entitlements;
}

function drawNow() {
  isDrawing = false;
  const began = performance.now();
  draw(store.state);
  const cost = performance.now() - began;
  restUntil = performance.now() + Math.min(DRAW_PAUSE_MAX_MS, cost / DRAW_SHARE - cost);
}

function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  const wait = restUntil - performance.now();
  if (wait > 16) setTimeout(() => requestAnimationFrame(drawNow), wait);
  else requestAnimationFrame(drawNow);
}

async function loadThreads() {
  try {
    const answer = await fetch(config.threads_url, { headers: { Accept: "application/json" } });
    if (answer.ok) store.dispatch({ type: "page.list", ...(await answer.json()) });
  } catch {
    // No network: the list is loaded with the next connection.
  }
}

// What happened to the list while there was no connection is not replayed.
function reloadWhenReady({ connection }) {
  const isReady = connection.status === "ready" || connection.status === "degraded";
  if (isReady && !wasReady) loadThreads();
  wasReady = isReady;
}

store.subscribe(drawSoon);
store.subscribe(reloadWhenReady);
closeMenusOutside();
createThemeChoice([...document.querySelectorAll("[data-choose-theme]")]);
showExamples({ root: byId("examples"), config, composer });
takeDrops({ overlay: byId("drop"), onFiles: (files) => composer.addAll(files) });
byId("new-thread").addEventListener("click", () => go(null));
window.addEventListener("popstate", () => open(threadOfPath()));
window.addEventListener("beforeunload", holdBack);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") session.stop();
});
open(config.thread_id);
loadThreads();
if (matchMedia("(hover: hover)").matches) composer.focus();
await session.start();
// An unsent message of a new thread is found again.
const { thread_id, pending } = currentThread(store.state);
if (thread_id === null && pending.length === 0) open(null);
