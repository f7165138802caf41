// The chat page: reads its configuration, joins the session to the views, draws once a frame.

import "./page_words.js";
import { clock } from "./clock.js";
import { Drafts, Windows } from "./drafts.js";
import { createDrawing } from "./drawing.js";
import { writtenIn } from "./history.js";
import { IndexedStore } from "./indexed_store.js";
import { Limits } from "./limits.js";
import { shownRows } from "./list.js";
import { isToldAnew } from "./listing.js";
import { Older } from "./older.js";
import { newClientId } from "./outbox.js";
import { OutboxStore } from "./outbox_store.js";
import { Preferences } from "./preferences.js";
import { Roads } from "./roads.js";
import { Session } from "./session.js";
import { createStore, currentThread } from "./store.js";
import { StreamSocket } from "./stream_socket.js";
import { Tabs } from "./tabs.js";
import { ThreadsApi } from "./threads_api.js";
import { activeRun } from "./timeline.js";
import { createAnnouncer } from "./view/announcer.js";
import { Composer } from "./view/composer.js";
import { Conversation } from "./view/conversation.js";
import { takeDrops } from "./view/drop.js";
import { createDrawer } from "./view/drawer.js";
import { setText } from "./view/element.js";
import { showExamples } from "./view/examples.js";
import { messageOfHash } from "./view/finder.js";
import { byId, closeMenusOutside } from "./view/page.js";
import { createLimitLine } from "./view/limit_line.js";
import { createQueueLine } from "./view/queue.js";
import { createSettingsPage } from "./view/settings_page.js";
import { createStatus } from "./view/status.js";
import { nameOf, pathOf } from "./view/thread_row.js";
import { createThreadsPage } from "./view/threads_page.js";
import { createTrialLine } from "./view/trial.js";
import { createWriting } from "./view/writing.js";

/**
 * @import {PageConfig, Rating} from "./frames.js"
 * @import {Action, State} from "./store.js"
 * @import {Thread} from "./thread.js"
 */

/** @type {PageConfig} */
const config = JSON.parse(byId("netra-config").textContent);
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const PROTOCOL = "netra.v1";
// The list is read once there is a connection; one that takes longer is not waited for.
const LIST_WAITS_MS = 300;

/** @type {string | null} */
let shown = null; // key of the thread on the screen
let isForgetful = false; // unsent messages end with this page
let isAllDue = true; // more than the text of an answer has changed since the last draw
let wasRunning = false;

const preferences = new Preferences({ storage: () => localStorage });
const store = createStore();
let { connection } = store.state; // as it was told last
let endListWait = () => {};
const drawing = createDrawing(
  () => {
    session.takeTexts();
    draw(store.state);
  },
  { ...clock, now: () => performance.now() },
  (work) => requestAnimationFrame(work),
);
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
  onText: drawing.soon,
  onOtherUser: () => location.replace("/chat/"),
});
const api = new ThreadsApi({ url: config.api_url, csrfToken: config.csrf_token });
const older = new Older({ store, api });
const drawer = createDrawer({
  app: byId("app"),
  sidebar: byId("sidebar"),
  opener: byId("open-drawer"),
  closer: byId("close-drawer"),
  scrim: byId("scrim"),
});
const window_id = newClientId();
const windows = new Windows({
  locks: navigator.locks,
  user_id: config.user.user_id,
  window_id,
});
const composer = new Composer({
  root: byId("composer"),
  hint: byId("composer-hint"),
  ...{ config, preferences },
  drafts: new Drafts({
    storage: localStorage,
    user_id: config.user.user_id,
    window_id,
    openWindows: () => windows.open(),
    now: Date.now,
  }),
  onSend: async (message) => {
    await session.send(message);
    conversation.toEnd();
  },
  onStop: () => session.stop(),
  onTyped: () => session.typed(),
  written: () => writtenIn(threadHere()),
});
const conversation = new Conversation({
  region: byId("conversation"),
  jump: byId("jump"),
  empty: byId("empty"),
  actions: {
    onRetry: (client_id) => session.retry(client_id),
    onEdit: (client_id) => takeBack(client_id),
    onDiscard: (client_id) => session.withdraw(client_id),
    onRemove: (run_id) => session.stopRun(run_id),
    onSendNow: (run_id) => session.sendNow(run_id),
    onDecide: (answer) => session.decide(answer),
    onAnswerAgain: (run_id) => session.answerAgain(run_id, composer.model),
    onSwitch: (version) => session.switchTo(version),
    onWriteEdit: (edit) => session.writeEdit(edit),
    onSaveEdit: (message_id) => session.saveEdit(message_id),
    onDropEdit: (message_id) => session.dropEdit(message_id),
    onOlder: () => older.load(),
    onRate: (run_id, feedback) => rate(run_id, feedback),
    textLimit: config.limits.text,
  },
});
const settings = createSettingsPage({
  ...{ config, store, preferences, go },
  toasts: () => threads.toasts,
});
const threads = createThreadsPage({
  ...{ config, store, api, session, composer, drawer },
  go,
  loadOlder: () => older.load(),
  settings: () => settings.open(),
  prompts: () => writing.openPrompts(),
  theme: (theme) => preferences.set("theme", theme),
});
const writing = createWriting({
  ...{ config, api, composer },
  does: threads.does,
  situation() {
    const thread = threadHere();
    return { isRunning: activeRun(thread) !== null, isStored: thread.thread_id !== null };
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
const queue = createQueueLine({ line: byId("queue"), region: byId("conversation") });
const limits = new Limits({ api, now: () => performance.now(), onRead: drawAll });
const limitLine = createLimitLine({
  ...{ line: byId("limit"), planUrl: config.plan_url },
  storage: localStorage,
});
const announcer = createAnnouncer(byId("announcer"), preferences);

// From the first `open` on there is one on the screen.
function threadHere() {
  return /** @type {Thread} */ (currentThread(store.state));
}

/** @type {(run_id: string, feedback: Rating | null) => Promise<void>} */
async function rate(run_id, feedback) {
  const { current: key } = store.state;
  const kept = await api.rate(run_id, feedback);
  store.dispatch({ type: "page.rated", key, run_id, feedback: kept });
}

// The browser keeps nothing for this page, as some do in private windows.
function warn() {
  isForgetful = true;
  byId("forgetful").hidden = false;
}

/** @param {BeforeUnloadEvent} event */
function holdBack(event) {
  const threads = Object.values(store.state.threads);
  const edits = threads.flatMap((each) => Object.values(each.edits));
  const isUnsent = isForgetful && threads.some((each) => each.pending.length > 0);
  // An edit outlives a lost connection, but not the page.
  if (isUnsent || edits.some((each) => each.status === "sent")) event.preventDefault();
}

// What has gone out meanwhile stays where it is.
/** @param {string} client_id */
function takeBack(client_id) {
  const message = session.withdraw(client_id);
  if (message !== null) composer.edit(message);
}

/** @param {string | null} thread_id */
function open(thread_id) {
  session.open(thread_id);
  composer.open(thread_id);
  shown = store.state.current;
}

/** @type {(thread_id: string | null, message_id?: string | null) => void} */
function go(thread_id, message_id = null) {
  const hash = message_id === null ? "" : `#${message_id}`;
  const isOther = thread_id !== (currentThread(store.state)?.thread_id ?? null);
  if (isOther || hash !== "") history.pushState(null, "", pathOf(thread_id) + hash);
  if (isOther) open(thread_id);
  drawer.close();
  if (message_id === null) composer.focus();
  else threads.find(message_id);
}

function openPath() {
  open(threadOfPath());
  const message_id = messageOfHash(location.hash);
  if (message_id !== null) threads.find(message_id);
}

function threadOfPath() {
  const match = /^\/chat\/([^/]+)\/$/.exec(location.pathname);
  return match ? decodeURIComponent(match[1]) : null;
}

// The thread on the screen got its id; everything else about it stays.
/** @param {Thread} thread */
function nameThread({ thread_id }) {
  shown = store.state.current;
  history.replaceState(null, "", pathOf(thread_id));
  composer.named(thread_id);
}

/** @param {State} state */
function draw(state) {
  const thread = currentThread(state);
  if (thread === null || state.current === null) return; // nothing is open yet
  if (state.current !== shown) nameThread(thread);
  conversation.update(state.current, thread);
  announce(state);
  const isRunning = activeRun(thread) !== null;
  if (!isAllDue && isRunning === wasRunning) return;
  isAllDue = false;
  wasRunning = isRunning;
  status.update(state.connection, state);
  queue.update(thread, state.connection);
  limitLine.update(limits.usage, thread);
  const mayAsk = state.connection.status === "ready" && !config.is_looking;
  if (mayAsk && !isRunning) limits.changed();
  composer.update({ isRunning, model: thread.model });
  byId("typing").hidden = state.typing === null || state.typing.thread_id !== thread.thread_id;
  const title = nameOf(shownRows(state.list).find((row) => row.thread_id === state.current) ?? {});
  setText(byId("title"), title);
  threads.update(state);
  trial.update(state);
  if (state.entitlements) setText(byId("tier"), state.entitlements.tier);
  byId("tier").hidden = !state.entitlements;
}

function readList() {
  endListWait();
  threads.load();
}

/** @param {State} state */
function reloadWhenTold(state) {
  const before = connection;
  ({ connection } = state);
  if (isToldAnew(before, connection)) readList();
}

// Text that grows may take its time; steps of a run are short, and whoever does something waits.
/** @type {(state: State, action: Action) => void} */
function drawWhatChanged(_state, { type }) {
  if (type !== "delta") drawAll();
}

function drawAll() {
  isAllDue = true;
  drawing.next();
}

// What an answer has grown by is read with each drawing, but it may begin and end between two.
/** @type {(state: State, action: Action) => void} */
function announceNews(state, { type }) {
  if (type !== "delta") announce(state);
}

/** @param {State} state */
function announce(state) {
  const thread = currentThread(state);
  if (thread !== null) announcer.update(state.current ?? "", thread);
}

store.subscribe(drawWhatChanged);
store.subscribe(announceNews);
store.subscribe(reloadWhenTold);
closeMenusOutside();
showExamples({
  ...{ root: byId("examples"), sampleButton: byId("add-sample") },
  ...{ config, composer },
});
takeDrops({ overlay: byId("drop"), onFiles: (files) => composer.addAll(files) });
byId("open-settings").addEventListener("click", () => settings.open());
byId("new-thread").addEventListener("click", () => go(null));
window.addEventListener("popstate", openPath);
window.addEventListener("beforeunload", holdBack);
openPath();
endListWait = clock.after(LIST_WAITS_MS, readList);
if (matchMedia("(hover: hover)").matches) composer.focus();
await session.start();
// An unsent message of a new thread is found again.
const { thread_id, pending } = threadHere();
if (thread_id === null && pending.length === 0) open(null);
