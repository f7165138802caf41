// Sends that the server has not answered yet. They outlive a reload and go out again after
// `ready` with the same client_id, so that each is stored once and answered once.

const STORAGE_KEY = "netra.outbox";

/**
 * Entries are {client_id, key, thread_id, text, mode, files}. `key` names the thread on the page:
 * the thread's id, or a local name while its first message has no answer.
 */
export class Outbox {
  #storage;
  #send;
  #entries;
  #inFlight = new Set();

  /**
   * @param {object} options
   * @param {Pick<Storage, "getItem" | "setItem">} options.storage
   * @param {(frame: object) => boolean} options.send
   */
  constructor({ storage, send }) {
    this.#storage = storage;
    this.#send = send;
    this.#entries = load(storage);
  }

  get entries() {
    return this.#entries;
  }

  add(entry) {
    const others = this.#entries.filter((each) => each.client_id !== entry.client_id);
    this.#entries = [...others, entry];
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
    this.flush();
  }

  /** Takes the final answer to a send; answers whether it was one of ours. */
  answered(frame) {
    const entry = this.#entries.find((each) => each.client_id === frame.client_id);
    if (entry === undefined) return false;
    this.#inFlight.delete(entry.client_id);
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

  // The second message of a thread that has no id yet waits for the first one's answer.
  #isWaiting(entry) {
    if (entry.thread_id !== null) return false;
    return this.#entries.find((each) => each.key === entry.key) !== entry;
  }

  #save() {
    try {
      this.#storage.setItem(STORAGE_KEY, JSON.stringify(this.#entries));
    } catch {
      // A full or refused storage costs the reload, not the send.
    }
  }
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

function load(storage) {
  try {
    const entries = JSON.parse(storage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(entries) ? entries : [];
  } catch {
    return [];
  }
}
