// What the page does: it joins store, connection and outbox, and knows no element.

import { isAnswer, isFailedSubscribe, isNotUnderstood } from "./answers.js";
import { clock as real } from "./clock.js";
import { choice } from "./entries.js";
import { Outbox, newClientId } from "./outbox.js";
import { Requests } from "./requests.js";
import { Connection } from "./socket.js";
import { currentThread, heads } from "./store.js";
import { sha256 } from "./text.js";
import { activeRun } from "./timeline.js";
import { TYPING_SHOWN_MS, Typing } from "./typing.js";

/**
 * @import {Clock} from "./clock.js"
 * @import {Answer, ErrorFrame, ServerFrame, StoredFile, TypingFrame} from "./frames.js"
 * @import {EntryStore} from "./outbox_store.js"
 * @import {Decision, Request} from "./requests.js"
 * @import {Roads} from "./roads.js"
 * @import {Status} from "./socket.js"
 * @import {PageAction, Store, Unkeyed} from "./store.js"
 * @import {Tabs} from "./tabs.js"
 * @import {Thread} from "./thread.js"
 *
 * @typedef {{run_id: string} | {message_id: string}} Version an answer, or a question
 */

const SUBSCRIBE_AGAIN_AFTER_S = 2; // where the server names no time
const ALREADY_DECIDED = "already_decided"; // on another device: the log tells what

/** What one tab does with its account: opens threads, sends, stops, and stays in step. */
export class Session {
  #store;
  #connection;
  #outbox;
  #requests;
  #typing;
  #user_id;
  #onOtherUser;
  #clock;
  #isOtherUser = false;
  /** @type {string | null} */
  #subscribed = null; // the thread this connection is subscribed to
  /** @type {number | null} */
  #askedAfter = null; // the position in the last `subscribe`
  /** @type {object | null} */
  #askingAgain = null; // a token of the wait before the next `subscribe`
  /** @type {Set<string | null>} */
  #verified = new Set(); // ids of messages whose hash has been looked at

  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {Roads} options.roads to the server
   * @param {EntryStore} options.outboxStore where unanswered sends are kept
   * @param {Tabs} options.tabs the user's other tabs
   * @param {string} options.user_id the user this page was made for
   * @param {() => void} options.onOtherUser the connection belongs to another user than the page
   * @param {() => void} [options.onText] text of an answer waits for `takeTexts`
   * @param {Clock} [options.clock]
   */
  constructor({ store, roads, outboxStore, tabs, user_id, onOtherUser, onText, clock = real }) {
    this.#store = store;
    this.#user_id = user_id;
    this.#onOtherUser = onOtherUser;
    this.#clock = clock;
    this.#connection = new Connection({
      roads,
      clock,
      onFrame: (frame) => this.#receive(frame),
      onStatus: (status) => this.#note(status),
      heads: () => heads(store.state),
      onText,
    });
    /** @type {(frame: object) => boolean} */
    const send = (frame) => this.#mayTalk && this.#connection.send(frame);
    this.#outbox = new Outbox({
      user_id,
      store: outboxStore,
      tabs,
      clock,
      send,
      onChange: (entries) => store.dispatch({ type: "page.outbox", entries }),
      onAck: (frame) => store.dispatch(frame),
    });
    this.#requests = new Requests({ send, clock, newClientId });
    this.#typing = new Typing({ send, clock });
    tabs.listen((message) => {
      this.#outbox.hear(message);
      this.#follow(); // a thread of this tab may have got its id
    });
  }

  /** Connects, and brings back what earlier windows did not get answered. */
  async start() {
    this.#connection.open();
    await this.#outbox.load();
  }

  /**
   * Shows a thread; null is a new one, and an unsent one is found again.
   * @param {string | null} thread_id
   */
  open(thread_id) {
    const { threads } = this.#store.state;
    const unnamed = Object.keys(threads).filter((key) => threads[key].thread_id === null);
    const unsent = unnamed.find((key) => threads[key].pending.length > 0);
    const key = thread_id ?? unsent ?? unnamed[0] ?? `local:${newClientId()}`;
    this.#store.dispatch({ type: "page.open", key, thread_id });
    this.#follow();
  }

  /**
   * Sends a message to the thread on the screen; resolves as soon as it is kept, connected or not.
   * @param {object} message
   * @param {string} message.text
   * @param {StoredFile[]} message.files
   * @param {"queue" | "interrupt"} [message.mode] whether it waits for an active run or stops it
   * @param {string} [message.model] another one, which answers in the thread from now on
   * @throws {Error} with a message for the user, where it cannot be kept
   */
  async send({ text, files, mode = "queue", model }) {
    const { thread, key } = this.#here;
    await this.#outbox.add({
      client_id: newClientId(),
      key,
      thread_id: thread.thread_id,
      text,
      mode,
      files,
      ...choice(model),
    });
  }

  /** Stops the active run of the thread on the screen. */
  stop() {
    const run = activeRun(this.#here.thread);
    if (run !== null) this.stopRun(run.run_id);
  }

  /**
   * Stops a run; one that has not begun is taken off its queue.
   * @param {string} run_id
   */
  stopRun(run_id) {
    this.#requests.ask(`stop ${run_id}`, { type: "stop", run_id });
  }

  /**
   * Lets a message that waits go before the others, and stops the active run.
   * @param {string} run_id
   */
  sendNow(run_id) {
    this.#requests.ask(`advance ${run_id}`, { type: "advance", run_id });
  }

  /**
   * Answers whether a tool may do what it waits for.
   * @param {Decision} answer
   */
  decide({ run_id, call_id, decision, args }) {
    const frame = { type: "approve", run_id, call_id, decision };
    const isNew = this.#requests.ask(
      `approve ${run_id} ${call_id}`,
      args === undefined ? frame : { ...frame, args },
    );
    const { current: key } = this.#store.state;
    if (isNew) this.#store.dispatch({ type: "page.choice", key, run_id, call_id, decision });
  }

  /**
   * Asks for a further answer to the question of a run, maybe of another model; what is, stays.
   * @param {string} run_id
   * @param {string} [model]
   */
  answerAgain(run_id, model) {
    this.#requests.ask(`again ${run_id}`, { type: "regenerate", run_id, ...choice(model) });
    this.#dispatchHere({ type: "page.again", run_id, isAsked: true });
  }

  /**
   * Shows another version.
   * @param {Version} version
   */
  switchTo(version) {
    const { current } = this.#store.state;
    // Of two wishes the last one counts.
    this.#requests.forget(`switch ${current}`);
    this.#requests.ask(`switch ${current}`, { type: "switch", ...version });
  }

  /**
   * Writes in the place of a question; kept with the thread until it is stored or given up.
   * @param {{message_id: string, text: string}} edit
   */
  writeEdit({ message_id, text }) {
    this.#dispatchHere({ type: "page.edit", message_id, text });
  }

  /**
   * Sends what is written in the place of a question.
   * @param {string} message_id
   */
  saveEdit(message_id) {
    const { text } = this.#here.thread.edits[message_id];
    this.#requests.ask(`edit ${message_id}`, { type: "edit", message_id, text });
    this.#dispatchHere({ type: "page.edit_sent", message_id });
  }

  /**
   * Gives up what is written in the place of a question.
   * @param {string} message_id
   */
  dropEdit(message_id) {
    this.#requests.forget(`edit ${message_id}`);
    this.#dispatchHere({ type: "page.edit_closed", message_id });
  }

  /** The user types in the thread on the screen. */
  typed() {
    this.#typing.typed(this.#here.thread.thread_id);
  }

  /**
   * Sends a refused message once more, under the id it had.
   * @param {string} client_id
   */
  retry(client_id) {
    return this.#outbox.retry(client_id);
  }

  /**
   * Takes a refused message back and answers it.
   * @param {string} client_id
   */
  withdraw(client_id) {
    return this.#outbox.withdraw(client_id);
  }

  takeTexts() {
    this.#connection.takeTexts();
  }

  reconnect() {
    this.#connection.reopen();
  }

  // The thread on the screen: from the first `open` on there is one.
  get #here() {
    const { state } = this.#store;
    const thread = /** @type {Thread} */ (currentThread(state));
    return { thread, key: /** @type {string} */ (state.current) };
  }

  get #mayTalk() {
    return this.#connection.isReady && !this.#isOtherUser;
  }

  /** @param {Status} status */
  #note(status) {
    if (!this.#connection.isReady) this.#outbox.closed();
    this.#store.dispatch({ type: "page.connection", ...status });
  }

  /** @param {ServerFrame} frame */
  #receive(frame) {
    // Signed in as someone else since this page was made: nothing of the two may mix.
    if (frame.type === "ready" && frame.user.user_id !== this.#user_id) {
      this.#isOtherUser = true;
      this.#onOtherUser();
    }
    if (this.#isOtherUser) return;
    if (isAnswer(frame)) this.#answer(frame);
    else if (isFailedSubscribe(frame)) this.#askLater(frame);
    else if (isNotUnderstood(frame)) this.#typing.notUnderstood();
    else this.#store.dispatch(frame);
    if (frame.type === "ready") this.#opened();
    if (frame.type === "typing") this.#showTyping(frame);
    // The server subscribes a connection to the thread it sends to, before it answers.
    const isSubscribed = frame.type === "ack" || frame.type === "events";
    if (isSubscribed && frame.thread_id === this.#store.state.current) {
      this.#subscribed = frame.thread_id;
    }
    this.#follow();
    if (frame.type === "events") this.#verify(frame.thread_id);
  }

  #opened() {
    this.#subscribed = null;
    this.#typing.opened();
    this.#requests.opened();
    this.#outbox.opened();
  }

  // Of an answer to a request only a refusal is news: the log tells what has come of it.
  /** @param {Answer & {client_id: string}} frame */
  #answer(frame) {
    if (this.#outbox.takes(frame)) return;
    const request = this.#requests.takes(frame);
    if (request?.isOver === false) return;
    if (request !== null) this.#settle(request);
    if (frame.type !== "error") return;
    const isToldElsewhere = frame.code === ALREADY_DECIDED || request?.frame.type === "edit";
    if (!isToldElsewhere) this.#store.dispatch({ ...frame, client_id: undefined });
  }

  // What the page showed of a request while it had no answer.
  /** @param {{frame: Request, refusal: string | null}} request */
  #settle({ frame: { type, run_id = "", message_id = "", call_id = "" }, refusal }) {
    if (type === "approve" && refusal !== null) {
      const key = this.#keyWhere((thread) => thread.runs[run_id] !== undefined);
      this.#store.dispatch({ type: "page.choice", key, run_id, call_id, decision: null });
    }
    if (type === "regenerate") {
      const key = this.#keyWhere((thread) => thread.again.includes(run_id));
      this.#store.dispatch({ type: "page.again", key, run_id, isAsked: false });
    }
    if (type === "edit") {
      const key = this.#keyWhere((thread) => thread.edits[message_id] !== undefined);
      if (refusal === null) this.#store.dispatch({ type: "page.edit_closed", key, message_id });
      else this.#store.dispatch({ type: "page.edit_refused", key, message_id, refusal });
    }
  }

  /** @param {(thread: Thread) => boolean} holds */
  #keyWhere(holds) {
    const { threads } = this.#store.state;
    return Object.keys(threads).find((key) => holds(threads[key]));
  }

  /** @param {Unkeyed<PageAction>} action about the thread on the screen */
  #dispatchHere(action) {
    const { key } = this.#here;
    this.#store.dispatch(/** @type {PageAction} */ ({ ...action, key }));
  }

  /** @param {TypingFrame} frame */
  #showTyping(frame) {
    const end = () => this.#store.dispatch({ type: "page.typing_over", frame });
    this.#clock.after(TYPING_SHOWN_MS, end);
  }

  // Keeps the subscription on the thread on the screen, and asks again for what it misses.
  #follow() {
    if (!this.#mayTalk) return;
    const thread = currentThread(this.#store.state);
    const thread_id = thread?.thread_id ?? null;
    if (this.#subscribed === thread_id) {
      if (thread_id === null || !thread?.wants) return;
      this.#ask(thread_id, thread.wants === "snapshot" ? null : thread.seq);
      return;
    }
    if (this.#subscribed !== null) {
      this.#connection.send({ type: "unsubscribe", thread_id: this.#subscribed });
    }
    this.#subscribed = thread_id;
    if (thread?.thread_id) this.#ask(thread.thread_id, thread.isStale ? null : thread.seq);
  }

  // The server drops the subscription before it makes the new one. No notice: it heals by itself,
  // and a database that stays away is told by a `state` frame.
  /** @param {ErrorFrame} frame */
  #askLater({ retry_after_s }) {
    const wait = {};
    this.#askingAgain = wait;
    const again = () => this.#askingAgain === wait && this.#askAgain();
    this.#clock.after((retry_after_s ?? SUBSCRIBE_AGAIN_AFTER_S) * 1000, again);
  }

  #askAgain() {
    if (!this.#mayTalk || this.#subscribed === null) return;
    const { seq, isStale } = this.#store.state.threads[this.#subscribed];
    this.#ask(this.#subscribed, isStale || this.#askedAfter === null ? null : seq);
  }

  /** @type {(thread_id: string, after_seq: number | null) => void} */
  #ask(thread_id, after_seq) {
    this.#askingAgain = null;
    this.#askedAfter = after_seq;
    this.#connection.send({ type: "subscribe", thread_id, after_seq });
    this.#store.dispatch({ type: "page.asked", thread_id });
  }

  // The answer's hash is looked at once; where it does not fit, the server is asked again.
  /** @param {string} thread_id */
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
}
