// The page's state: a pure reducer over frames of the server and actions of the page. No DOM.

import { closeEdit, refuseEdit, sendEdit, writeEdit } from "./edits.js";
import {
  newList,
  withChange,
  withDone,
  withFault,
  withFolders,
  withPage,
  withRows,
  withRunning,
  withoutChange,
} from "./list.js";
import { withOlder } from "./past.js";
import {
  applyAck,
  applyAgain,
  applyChoice,
  applyEvents,
  applyHead,
  applyOutbox,
  applySnapshot,
  applyTextDelta,
  heardNothing,
  newThread,
  wanting,
} from "./thread.js";

/**

 * @import {Entitlements, EventsFrame, Feedback, Message, Row, ServerFrame, Services,
 *   TypingFrame} from "./frames.js"
 * @import {AskedChange, List} from "./list.js"
 * @import {OutboxEntry} from "./outbox.js"
 * @import {Status} from "./socket.js"
 * @import {Thread} from "./thread.js"
 *
 * @typedef {Record<string, Thread>} Threads by their keys
 *
 * @typedef {object} State
 * @property {Status & {services: Services | null}} connection
 * @property {{user_id: string, email: string} | null} user
 * @property {Entitlements | null} entitlements
 * @property {Record<string, number> | null} limits
 * @property {string | null} current the key of the thread on the screen
 * @property {Threads} threads
 * @property {List} list
 * @property {{code: string, message: string} | null} notice
 * @property {TypingFrame | null} typing
 */

/**
 * @typedef {{key: string | undefined | null}} Keyed
 *
 * @typedef {{type: "page.connection", status: string, note?: string, final?: Status["final"]}
 *   | {type: "page.list", part: string, threads: Row[], next: string | null, asOf: number,
 *     isFirst: boolean}
 *   | {type: "page.list_failed", part: string, message: string}
 *   | {type: "page.change"} & AskedChange
 *   | {type: "page.change_done", change_id: number, row: Row | null}
 *   | {type: "page.change_refused", change_id: number}
 *   | {type: "page.open", key: string, thread_id: string | null}
 *   | {type: "page.outbox", entries: OutboxEntry[]}
 *   | {type: "page.asked", thread_id: string}
 *   | {type: "page.misfit", thread_id: string}
 *   | {type: "page.older", thread_id: string, older?: Thread["older"],
 *     page?: {messages: Message[], next: string | null}}
 *   | {type: "page.rated", run_id: string, feedback: Feedback | null} & Keyed
 *   | {type: "page.choice", run_id: string, call_id: string, decision: string | null} & Keyed
 *   | {type: "page.again", run_id: string, isAsked: boolean} & Keyed
 *   | {type: "page.edit", message_id: string, text: string} & Keyed
 *   | {type: "page.edit_sent", message_id: string} & Keyed
 *   | {type: "page.edit_refused", message_id: string, refusal: string} & Keyed
 *   | {type: "page.edit_closed", message_id: string} & Keyed
 *   | {type: "page.typing_over", frame: TypingFrame}
 *   | {type: "page.dismiss"}} PageAction
 *
 * @typedef {ServerFrame | PageAction} Action
 * @typedef {ReturnType<typeof createStore>} Store
 */

/**
 * An action without the key of its thread.
 * @template Of
 * @typedef {Of extends {key: unknown} ? Omit<Of, "key"> : never} Unkeyed
 */

// Threads whose content stays in memory; the least recently opened go first.
export const THREADS_KEPT_MAX = 20;

/**
 * State before anything has happened. `threads` maps a thread's key to what is known of it.
 * @returns {State}
 */
export function initialState() {
  return {
    connection: { status: "connecting", note: "", final: null, services: null },
    user: null,
    entitlements: null,
    limits: null,
    current: null,
    threads: {},
    list: newList(),
    notice: null,
    typing: null,
  };
}

/**
 * The state after one frame or action; an unknown type changes nothing.
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  const step = /** @type {Record<string, Step<any> | undefined>} */ (STEPS)[action.type];
  return step ? step(state, action) : state;
}

/** Holds the state and tells its listeners of every change. */
export function createStore() {
  let state = initialState();
  /** @type {Set<(state: State, action: Action) => void>} */
  const listeners = new Set();
  return {
    get state() {
      return state;
    },
    /** @param {Action} action */
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of listeners) listener(state, action);
    },
    /** @param {(state: State, action: Action) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * Last seq applied per thread, for `seen`.
 * @param {State} state
 * @returns {Record<string, number>}
 */
export function heads(state) {
  return Object.fromEntries(
    Object.values(state.threads).flatMap(({ thread_id, seq }) =>
      thread_id && seq !== null ? [[thread_id, seq]] : [],
    ),
  );
}

/**
 * The thread on the screen, or null.
 * @param {State} state
 * @returns {Thread | null}
 */
export function currentThread(state) {
  return state.current === null ? null : (state.threads[state.current] ?? null);
}

/**
 * @template {string} Type
 * @typedef {(state: State, action: Extract<Action, {type: Type}>) => State} Step
 */

/** @type {{[Type in Exclude<Action["type"], "welcome" | "drain">]: Step<Type>}} */
const STEPS = {
  // Frames of the server
  ready: (state, frame) => ({
    ...state,
    user: frame.user,
    entitlements: frame.entitlements,
    limits: frame.limits,
    connection: { ...state.connection, services: frame.services },
    threads: mapThreads(state.threads, heardNothing),
    list: withRunning(state.list, frame.active_runs ?? []),
  }),
  state: (state, frame) => ({
    ...state,
    connection: { ...state.connection, services: frame.services },
  }),
  account: (state, frame) => ({ ...state, entitlements: frame.entitlements ?? frame }),
  threads: (state, frame) =>
    followed({ ...state, list: withRows(state.list, frame.threads) }, frame.threads),
  folders: (state, frame) => ({ ...state, list: withFolders(state.list, frame.folders) }),
  events: (state, frame) =>
    withThread(adopted(typed(state, frame), frame), frame.thread_id, applyEvents, frame),
  delta: (state, frame) => withThread(state, frame.thread_id, applyTextDelta, frame),
  snapshot: (state, frame) => withThread(state, frame.thread_id, applySnapshot, frame),
  pong: (state, frame) => {
    const heard = frame.heads ?? {};
    const threads = mapThreads(state.threads, (each) =>
      each.thread_id && each.thread_id in heard ? applyHead(each, heard[each.thread_id]) : each,
    );
    return { ...state, threads };
  },
  ack: (state, frame) => {
    const key = keyOfPending(state, frame.client_id);
    if (key === null) return state;
    const next = named(state, key, frame.thread_id);
    // A thread that is not on the screen gets the message from the log when it is opened.
    const apply = next.current === frame.thread_id ? applyAck : dropPending;
    return withThread(next, frame.thread_id, apply, frame);
  },
  error: (state, frame) => {
    const current = currentThread(state);
    if (frame.code === "not_found" && current?.thread_id && current.seq === null) {
      return withThread(state, state.current, (thread) => ({ ...thread, missing: true }));
    }
    return { ...state, notice: { code: frame.code, message: frame.message } };
  },
  typing: (state, frame) => ({ ...state, typing: frame }),

  // Actions of the page
  "page.connection": (state, { status, note, final }) => ({
    ...state,
    connection: { ...state.connection, status, note: note ?? "", final: final ?? null },
  }),
  "page.list": (state, page) => ({ ...state, list: withPage(state.list, page) }),
  "page.list_failed": (state, fault) => ({ ...state, list: withFault(state.list, fault) }),
  "page.change": (state, { type: _, ...change }) => ({
    ...state,
    list: withChange(state.list, change),
  }),
  "page.change_done": (state, done) =>
    followed({ ...state, list: withDone(state.list, done) }, done.row ? [done.row] : []),
  "page.change_refused": (state, refused) => ({
    ...state,
    list: withoutChange(state.list, refused),
  }),
  "page.open": (state, { key, thread_id }) => {
    const thread = state.threads[key] ?? threadOf(thread_id ?? null);
    const { [key]: _, ...others } = state.threads;
    return { ...state, current: key, notice: null, threads: kept({ ...others, [key]: thread }) };
  },
  "page.outbox": (state, { entries }) => {
    const ofKeys = Map.groupBy(entries, (each) => each.key);
    const fresh = [...ofKeys].filter(([key]) => state.threads[key] === undefined);
    const made = fresh.map(([key, [{ thread_id }]]) => [key, threadOf(thread_id)]);
    const threads = mapThreads({ ...Object.fromEntries(made), ...state.threads }, (thread, key) =>
      applyOutbox(thread, ofKeys.get(key) ?? []),
    );
    return { ...state, threads: kept(threads) };
  },
  "page.asked": (state, { thread_id }) =>
    withThread(state, thread_id, (thread) => ({ ...thread, wants: null, asked: true })),
  "page.misfit": (state, { thread_id }) =>
    withThread(state, thread_id, (thread) => wanting(thread, "snapshot")),
  "page.older": (state, { thread_id, page, older }) =>
    withThread(state, thread_id, (thread) =>
      page === undefined ? { ...thread, older: older ?? "idle" } : withOlder(thread, page),
    ),
  "page.rated": (state, { key, run_id, feedback }) =>
    withThread(state, key, (thread) => {
      const run = thread.runs[run_id];
      if (run === undefined) return thread;
      return { ...thread, runs: { ...thread.runs, [run_id]: { ...run, feedback } } };
    }),
  "page.choice": (state, { key, ...choice }) => withThread(state, key, applyChoice, choice),
  "page.again": (state, { key, ...again }) => withThread(state, key, applyAgain, again),
  "page.edit": (state, { key, ...edit }) => withThread(state, key, writeEdit, edit),
  "page.edit_sent": (state, { key, ...edit }) => withThread(state, key, sendEdit, edit),
  "page.edit_refused": (state, { key, ...edit }) => withThread(state, key, refuseEdit, edit),
  "page.edit_closed": (state, { key, ...edit }) => withThread(state, key, closeEdit, edit),
  "page.typing_over": (state, { frame }) =>
    state.typing === frame ? { ...state, typing: null } : state,
  "page.dismiss": (state) => ({ ...state, notice: null }),
};

/**
 * @template Told
 * @param {State} state
 * @param {string | null | undefined} key
 * @param {(thread: Thread, told: Told) => Thread} apply
 * @param {Told} [frame]
 * @returns {State}
 */
function withThread(state, key, apply, frame) {
  const thread = state.threads[key ?? ""];
  if (thread === undefined || !key) return state;
  const next = apply(thread, /** @type {Told} */ (frame));
  return next === thread ? state : { ...state, threads: { ...state.threads, [key]: next } };
}

// What was being typed has come.
/** @type {(state: State, frame: EventsFrame) => State} */
function typed(state, frame) {
  const isAsked = frame.events.some((each) => each.data.role === "user");
  const isHere = state.typing?.thread_id === frame.thread_id;
  return isAsked && isHere ? { ...state, typing: null } : state;
}

// Events of a thread this page has just made can come before the ack that names it.
/** @type {(state: State, frame: EventsFrame) => State} */
function adopted(state, frame) {
  const client_id = frame.events[0]?.data.client_id;
  if (!client_id || state.threads[frame.thread_id] !== undefined) return state;
  const key = keyOfPending(state, client_id);
  return key === null ? state : named(state, key, frame.thread_id);
}

/** @type {(state: State, key: string, thread_id: string) => State} */
function named(state, key, thread_id) {
  if (key === thread_id) return state;
  const { [key]: thread, ...others } = state.threads;
  const held = others[thread_id] ?? { ...thread, thread_id, pending: [] };
  const pending = [...held.pending, ...thread.pending].map((each) => ({ ...each, thread_id }));
  return {
    ...state,
    current: state.current === key ? thread_id : state.current,
    threads: { ...others, [thread_id]: { ...held, pending } },
  };
}

// What the server does not know of begins empty; what it knows comes with a snapshot.
/** @type {(thread_id: string | null) => Thread} */
function threadOf(thread_id) {
  return newThread(thread_id, thread_id === null ? 0 : null);
}

/** @type {(thread: Thread, answer: {client_id: string}) => Thread} */
function dropPending(thread, { client_id }) {
  return { ...thread, pending: thread.pending.filter((each) => each.client_id !== client_id) };
}

/** @type {(state: State, client_id: string) => string | null} */
function keyOfPending(state, client_id) {
  const entries = Object.entries(state.threads);
  const found = entries.find(([, thread]) =>
    thread.pending.some((each) => each.client_id === client_id),
  );
  return found ? found[0] : null;
}

/** @type {(threads: Threads) => Threads} */
function kept(threads) {
  const entries = Object.entries(threads);
  const surplus = Math.max(0, entries.length - THREADS_KEPT_MAX);
  /** @type {(thread: Thread) => boolean} */
  const isUnsent = ({ pending, edits }) => pending.length > 0 || Object.keys(edits).length > 0;
  /** @type {(entry: [string, Thread], index: number) => boolean} */
  const isHeld = ([, thread], index) => index >= surplus || isUnsent(thread);
  return Object.fromEntries(entries.filter(isHeld));
}

/** @type {(threads: Threads, apply: (thread: Thread, key: string) => Thread) => Threads} */
function mapThreads(threads, apply) {
  return Object.fromEntries(Object.entries(threads).map(([key, each]) => [key, apply(each, key)]));
}

// A deleted thread is not there, in whichever window it was deleted, until it is restored.
/** @type {(state: State, rows: Row[]) => State} */
function followed(state, rows) {
  return rows.reduce((before, row) => {
    const isGone = Boolean(row.deleted);
    /** @type {(thread: Thread) => Thread} */
    const apply = (thread) => {
      if (thread.missing === isGone) return thread;
      const next = { ...thread, missing: isGone, asked: false };
      return isGone ? next : wanting(next, "snapshot");
    };
    return withThread(before, row.thread_id, apply);
  }, state);
}
