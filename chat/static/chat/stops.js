// Stops the user asked for that have no answer yet: they go out again until they have one.

import { TRIES_MAX, asksForPatience } from "./patience.js";

export class Stops {
  #send;
  #clock;
  #newClientId;
  #asked = new Map(); // client_id to {run_id, tries}

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

  /** Stops a run, now or as soon as there is a connection. */
  ask(run_id) {
    if ([...this.#asked.values()].some((each) => each.run_id === run_id)) return;
    const client_id = this.#newClientId();
    this.#asked.set(client_id, { run_id, tries: 0 });
    this.#try(client_id);
  }

  /** A new connection knows nothing of what the last one carried. */
  opened() {
    for (const client_id of this.#asked.keys()) this.#try(client_id);
  }

  /** Takes the answer to a stop; answers whether there is nothing to tell the user of it. */
  takes(frame) {
    const asked = this.#asked.get(frame.client_id);
    if (asked === undefined) return false;
    asked.tries += 1;
    if (asksForPatience(frame) && asked.tries < TRIES_MAX) {
      this.#clock.after(frame.retry_after_s * 1000, () => this.#try(frame.client_id));
      return true;
    }
    this.#asked.delete(frame.client_id);
    return frame.type === "ack";
  }

  #try(client_id) {
    const asked = this.#asked.get(client_id);
    if (asked !== undefined) this.#send({ type: "stop", client_id, run_id: asked.run_id });
  }
}
