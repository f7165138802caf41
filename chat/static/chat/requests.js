// What the user asked of runs and questions and got no answer to yet, as a stop or an edit: it goes
// out again until then.

import { GIVEN_UP, TRIES_MAX, asksForPatience } from "./patience.js";

export class Requests {
  #send;
  #clock;
  #newClientId;
  #asked = new Map(); // client_id to {key, frame, tries}

  /**
   * @param {object} options
   * @param {(frame: object) => boolean} options.send
   * @param {object} options.clock
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
   * @param {object} frame without a client_id
   * @returns {boolean} whether nothing was asked of that yet
   */
  ask(key, frame) {
    if ([...this.#asked.values()].some((each) => each.key === key)) return false;
    const client_id = this.#newClientId();
    this.#asked.set(client_id, { key, frame: { ...frame, client_id }, tries: 0 });
    this.#try(client_id);
    return true;
  }

  /** What was asked of that goes out no more; what the server has of it already stands. */
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
   * @returns {{frame: object, isOver: boolean, refusal: string | null} | null} the request that it
   *   answers, whether finally so, and why not; null when it answers none of these
   */
  takes(answer) {
    const asked = this.#asked.get(answer.client_id);
    if (asked === undefined) return null;
    asked.tries += 1;
    const isOver = !asksForPatience(answer) || asked.tries >= TRIES_MAX;
    if (isOver) this.#asked.delete(answer.client_id);
    else this.#clock.after(answer.retry_after_s * 1000, () => this.#try(answer.client_id));
    const words = asksForPatience(answer) ? GIVEN_UP : answer.message;
    return { frame: asked.frame, isOver, refusal: answer.type === "error" ? words : null };
  }

  #try(client_id) {
    const asked = this.#asked.get(client_id);
    if (asked !== undefined) this.#send(asked.frame);
  }
}
