// Telling one's other windows that one types: now and then, and only where it is understood.

const TOLD_EVERY_MS = 3_000;
/** How long another window's typing is shown after it was last heard of. */
export const TYPING_SHOWN_MS = 5_000;

export class Typing {
  #send;
  #clock;
  #toldAt = -Infinity;
  #isUnderstood = true;

  /**
   * @param {object} options
   * @param {(frame: object) => boolean} options.send
   * @param {import("./clock.js").Clock} options.clock
   */
  constructor({ send, clock }) {
    this.#send = send;
    this.#clock = clock;
  }

  /**
   * The user types in a thread; one without an id is not known to anybody else.
   * @param {string | null} thread_id
   */
  typed(thread_id) {
    const now = this.#clock.now();
    if (thread_id === null || !this.#isUnderstood || now - this.#toldAt < TOLD_EVERY_MS) return;
    if (this.#send({ type: "typing", thread_id })) this.#toldAt = now;
  }

  /** A server of another version does not know this frame: it is not bothered again. */
  notUnderstood() {
    this.#isUnderstood = false;
  }

  opened() {
    this.#isUnderstood = true;
  }
}
