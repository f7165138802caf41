// Sends that the server has not answered yet. They outlive a reload and go out again after
// `ready` with the same client_id, so that each is stored once and answered once.

// A send the server asks to have again goes out at most so often; with the server's 2 s between
// two tries that outlasts a restart of the database.
export const TRIES_MAX = 20;

/**
 * Entries are {client_id, key, thread_id, text, mode, files}. `key` names the thread on the page:
 * the thread's id, or a local name while its first message has no answer.
 */
export class Outbox {
  #storage;
  #storageKey;
  #send;
  #later;
  #entries;
  #inFlight = new Set();
  #postponed = new Map(); // client_id to a token of the wait it is in
  #refusals = new Map(); // client_id to how often the server asked for it again

  /**
   * @param {object} options
   * @param {Pick<Storage, "getItem" | "setItem">} options.storage
   * @param {string} options.user_id whose sends; those of another user of the tab stay untouched
   * @param {(frame: object) => boolean} options.send
   * @param {(work: () => void, ms: number) => void} options.later
   */
  constructor({ storage, user_id, send, later }) {
    this.#storage = storage;
    this.#storageKey = `netra.outbox.${user_id}`;
    this.#send = send;
    this.#later = later;
    this.#entries = load(storage, this.#storageKey);
  }

  get entries() {
    return this.#entries;
  }

  add(entry) {
    const others = this.#entries.filter((each) => each.client_id !== entry.client_id);
    this.#entries = [...others, entry];
    this.#forget(entry.client_id);
    this.#save();
  }

  /** Sends what has not been sent over this connection. */
  flush() {
    for (const entry of this.#entries) {
      if (this.#inFlight.has(entry.client_id) || this.#isWaiting(entry)) continue;
      if (!this.#send(frameOf(entry))) return;
      this.#inFlight.add(entry.client_id);
    }
  }

  /** A new connection knows nothing of what the last one carried. */
  reconnected() {
    this.#inFlight.clear();
    this.#postponed.clear();
    this.flush();
  }

  /** Keeps a send that the server wants again later; answers whether this one goes out again. */
  postpones(frame) {
    const { client_id } = frame;
    if (!asksForPatience(frame)) return false;
    if (!this.#entries.some((each) => each.client_id === client_id)) return false;
    const refusals = (this.#refusals.get(client_id) ?? 0) + 1;
    if (refusals >= TRIES_MAX) return false;
    this.#refusals.set(client_id, refusals);
    const wait = {};
    this.#postponed.set(client_id, wait);
    this.#later(() => this.#resume(client_id, wait), frame.retry_after_s * 1000);
    return true;
  }

  /** Takes the final answer to a send; answers whether it was one of ours. */
  answered(frame) {
    const entry = this.#entries.find((each) => each.client_id === frame.client_id);
    if (entry === undefined) return false;
    this.#forget(entry.client_id);
    const { thread_id } = frame;
    const namesThread = frame.type === "ack" && entry.thread_id === null;
    this.#entries = this.#entries
      .filter((each) => each !== entry)
      .map((each) =>
        namesThread && each.key === entry.key ? { ...each, key: thread_id, thread_id } : each,
      );
    this.#save();
    return true;
  }

  // The second message of a thread that has no id yet waits for the first one's answer, and none
  // overtakes a postponed one of its thread.
  #isWaiting(entry) {
    const ofThread = this.#entries.filter((each) => each.key === entry.key);
    if (entry.thread_id === null && ofThread[0] !== entry) return true;
    const untilThis = ofThread.slice(0, ofThread.indexOf(entry) + 1);
    return untilThis.some((each) => this.#postponed.has(each.client_id));
  }

  // A wait that a new connection or the user has ended does nothing.
  #resume(client_id, wait) {
    if (this.#postponed.get(client_id) !== wait) return;
    this.#postponed.delete(client_id);
    this.#inFlight.delete(client_id);
    this.flush();
  }

  #forget(client_id) {
    this.#inFlight.delete(client_id);
    this.#postponed.delete(client_id);
    this.#refusals.delete(client_id);
  }

  #save() {
    try {
      this.#storage.setItem(this.#storageKey, JSON.stringify(this.#entries));
    } catch {
      // A full or refused storage costs the reload, not the send.
    }
  }
}

/** Whether the server refuses only for now and says when to come again. */
export function asksForPatience({ type, retryable, retry_after_s }) {
  return type === "error" && retryable === true && Number.isFinite(retry_after_s);
}

/** An id that no other send of this user has, within the 64 characters the wire allows. */
export function newClientId() {
  // Not randomUUID: that one is missing on plain http outside localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `c-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function frameOf({ client_id, thread_id, text, mode, files }) {
  const frame = { type: "send", client_id, thread_id, text, mode };
  return files.length > 0 ? { ...frame, files: files.map((each) => each.file_id) } : frame;
}

function load(storage, key) {
  try {
    const entries = JSON.parse(storage.getItem(key) ?? "[]");
    return Array.isArray(entries) ? entries : [];
  } catch {
    return [];
  }
}
