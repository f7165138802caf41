// One connection to the server that is always there again: connect, resume, back off, wake up.

import { delayBefore, finalOf } from "./backoff.js";
import { gettext } from "./gettext.js";
import { countBytes } from "./text.js";

/**
 * @import {Final} from "./backoff.js"
 * @import {Clock} from "./clock.js"
 * @import {ServerFrame, Services} from "./frames.js"
 * @import {Carrier, Roads} from "./roads.js"
 *
 * @typedef {{status: string, note: string, final: Final | null}} Status
 */

const SILENCE_MAX_MS = 60_000; // two heartbeats without a frame: the connection is dead
const SETUP_MAX_MS = 15_000; // the server gives itself 5 s from accept to ready
const ANSWER_MAX_MS = 3_000; // how long a woken page waits for the answer to its ping
// The protocol allows one `seen` a second; the surplus is for frames that catch up.
const SEEN_EVERY_MS = 1_100;
const RESTART_MAX_MS = 30_000; // a server that said it restarts is not called away so soon
const DRAIN = 1012;
const NOT_SIGNED_IN = 4501;
const TOO_MANY_CONNECTIONS = 4529;
// A server notices within 60 s that a network is gone; till then the lost connection has a place.
const PLACE_LOST_MAX_MS = 75_000;
// So much text that grows may wait for the next draw; a hidden page does not draw.
const TEXTS_MAX = 64;
const TEXT = /^\{"type": ?"delta"/;
const NETWORK_LOST = { code: 1006, reason: "" };

/** The connection of a page; it opens when told to and stays until a final close code. */
export class Connection {
  #roads;
  #clock;
  #onFrame;
  #onStatus;
  #heads;
  #onText;
  /** @type {string[]} */
  #texts = []; // frames of text that wait
  /** @type {Carrier | null} */
  #socket = null;
  #phase = "closed"; // closed, opening, connected, ready
  /** @type {Services} */
  #services = {};
  #failures = 0;
  #drainMs = 0;
  #restartsUntil = 0;
  #lostAt = -Infinity;
  /** @type {Final | null} */
  #final = null;
  #openedAt = 0;
  #lastFrameAt = 0;
  #lastSeenAt = 0;
  #bytes = 0;
  // Each calls its timer off.
  #endRetry = () => {};
  #endSilence = () => {};
  /** @type {(() => void) | null} */
  #endSeen = null;
  /** @type {(() => void) | null} */
  #endAnswer = null;

  /**
   * @param {object} options
   * @param {Roads} options.roads
   * @param {Clock} options.clock
   * @param {(frame: ServerFrame) => void} options.onFrame every frame of the server, in order
   * @param {(status: Status) => void} options.onStatus
   * @param {() => Record<string, number>} options.heads what `seen` confirms
   * @param {(() => void) | null} [options.onText] text has grown: its frames wait for `takeTexts`,
   *   but not longer than for the next frame of another kind
   */
  constructor({ roads, clock, onFrame, onStatus, heads, onText = null }) {
    this.#onText = onText;
    this.#roads = roads;
    this.#clock = clock;
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
    this.#endRetry();
    if (this.#socket !== null || this.#final !== null) return;
    this.#phase = "opening";
    this.#openedAt = this.#lastFrameAt = this.#clock.now();
    this.#bytes = 0;
    this.#drainMs = 0;
    const socket = this.#roads.open();
    this.#socket = socket;
    /** @param {{data: string}} message */
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(data);
    /** @param {{code: number, reason: string}} close */
    socket.onclose = (close) => socket === this.#socket && this.#closed(close);
    this.#watchSilence();
    this.#tell();
  }

  /** Connects again after a final close, because the user asked for it. */
  reopen() {
    this.#final = null;
    this.#failures = 0;
    this.open();
  }

  /**
   * Sends a frame when the socket is open; answers whether it was given to the browser.
   * @param {object} frame
   */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Hands over the frames of text that wait: together they cost less than one by one. */
  takeTexts() {
    const texts = this.#texts;
    this.#texts = [];
    for (const data of texts) this.#onFrame(JSON.parse(data));
  }

  /** @param {string} data */
  #receive(data) {
    this.#lastFrameAt = this.#clock.now();
    if (this.#bytes === 0) this.#roads.carries();
    this.#bytes += countBytes(data);
    this.#endAnswer?.();
    this.#endAnswer = null;
    if (this.#onText !== null && this.#texts.length < TEXTS_MAX && TEXT.test(data)) {
      this.#texts.push(data);
      this.#confirmSoon();
      this.#onText();
      return;
    }
    this.takeTexts();
    /** @type {ServerFrame} */
    const frame = JSON.parse(data);
    const changesStatus = this.#note(frame);
    this.#onFrame(frame);
    if (changesStatus) this.#tell();
    this.#confirmSoon();
  }

  /** @param {ServerFrame} frame */
  #note(frame) {
    if (frame.type === "drain") this.#drainMs = frame.reconnect_after_ms ?? 0;
    if (frame.type !== "welcome" && frame.type !== "ready" && frame.type !== "state") return false;
    if (frame.type === "welcome") this.#phase = "connected";
    else this.#services = frame.services ?? {};
    if (frame.type === "ready") {
      this.#phase = "ready";
      this.#failures = 0;
      this.#restartsUntil = 0;
    }
    return true;
  }

  // Hidden tabs have slow timers: a frame that comes when one is overdue does its work.
  #confirmSoon() {
    if (!this.isReady) return;
    // At most so long, or a clock that was set back would stop the server's writing.
    const wait = Math.min(SEEN_EVERY_MS, this.#lastSeenAt + SEEN_EVERY_MS - this.#lastFrameAt);
    if (wait <= 0) this.#confirm();
    else this.#endSeen ??= this.#clock.after(wait, () => this.#confirm());
  }

  #confirm() {
    this.#endSeen?.();
    this.#endSeen = null;
    const frame = { type: "seen", heads: this.#heads(), bytes: this.#bytes };
    if (this.send(frame)) this.#lastSeenAt = this.#clock.now();
  }

  /** @param {{code: number, reason: string}} close */
  #closed({ code, reason }) {
    this.takeTexts();
    this.#endAnswer?.();
    this.#endSeen?.();
    this.#endSilence();
    this.#endAnswer = this.#endSeen = null;
    if (this.#bytes === 0) this.#roads.failed(code);
    const final = finalOf(code, reason);
    if (this.isReady && final === null) this.#lostAt = this.#clock.now();
    // A new password gives the browser another key; whoever is signed out is told so once more.
    const mayComeBack = this.#isOwnPlace(code) || (this.isReady && code === NOT_SIGNED_IN);
    this.#socket = null;
    this.#phase = "closed";
    this.#services = {};
    this.#final = mayComeBack ? null : final;
    if (this.#final === null) this.#openLater(code);
    this.#tell();
  }

  // Whether it may be this page's own lost connection that is one too many.
  /** @param {number} code */
  #isOwnPlace(code) {
    return code === TOO_MANY_CONNECTIONS && this.#clock.now() - this.#lostAt < PLACE_LOST_MAX_MS;
  }

  /** @param {number} code */
  #openLater(code) {
    if (this.#roads.isDoubtful) {
      this.#endRetry = this.#clock.after(0, () => this.open());
      return;
    }
    const [failures, drainMs] = [this.#failures, this.#drainMs];
    const delay = delayBefore({ code, failures, drainMs, random: Math.random });
    if (code === DRAIN) this.#restartsUntil = this.#clock.now() + delay + RESTART_MAX_MS;
    this.#endRetry = this.#clock.after(delay, () => this.open());
    this.#failures += 1;
  }

  // A dead network never closes a socket by itself: leave it behind and start anew.
  #abandon() {
    if (this.#socket === null) return;
    const left = this.#socket;
    this.#closed(NETWORK_LOST);
    left.close();
  }

  // Whether a socket that looks open still carries anything is known only by asking.
  #probe() {
    if (this.#socket === null || this.#endAnswer !== null) return;
    const { readyState } = this.#socket;
    const age = this.#clock.now() - this.#openedAt;
    if (readyState > WebSocket.OPEN) {
      this.#abandon();
    } else if (readyState < WebSocket.OPEN) {
      // A handshake that began before the page slept has had its time.
      if (age > ANSWER_MAX_MS) this.#abandon();
    } else if (this.send({ type: "ping" })) {
      this.#endAnswer = this.#clock.after(ANSWER_MAX_MS, () => this.#abandon());
    }
  }

  #wake() {
    if (this.#final !== null) return;
    if (this.#socket === null) this.open();
    else this.#probe();
  }

  #watchSilence() {
    const limit = this.isReady ? SILENCE_MAX_MS : SETUP_MAX_MS;
    const now = this.#clock.now();
    // For a clock that was set back the last frame would stay in the future.
    this.#lastFrameAt = Math.min(this.#lastFrameAt, now);
    const left = this.#lastFrameAt + limit - now;
    if (left <= 0) this.#abandon();
    else this.#endSilence = this.#clock.after(left, () => this.#watchSilence());
  }

  #watch() {
    const wake = () => this.#wake();
    window.addEventListener("online", wake);
    window.addEventListener("pageshow", wake);
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "hidden") wake();
    });
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
        isRestarting: this.#clock.now() < this.#restartsUntil,
      }),
    );
  }
}

/** @type {Record<string, string>} */
const AWAY = {
  database: gettext("The database is away: nothing can be sent or loaded."),
  bus: gettext("Live updates are slow at the moment; nothing is lost."),
  runs: gettext("Answers are delayed: no worker is running."),
};
const NO_NETWORK = gettext("No network. What you send is kept and goes out later.");
const NO_SERVER = gettext("The server does not answer. What you send is kept and goes out later.");

/**
 * The one word of the page's status line and the sentence behind it.
 * @param {object} situation
 * @param {string} situation.phase
 * @param {Services} situation.services
 * @param {number} situation.failures
 * @param {Final | null} situation.final
 * @param {boolean} situation.online
 * @param {boolean} situation.isRestarting
 * @returns {Status}
 */
export function statusOf({ phase, services, failures, final, online, isRestarting }) {
  if (final !== null) return { status: "offline", note: final.message, final };
  if (phase === "ready") {
    const away = Object.keys(AWAY).filter((name) => services[name] === false);
    if (away.length === 0) return { status: "ready", note: gettext("Connected and ready."), final };
    return { status: "degraded", note: away.map((name) => AWAY[name]).join(" "), final };
  }
  if (!online) return { status: "offline", note: NO_NETWORK, final };
  if (phase === "connected") {
    return { status: "connected", note: gettext("Connected; the server is getting ready."), final };
  }
  if (isRestarting) {
    return { status: "connecting", note: gettext("The server restarts. Connecting again."), final };
  }
  // The first try of a series may just be quick; after that say what it is.
  if (failures > 1) {
    return { status: "offline", note: NO_SERVER, final };
  }
  return { status: "connecting", note: gettext("Connecting to the server."), final };
}
