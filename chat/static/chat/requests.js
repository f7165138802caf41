// What the user asked of runs and questions and got no answer to yet, as a stop or an edit: it goes
// out again until then.

import { GIVEN_UP, TRIES_MAX, asksForPatience } from "./patience.js";

/**
 * @import {Clock} from "./clock.js"
 * @import {Answer, Json} from "./frames.js"
 *
 * @typedef {object} Request a frame without its client_id
 * @property {string} type
 * @property {string} [run_id]
 * @property {string} [message_id]
 * @property {string} [call_id]
 * @property {string} [decision]
 * @property {Record<string, Json>} [args]
 * @property {string} [text]
 * @property {string} [model]
 *
 * @typedef {object} Decision
 * @property {string} run_id of the thread on the screen
 * @property {string} call_id
 * @property {"approve" | "deny"} decision
 * @property {Record<string, Json>} [args] in place of the arguments the model chose
 *
 * @typedef {{key: string, frame: Request & {client_id: string}, tries: number}} Asked
 */

export class Requests {
  #send;
  #clock;
  #newClientId;
  /** @type {Map<string, Asked>} */
  #asked = new Map(); // by client_id

  /**
   * @param {object} options
   * @param {(frame: object) => boolean} options.send
   * @param {Clock} options.clock
   * @param {() => string} options.newClientId
   */
  constructor({ send, clock, newClientId }) {
    this.#send = send;
    this.#clock = clock;
    this.#newClientId = newClientId;
  }

  /**
   * Sends a frame, now or as soon as there is a connection.
   * @param {string} key what it is about: of that only one thing is asked at a time
   * @param {Request} frame
   * @returns {boolean} whether nothing was asked of that yet
   */
  ask(key, frame) {
    if ([...this.#asked.values()].some((each) => each.key === key)) return false;
    const client_id = this.#newClientId();
    this.#asked.set(client_id, { key, frame: { ...frame, client_id }, tries: 0 });
    this.#try(client_id);
    return true;
  }

  /**
   * What was asked of that goes out no more; what the server has of it already stands.
   * @param {string} key
   */
  forget(key) {
    for (const [client_id, asked] of this.#asked) {
      if (asked.key === key) this.#asked.delete(client_id);
    }
  }

  /** A new connection knows nothing of what the last one carried. */
  opened() {
    for (const client_id of this.#asked.keys()) this.#try(client_id);
  }

  /**
   * Takes an answer.
   * @param {Answer & {client_id: string}} answer
   * @returns {{frame: Request, isOver: boolean, refusal: string | null} | null} the request that it
   *   answers, whether finally so, and why not; null when it answers none of these
   */
  takes(answer) {
    const asked = this.#asked.get(answer.client_id);
    if (asked === undefined) return null;
    asked.tries += 1;
    const { frame } = asked;
    if (asksForPatience(answer) && asked.tries < TRIES_MAX) {
      this.#clock.after(answer.retry_after_s * 1000, () => this.#try(answer.client_id));
      return { frame, isOver: false, refusal: GIVEN_UP };
    }
    this.#asked.delete(answer.client_id);
    if (answer.type === "ack") return { frame, isOver: true, refusal: null };
    return { frame, isOver: true, refusal: asksForPatience(answer) ? GIVEN_UP : answer.message };
  }

  /** @param {string} client_id */
  #try(client_id) {
    const asked = this.#asked.get(client_id);
    if (asked !== undefined) this.#send(asked.frame);
  }
}
