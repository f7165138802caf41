// What stands in for a WebSocket where a network blocks those: frames come in one long answer, and
// go out by POST, one POST at a time, so that they stay in order.

const CARRIED_MAX = 50; // frames in one POST
const CARRIED_CHARS_MAX = 60_000;
const LOST = { code: 1006, reason: "" };
const JSON_TEXT = "application/json";

/** @typedef {{event: string, data: string}} StreamMessage */

/** As much of a WebSocket as `Connection` uses; the server's frames name the connection. */
export class StreamSocket {
  /** @type {number} */
  readyState = WebSocket.CONNECTING;
  /** @type {(message: {data: string}) => void} */
  onmessage = () => {};
  /** @type {(close: {code: number, reason: string}) => void} */
  onclose = () => {};
  #url;
  #csrf;
  #fetch;
  #aborter = new AbortController();
  /** @type {string | null} */
  #connection_id = null;
  /** @type {string[]} */
  #waiting = [];
  #isCarrying = false;

  /**
   * @param {string} url of the connections, as in `/api/socket/`
   * @param {object} options
   * @param {string} options.csrf
   * @param {typeof globalThis.fetch} [options.fetch]
   */
  constructor(url, { csrf, fetch = globalThis.fetch.bind(globalThis) }) {
    this.#url = url;
    this.#csrf = csrf;
    this.#fetch = fetch;
    this.#listen();
  }

  /** @param {string} text */
  send(text) {
    this.#waiting.push(text);
    if (!this.#isCarrying) this.#carry();
  }

  close() {
    this.#aborter.abort();
    this.#end(LOST);
  }

  async #listen() {
    try {
      const answer = await this.#post(this.#url, "", "text/event-stream");
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      if (answer.body === null) throw new Error("answered without a stream");
      for await (const message of messagesOf(answer.body)) this.#receive(message);
    } catch {
      // The network or the server has gone: whoever listens connects again.
    }
    this.#end(LOST);
  }

  /** @param {StreamMessage} message */
  #receive({ event, data }) {
    if (event === "close") {
      this.#end(JSON.parse(data));
      this.#aborter.abort();
      return;
    }
    if (this.#connection_id === null) {
      this.#connection_id = JSON.parse(data).connection_id ?? null;
      this.readyState = WebSocket.OPEN;
    }
    this.onmessage({ data });
  }

  async #carry() {
    this.#isCarrying = true;
    try {
      while (this.#waiting.length > 0 && this.readyState === WebSocket.OPEN) {
        const url = `${this.#url}${encodeURIComponent(String(this.#connection_id))}/`;
        const answer = await this.#post(url, this.#some().join("\n"), JSON_TEXT);
        if (!answer.ok) throw new Error(`answered ${answer.status}`);
      }
    } catch {
      this.close();
    }
    this.#isCarrying = false;
  }

  #some() {
    let chars = 0;
    /** @type {(text: string) => boolean} */
    const fits = (text) => (chars += text.length) <= CARRIED_CHARS_MAX;
    const end = this.#waiting.slice(0, CARRIED_MAX).findIndex((text) => !fits(text));
    return this.#waiting.splice(0, Math.max(1, end === -1 ? CARRIED_MAX : end));
  }

  /** @type {(url: string, body: string, accept: string) => Promise<Response>} */
  #post(url, body, accept) {
    const headers = { Accept: accept, "Content-Type": "text/plain", "X-CSRFToken": this.#csrf };
    const { signal } = this.#aborter;
    return this.#fetch(url, { method: "POST", headers, body, signal, cache: "no-store" });
  }

  /** @param {{code: number, reason: string}} close */
  #end(close) {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.onclose(close);
  }
}

/**
 * Messages of an event stream, as they come.
 * @param {ReadableStream<Uint8Array>} body
 */
export async function* messagesOf(body) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of chunksOf(body)) {
    text += decoder.decode(bytes, { stream: true });
    const whole = text.split("\n\n");
    text = whole.pop() ?? "";
    for (const each of whole) {
      const message = messageOf(each);
      if (message.data !== "") yield message;
    }
  }
}

// Not every browser can iterate a stream itself.
/** @param {ReadableStream<Uint8Array>} body */
async function* chunksOf(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** @type {(text: string) => StreamMessage} */
function messageOf(text) {
  /** @type {StreamMessage & Record<string, string>} */
  const message = { event: "message", data: "" };
  for (const line of text.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) message[line.slice(0, at)] = line.slice(at + 2);
  }
  return message;
}
