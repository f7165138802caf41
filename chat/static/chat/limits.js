// What the account has used of its limits, and what is to be said of that. Pure but for Limits.

import { gettext, ngettext } from "./gettext.js";
import { refusalWords } from "./refusals.js";

const LIMIT = "limit_reached";
const SAID_FROM_PERCENT = [80, 95]; // as the mails of the server
const READ_AGAIN_AFTER_MS = 60_000;
const RUNS = "runs_month"; // the others open again within a minute, or as soon as an answer ends

/**
 * @typedef {{limit: string, used: number, allowed: number | null, resets_at: string | null}} Used
 * @typedef {{key: string, isOver: boolean, words: string}} News `key` is another for each step
 */

/**
 * What is to be said above the composer, or null.
 * @param {object} options
 * @param {Used[]} options.usage
 * @param {import("./thread.js").Thread} options.thread
 * @param {(iso: string) => string} options.timeWords
 * @param {(value: number) => string} options.numberWords
 * @returns {News | null}
 */
export function limitNews({ usage, thread, timeWords, numberWords }) {
  const runs = usage.find(({ limit }) => limit === RUNS);
  const refused = thread.pending.findLast(({ refusal }) => refusal?.code === LIMIT);
  if (runs === undefined || runs.allowed === null) return refused ? newsOfRefusal(refused) : null;
  const { used, allowed, resets_at } = runs;
  const values = {
    used: numberWords(used),
    allowed: numberWords(allowed),
    time: resets_at === null ? "" : timeWords(resets_at),
  };
  if (used >= allowed) {
    return { key: `over ${resets_at}`, isOver: true, words: overWords(allowed, values) };
  }
  if (refused) return newsOfRefusal(refused);
  const step = SAID_FROM_PERCENT.findLast((percent) => used * 100 >= allowed * percent);
  if (step === undefined) return null;
  return { key: `${step} ${resets_at}`, isOver: false, words: nearWords(values) };
}

/** Reads what is used, at the beginning and after answers have ended, but not too often. */
export class Limits {
  #api;
  #now;
  #onRead;
  /** @type {Used[]} */
  #usage = [];
  #readAt = -Infinity;

  /**
   * @param {object} options
   * @param {import("./threads_api.js").ThreadsApi} options.api
   * @param {() => number} options.now in ms
   * @param {() => void} options.onRead
   */
  constructor({ api, now, onRead }) {
    this.#api = api;
    this.#now = now;
    this.#onRead = onRead;
  }

  /** @returns {Used[]} as last read */
  get usage() {
    return this.#usage;
  }

  /** Something that counts has ended or was refused. */
  async changed() {
    if (this.#now() - this.#readAt < READ_AGAIN_AFTER_MS) return;
    this.#readAt = this.#now();
    try {
      const { usage } = await this.#api.usage();
      this.#usage = usage;
      this.#onRead();
    } catch {
      // Nothing is said then; whoever is over a limit hears it from the refusal.
    }
  }
}

/** @type {(pending: import("./pending.js").Pending) => News} */
function newsOfRefusal({ client_id, refusal }) {
  return { key: client_id, isOver: true, words: refusal === null ? "" : refusalWords(refusal) };
}

/** @type {(allowed: number, values: Record<string, string>) => string} */
function overWords(allowed, values) {
  return ngettext(
    "Your %(allowed)s run of this month is used. More from %(time)s, or with a higher plan.",
    "All %(allowed)s runs of this month are used. More from %(time)s, or with a higher plan.",
    allowed,
    values,
  );
}

/** @type {(values: Record<string, string>) => string} */
function nearWords(values) {
  return gettext(
    "%(used)s of the %(allowed)s runs of this month are used. They begin anew on %(time)s.",
    values,
  );
}
