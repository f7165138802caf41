// Notices what somebody who is elsewhere wants to know: a long run has ended, or waits for them.

import { isUndecided } from "./run.js";

// Whoever waits for less does not go away meanwhile.
export const LONG_RUN_MS = 10_000;

/**
 * `id` is the same in every tab that sees it.
 * @typedef {{kind: "ended" | "asks", id: string, thread_id: string, tool_name?: string}} Sighting
 */
export class RunWatch {
  #began = new Map(); // thread_id -> when its run was first seen
  #asked = new Set(); // ids of calls that were seen to wait
  #list = null;
  #threads = null;

  /**
   * @param {object} state
   * @param {number} now in ms since 1970
   * @returns {Sighting[]} what has happened since the state before
   */
  update({ list, threads }, now) {
    if (list === this.#list && threads === this.#threads) return [];
    const isFirst = this.#threads === null;
    this.#list = list;
    this.#threads = threads;
    const asks = this.#asks(threads);
    // What waited before this page was opened is seen on it.
    return [...this.#ends(list, threads, now), ...(isFirst ? [] : asks)];
  }

  #ends(list, threads, now) {
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

  #asks(threads) {
    const waiting = Object.values(threads).flatMap(({ thread_id, runs }) =>
      Object.values(runs)
        .filter((run) => run.status === "waiting")
        .flatMap(({ run_id, calls }) =>
          calls.filter(isUndecided).map(({ call_id, tool_name }) => ({
            ...{ kind: "asks", id: `asks ${run_id} ${call_id}`, thread_id, tool_name },
          })),
        ),
    );
    const fresh = waiting.filter(({ id }) => !this.#asked.has(id));
    this.#asked = new Set(waiting.map(({ id }) => id));
    return fresh;
  }
}

// As the server counts, where this page knows the run.
function startedAt(thread) {
  const runs = Object.values(thread?.runs ?? {}).filter((run) => run.status === "running");
  const started = runs.map((run) => Date.parse(run.started_at ?? ""));
  return started.find((at) => !Number.isNaN(at));
}

/** How many threads have an answer that nobody has read. */
export function unreadCount({ rows }) {
  return rows.filter((row) => row.unread && !row.archived && !row.deleted).length;
}
