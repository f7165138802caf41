// Which way a connection takes: a WebSocket, or a stream where the network lets none through.

const BLOCKED_AFTER = 2; // WebSockets in a row that ended without having carried anything
const STREAM_FOR_MS = 600_000; // a network that blocked them is not asked again before
const KEY = "netra-stream-until";
const LOST = 1006;

/** @typedef {WebSocket | import("./stream_socket.js").StreamSocket} Carrier of frames */

/** Opens what carries frames, and learns from how that ended. */
export class Roads {
  #openSocket;
  #openStream;
  #now;
  #storage;
  #blocked = 0;
  #isStream = false;
  #isDoubtful = false;

  /**
   * @param {object} options
   * @param {() => Carrier} options.openSocket a WebSocket
   * @param {(() => Carrier) | null} [options.openStream] what has a WebSocket's shape and is none
   * @param {() => number} options.now ms
   * @param {Storage | null} [options.storage] where a reload finds what was learnt
   */
  constructor({ openSocket, openStream = null, now, storage = null }) {
    this.#openSocket = openSocket;
    this.#openStream = openStream;
    this.#now = now;
    this.#storage = storage;
  }

  /**
   * Whether the other way is to be tried at once: a moment later the server might be back for both,
   * and the stream be taken where nothing is blocked.
   */
  get isDoubtful() {
    return this.#isDoubtful;
  }

  open() {
    this.#isDoubtful = false;
    const openStream = this.#openStream;
    this.#isStream = openStream !== null && this.#takesStream();
    return openStream !== null && this.#isStream ? openStream() : this.#openSocket();
  }

  /** What was opened last carries frames. */
  carries() {
    this.#blocked = 0;
    if (this.#isStream) this.#storage?.setItem(KEY, String(this.#now() + STREAM_FOR_MS));
  }

  /**
   * What was opened last has ended without having carried any.
   * @param {number} code
   */
  failed(code) {
    if (this.#isStream) this.#storage?.removeItem(KEY);
    else if (code === LOST) {
      this.#blocked += 1;
      this.#isDoubtful = this.#openStream !== null && this.#blocked >= BLOCKED_AFTER;
    }
  }

  #takesStream() {
    if (Number(this.#storage?.getItem(KEY) ?? 0) > this.#now()) return true;
    // In turns: it may be the server that is away.
    return this.#blocked >= BLOCKED_AFTER && !this.#isStream;
  }
}
