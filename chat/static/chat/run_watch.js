// Notices what somebody who is elsewhere wants to know: a long run has ended, or waits for them.

import { isUndecided } from "./run.js";

/**
 * @import {Row} from "./frames.js"
 * @import {List} from "./list.js"
 * @import {State} from "./store.js"
 * @import {Thread} from "./thread.js"
 */

// Whoever waits for less does not go away meanwhile.
export const LONG_RUN_MS = 10_000;

/**
 * `id` is the same in every tab that sees it.
 * @typedef {{kind: "ended" | "asks", id: string, thread_id: string, tool_name?: string}} Sighting
 */
export class RunWatch {
  /** @type {Map<string, number>} */
  #began = new Map(); // thread_id -> when its run was first seen
  /** @type {Set<string>} */
  #asked = new Set(); // keys of calls that were seen to wait
  /** @type {List | null} */
  #list = null;
  /** @type {Record<string, Thread> | null} */
  #threads = null;

  /**
   * @param {Pick<State, "list" | "threads">} state
   * @param {number} now in ms since 1970
   * @returns {Sighting[]} what has happened since the state before
   */
  update({ list, threads }, now) {
    if (list === this.#list && threads === this.#threads) return [];
    const isFirst = this.#threads === null;
    const asks = this.#asks(threads);
    const others = asksElsewhere(this.#list?.rows ?? [], list.rows);
    const isHere = new Set(asks.map(({ thread_id }) => thread_id));
    this.#list = list;
    this.#threads = threads;
    // What waited before this page was opened is seen on it.
    const news = isFirst ? [] : [...asks, ...others.filter((each) => !isHere.has(each.thread_id))];
    return [...this.#ends(list, threads, now), ...news];
  }

  /** @type {(list: List, threads: Record<string, Thread>, now: number) => Sighting[]} */
  #ends(list, threads, now) {
    /** @type {Sighting[]} */
    const ended = [];
    for (const { thread_id, running, updated_at, deleted } of list.rows) {
      const began = this.#began.get(thread_id);
      if (running && began === undefined) {
        this.#began.set(thread_id, startedAt(threads[thread_id]) ?? now);
      }
      if (running || began === undefined) continue;
      this.#began.delete(thread_id);
      if (deleted || now - began < LONG_RUN_MS) continue;
      ended.push({ kind: "ended", id: `ended ${thread_id} ${updated_at}`, thread_id });
    }
    return ended;
  }

  /** @type {(threads: Record<string, Thread>) => Sighting[]} */
  #asks(threads) {
    const waiting = Object.values(threads).flatMap(asksOf);
    const fresh = waiting.filter(({ key }) => !this.#asked.has(key));
    this.#asked = new Set(waiting.map(({ key }) => key));
    return fresh.map(({ key: _, ...sighting }) => sighting);
  }
}

// Of threads that are followed here: which tool asks.
/** @type {(thread: Thread) => (Sighting & {key: string})[]} */
function asksOf({ thread_id, runs }) {
  const waiting = Object.values(runs).filter((run) => run.status === "waiting");
  return waiting.flatMap(({ run_id, calls }) =>
    calls.filter(isUndecided).map(({ call_id, tool_name }) => ({
      ...sightingOf(thread_id ?? ""),
      ...{ key: `${run_id} ${call_id}`, tool_name },
    })),
  );
}

// Of all others the list says that one asks, but not which.
/** @type {(before: Row[], rows: Row[]) => Sighting[]} */
function asksElsewhere(before, rows) {
  const calm = new Set(before.filter((row) => !row.waiting).map((row) => row.thread_id));
  const fresh = rows.filter(({ thread_id, waiting, deleted }) => {
    return waiting && !deleted && calm.has(thread_id);
  });
  return fresh.map(({ thread_id }) => sightingOf(thread_id));
}

/** @type {(thread_id: string) => Sighting} */
function sightingOf(thread_id) {
  return { kind: "asks", id: `asks ${thread_id}`, thread_id };
}

// As the server counts, where this page knows the run.
/** @type {(thread: Thread | undefined) => number | undefined} */
function startedAt(thread) {
  const runs = Object.values(thread?.runs ?? {}).filter((run) => run.status === "running");
  const started = runs.map((run) => Date.parse(run.started_at ?? ""));
  return started.find((at) => !Number.isNaN(at));
}

/**
 * How many threads have an answer that nobody has read.
 * @param {{rows: Row[]}} list
 */
export function unreadCount({ rows }) {
  return rows.filter((row) => row.unread && !row.archived && !row.deleted).length;
}
