// What the page does: it joins store, connection and outbox, and knows no element.

import { Outbox, TRIES_MAX, asksForPatience, newClientId } from "./outbox.js";
import { Connection } from "./socket.js";
import { currentThread, heads } from "./store.js";
import { sha256 } from "./text.js";
import { activeRun } from "./thread.js";

const SUBSCRIBE_AGAIN_AFTER_S = 2; // where the server names no time
const GIVEN_UP = `The server could not take this in ${TRIES_MAX} tries.`;

/** What one tab does with its account: opens threads, sends, stops, and stays in step. */
export class Session {
  #store;
  #connection;
  #outbox;
  #user_id;
  #onOtherUser;
  #later;
  #isOtherUser = false;
  #subscribed = null; // the thread this connection is subscribed to
  #askedAfter = null; // the position in the last `subscribe`
  #askingAgain = null; // a token of the wait before the next `subscribe`
  #verified = new Set(); // ids of messages whose hash has been looked at

  /**
   * @param {object} options
   * @param {object} options.store
   * @param {string} options.url of the socket
   * @param {Storage} options.storage where unanswered sends are kept
   * @param {string} options.user_id the user this page was made for
   * @param {() => void} options.onOtherUser the connection belongs to another user than the page
   * @param {(work: () => void, ms: number) => void} [options.later]
   */
  constructor({ store, url, storage, user_id, onOtherUser, later = waitFor }) {
    this.#store = store;
    this.#user_id = user_id;
    this.#onOtherUser = onOtherUser;
    this.#later = later;
    this.#connection = new Connection({
      url,
      onFrame: (frame) => this.#receive(frame),
      onStatus: (status) => store.dispatch({ type: "page.connection", ...status }),
      heads: () => heads(store.state),
    });
    this.#outbox = new Outbox({
      storage,
      user_id,
      send: (frame) => this.#mayTalk && this.#connection.send(frame),
      later,
    });
  }

  /** Brings back what an earlier page of this tab did not get answered, and connects. */
  start() {
    for (const { key, ...entry } of this.#outbox.entries) {
      this.#store.dispatch({ type: "page.open", key, thread_id: entry.thread_id });
      this.#store.dispatch({ type: "page.send", key, entry });
    }
    this.#connection.open();
  }

  /** Shows a thread; null is a new one, and an unsent one of this tab is found again. */
  open(thread_id) {
    const { threads } = this.#store.state;
    const unnamed = Object.keys(threads).find((key) => threads[key].thread_id === null);
    const key = thread_id ?? unnamed ?? `local:${newClientId()}`;
    this.#store.dispatch({ type: "page.open", key, thread_id });
    this.#follow();
  }

  send({ text, files }) {
    const { current } = this.#store.state;
    const { thread_id } = currentThread(this.#store.state);
    this.#put(current, { client_id: newClientId(), thread_id, text, mode: "queue", files });
  }

  /** Stops the active run of the thread on the screen. */
  stop() {
    const run = activeRun(currentThread(this.#store.state));
    if (run === null) return;
    this.#connection.send({ type: "stop", client_id: newClientId(), run_id: run.run_id });
  }

  /** Sends a refused message once more, under the id it had. */
  retry(client_id) {
    const entry = this.#pending(client_id);
    if (entry === null) return;
    const { status: _, error: __, ...again } = entry;
    this.#put(this.#store.state.current, again);
  }

  /** Takes a refused message back and answers it. */
  withdraw(client_id) {
    const entry = this.#pending(client_id);
    this.#store.dispatch({ type: "page.discard", client_id });
    return entry;
  }

  reconnect() {
    this.#connection.reopen();
  }

  get #mayTalk() {
    return this.#connection.isReady && !this.#isOtherUser;
  }

  #receive(frame) {
    // Signed in as someone else since this page was made: nothing of the two may mix.
    if (frame.type === "ready" && frame.user.user_id !== this.#user_id) {
      this.#isOtherUser = true;
      this.#onOtherUser();
    }
    if (this.#isOtherUser) return;
    if (frame.client_id && (frame.type === "ack" || frame.type === "error")) this.#answer(frame);
    else if (isFailedSubscribe(frame)) this.#askLater(frame);
    else this.#store.dispatch(frame);
    if (frame.type === "ready") {
      this.#subscribed = null;
      this.#outbox.reconnected();
    }
    // The server subscribes a connection to the thread it sends to, before it answers.
    const isSubscribed = frame.type === "ack" || frame.type === "events";
    if (isSubscribed && frame.thread_id === this.#store.state.current) {
      this.#subscribed = frame.thread_id;
    }
    this.#follow();
    if (frame.type === "events") this.#verify(frame.thread_id);
  }

  // What answers none of our sends answers a stop: only its refusal is news.
  #answer(frame) {
    if (this.#outbox.postpones(frame)) return;
    const answer = asksForPatience(frame) ? { ...frame, message: GIVEN_UP } : frame;
    if (this.#outbox.answered(frame)) this.#store.dispatch(answer);
    else if (frame.type === "error") this.#store.dispatch({ ...frame, client_id: undefined });
    this.#outbox.flush();
  }

  // Keeps the subscription on the thread on the screen, and asks again for what it misses.
  #follow() {
    if (!this.#mayTalk) return;
    const thread = currentThread(this.#store.state);
    const thread_id = thread?.thread_id ?? null;
    if (this.#subscribed === thread_id) {
      if (thread?.wants) this.#ask(thread_id, thread.wants === "snapshot" ? null : thread.seq);
      return;
    }
    if (this.#subscribed !== null) {
      this.#connection.send({ type: "unsubscribe", thread_id: this.#subscribed });
    }
    this.#subscribed = thread_id;
    if (thread_id !== null) this.#ask(thread_id, thread.seq);
  }

  // The server drops the subscription before it makes the new one. No notice: it heals by itself,
  // and a database that stays away is told by a `state` frame.
  #askLater({ retry_after_s }) {
    const wait = {};
    this.#askingAgain = wait;
    const again = () => this.#askingAgain === wait && this.#askAgain();
    this.#later(again, (retry_after_s ?? SUBSCRIBE_AGAIN_AFTER_S) * 1000);
  }

  #askAgain() {
    if (!this.#mayTalk || this.#subscribed === null) return;
    const { seq } = this.#store.state.threads[this.#subscribed];
    this.#ask(this.#subscribed, this.#askedAfter === null ? null : seq);
  }

  #ask(thread_id, after_seq) {
    this.#askingAgain = null;
    this.#askedAfter = after_seq;
    this.#connection.send({ type: "subscribe", thread_id, after_seq });
    this.#store.dispatch({ type: "page.asked", thread_id });
  }

  // The answer's hash is looked at once; where it does not fit, the server is asked again.
  async #verify(thread_id) {
    if (globalThis.crypto.subtle === undefined) return; // plain http outside localhost
    for (const run of Object.values(this.#store.state.threads[thread_id]?.runs ?? {})) {
      if (run.sha256 === null || this.#verified.has(run.message_id)) continue;
      this.#verified.add(run.message_id);
      const digest = await sha256(run.text);
      if (digest !== run.sha256) this.#store.dispatch({ type: "page.misfit", thread_id });
    }
    this.#follow();
  }

  #put(key, entry) {
    this.#outbox.add({ ...entry, key });
    this.#store.dispatch({ type: "page.send", key, entry });
    this.#outbox.flush();
  }

  #pending(client_id) {
    const { pending } = currentThread(this.#store.state);
    return pending.find((each) => each.client_id === client_id) ?? null;
  }
}

// Of the frames without a client_id only `subscribe` needs the database.
function isFailedSubscribe({ type, client_id, code, retryable }) {
  return type === "error" && !client_id && code === "unavailable" && retryable === true;
}

function waitFor(work, ms) {
  setTimeout(work, ms);
}
