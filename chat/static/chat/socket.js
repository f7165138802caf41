// One connection to the server that is always there again: connect, resume, back off, wake up.

import { delayBefore, finalOf } from "./backoff.js";
import { countBytes } from "./text.js";

const PROTOCOL = "netra.v1";
const SILENCE_MAX_MS = 60_000; // three heartbeats without a frame: the connection is dead
const SETUP_MAX_MS = 15_000; // the server gives itself 5 s from accept to ready
const SILENCE_CHECK_MS = 5_000;
const ANSWER_MAX_MS = 5_000; // how long a woken page waits for the answer to its ping
const SEEN_EVERY_MS = 1_000; // the server refuses more than one `seen` a second

/** The connection of a page; it opens when told to and stays until a final close code. */
export class Connection {
  #url;
  #onFrame;
  #onStatus;
  #heads;
  #socket = null;
  #phase = "closed"; // closed, opening, connected, ready
  #services = {};
  #failures = 0;
  #drainMs = 0;
  #final = null;
  #retryTimer = null;
  #answerTimer = null;
  #seenTimer = null;
  #lastFrameAt = 0;
  #lastSeenAt = 0;
  #bytes = 0;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {(frame: object) => void} options.onFrame every frame of the server, in order
   * @param {(status: object) => void} options.onStatus {status, note, final}
   * @param {() => Record<string, number>} options.heads what `seen` confirms
   */
  constructor({ url, onFrame, onStatus, heads }) {
    this.#url = url;
    this.#onFrame = onFrame;
    this.#onStatus = onStatus;
    this.#heads = heads;
    this.#watch();
  }

  get isReady() {
    return this.#phase === "ready";
  }

  /** Connects, unless there is a connection already or the last one was closed for good. */
  open() {
    clearTimeout(this.#retryTimer);
    if (this.#socket !== null || this.#final !== null) return;
    this.#phase = "opening";
    this.#lastFrameAt = Date.now();
    this.#bytes = 0;
    this.#drainMs = 0;
    const socket = new WebSocket(this.#url, [PROTOCOL]);
    this.#socket = socket;
    socket.onmessage = (message) => socket === this.#socket && this.#receive(message.data);
    socket.onclose = (close) => socket === this.#socket && this.#closed(close.code);
    this.#tell();
  }

  /** Connects again after a final close, because the user asked for it. */
  reopen() {
    this.#final = null;
    this.#failures = 0;
    this.open();
  }

  /** Sends a frame when the socket is open; answers whether it was given to the browser. */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #receive(data) {
    this.#lastFrameAt = Date.now();
    this.#bytes += countBytes(data);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = null;
    const frame = JSON.parse(data);
    const changesStatus = this.#note(frame);
    this.#onFrame(frame);
    if (changesStatus) this.#tell();
    this.#confirmSoon();
  }

  #note(frame) {
    if (frame.type === "drain") this.#drainMs = frame.reconnect_after_ms ?? 0;
    if (!["welcome", "ready", "state"].includes(frame.type)) return false;
    if (frame.type === "welcome") this.#phase = "connected";
    else this.#services = frame.services ?? {};
    if (frame.type === "ready") {
      this.#phase = "ready";
      this.#failures = 0;
    }
    return true;
  }

  // Hidden tabs have slow timers, so a frame that comes late enough is confirmed right away.
  #confirmSoon() {
    if (!this.isReady || this.#seenTimer !== null) return;
    const wait = this.#lastSeenAt + SEEN_EVERY_MS - this.#lastFrameAt;
    if (wait <= 0) this.#confirm();
    else this.#seenTimer = setTimeout(() => this.#confirm(), wait);
  }

  #confirm() {
    this.#seenTimer = null;
    const frame = { type: "seen", heads: this.#heads(), bytes: this.#bytes };
    if (this.send(frame)) this.#lastSeenAt = Date.now();
  }

  #closed(code) {
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#seenTimer);
    this.#answerTimer = this.#seenTimer = null;
    this.#socket = null;
    this.#phase = "closed";
    this.#services = {};
    this.#final = finalOf(code);
    if (this.#final === null) this.#openLater(code);
    this.#tell();
  }

  #openLater(code) {
    const [failures, drainMs] = [this.#failures, this.#drainMs];
    const delay = delayBefore({ code, failures, drainMs, random: Math.random });
    this.#retryTimer = setTimeout(() => this.open(), delay);
    this.#failures += 1;
  }

  // A dead network never closes a socket by itself: leave it behind and start anew.
  #abandon() {
    if (this.#socket === null) return;
    const left = this.#socket;
    this.#closed(1006);
    left.close();
  }

  // Whether a socket that looks open still carries anything is known only by asking.
  #probe() {
    if (this.#socket === null || this.#answerTimer !== null) return;
    if (this.#socket.readyState > WebSocket.OPEN) {
      this.#abandon();
    } else if (this.send({ type: "ping" })) {
      this.#answerTimer = setTimeout(() => this.#abandon(), ANSWER_MAX_MS);
    }
  }

  #wake() {
    if (document.visibilityState === "hidden" || this.#final !== null) return;
    if (this.#socket === null) this.open();
    else this.#probe();
  }

  #endSilence() {
    const limit = this.isReady ? SILENCE_MAX_MS : SETUP_MAX_MS;
    if (Date.now() - this.#lastFrameAt > limit) this.#abandon();
  }

  #watch() {
    setInterval(() => this.#endSilence(), SILENCE_CHECK_MS);
    const wake = () => this.#wake();
    window.addEventListener("online", wake);
    window.addEventListener("pageshow", wake);
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("offline", () => {
      this.#probe();
      this.#tell();
    });
  }

  #tell() {
    this.#onStatus(
      statusOf({
        phase: this.#phase,
        services: this.#services,
        failures: this.#failures,
        final: this.#final,
        online: navigator.onLine,
      }),
    );
  }
}

const AWAY = {
  database: "The database is away: nothing can be sent or loaded.",
  bus: "Live updates are slow at the moment; nothing is lost.",
  runs: "Answers are delayed: no worker is running.",
};
const NO_NETWORK = "No network. What you send is kept and goes out later.";

/** The one word of the page's status line and the sentence behind it. */
export function statusOf({ phase, services, failures, final, online }) {
  if (final !== null) return { status: "offline", note: final.message, final };
  if (phase === "ready") {
    const away = Object.keys(AWAY).filter((name) => services[name] === false);
    if (away.length === 0) return { status: "ready", note: "Connected and ready.", final };
    return { status: "degraded", note: away.map((name) => AWAY[name]).join(" "), final };
  }
  if (!online) return { status: "offline", note: NO_NETWORK, final };
  if (phase === "connected") {
    return { status: "connected", note: "Connected; the server is getting ready.", final };
  }
  // The first try of a series may just be quick; after that say what it is.
  if (failures > 1) {
    return { status: "offline", note: "The server does not answer. Trying again.", final };
  }
  return { status: "connecting", note: "Connecting to the server.", final };
}
