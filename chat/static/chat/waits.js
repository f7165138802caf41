// Sends the server wants again later: until when each waits, the same in all tabs.

import { TRIES_MAX, asksForPatience } from "./patience.js";

const LIMIT = "limit_reached"; // one of the account: what else waits would be refused too

/**
 * @import {Answer} from "./frames.js"
 *
 * @typedef {{until: number, code: string}} Wait `until` is in ms since 1970
 */

export class Waits {
  #tabs;
  #clock;
  #onChange;
  /** @type {Map<string, Wait>} */
  #waits = new Map(); // by client_id
  /** @type {Map<string, number>} */
  #refusals = new Map(); // client_id to how often the server asked for it again

  /**
   * @param {object} options
   * @param {Pick<import("./tabs.js").Tabs, "tell">} options.tabs
   * @param {import("./clock.js").Clock} options.clock
   * @param {() => void} options.onChange a wait has begun or is over
   */
  constructor({ tabs, clock, onChange }) {
    this.#tabs = tabs;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** @param {string} client_id */
  has(client_id) {
    return this.#waits.has(client_id);
  }

  /**
   * When a send goes out again, in ms since 1970; null when it does not wait.
   * @param {string} client_id
   */
  until(client_id) {
    return this.#waits.get(client_id)?.until ?? null;
  }

  /**
   * Answers whether a refusal only postpones its send, which then waits.
   * @param {Answer & {client_id: string}} frame
   * @param {string[]} unsent client_ids of what would go out next; a limit holds them back too
   */
  postpones(frame, unsent) {
    if (!asksForPatience(frame)) return false;
    const { client_id, code } = frame;
    const refusals = (this.#refusals.get(client_id) ?? 0) + 1;
    if (refusals >= TRIES_MAX) return false;
    this.#refusals.set(client_id, refusals);
    const until = this.#clock.now() + frame.retry_after_s * 1000;
    const ids = code === LIMIT ? [client_id, ...unsent.filter((id) => !this.has(id))] : [client_id];
    this.begin({ ids, until, code });
    this.#tabs.tell({ type: "postponed", ids, until, code });
    return true;
  }

  /**
   * Takes a wait that began in another tab.
   * @param {Wait & {ids: string[]}} wait
   */
  begin({ ids, until, code }) {
    if (ids.every((client_id) => this.until(client_id) === until)) return; // heard twice
    const wait = { until, code };
    for (const client_id of ids) this.#waits.set(client_id, wait);
    this.#clock.after(until - this.#clock.now(), () => this.#end(wait));
    this.#onChange();
  }

  /** A tab that has just been opened shows the same countdowns. */
  tellAll() {
    for (const [client_id, { until, code }] of this.#waits) {
      this.#tabs.tell({ type: "postponed", ids: [client_id], until, code });
    }
  }

  /** A new connection: the server may be another one, the account's limits are the same. */
  opened() {
    for (const [client_id, { code }] of this.#waits) {
      if (code !== LIMIT) this.#waits.delete(client_id);
    }
  }

  /**
   * A send was answered, taken back, or is tried again by the user.
   * @param {string} client_id
   */
  forget(client_id) {
    this.#waits.delete(client_id);
    this.#refusals.delete(client_id);
  }

  // Of what a new connection or an answer has ended there is nothing left to end.
  /** @param {Wait} wait */
  #end(wait) {
    const over = [...this.#waits].filter(([, each]) => each === wait);
    for (const [client_id] of over) this.#waits.delete(client_id);
    if (over.length > 0) this.#onChange();
  }
}
