// Sends that the server has not answered yet. They outlive the window and go out again under the
// same client_id, by one tab at a time, so that each is stored once and answered once.

import { Claims } from "./claims.js";
import { added, answered, frameOf, named, retried, withdrawn } from "./entries.js";
import { GIVEN_UP, asksForPatience } from "./patience.js";
import { Waits } from "./waits.js";

/**
 * @import {Clock} from "./clock.js"
 * @import {Draft, Entry} from "./entries.js"
 * @import {AckFrame, Answer} from "./frames.js"
 * @import {EntryStore, Step} from "./outbox_store.js"
 * @import {TabMessage, Tabs} from "./tabs.js"
 *
 * `until` says when a postponed entry goes out again; one that `isOnlyHere` can be taken back.
 * @typedef {Entry & {until: number | null, isOnlyHere: boolean}} OutboxEntry
 * @typedef {Answer & {client_id: string}} OwnAnswer
 */

// What another tab has written is its to send; here it is only asked for when that takes longer.
const TAKEN_OVER_AFTER_MS = 1_000;
const UNSURE = "unavailable";
const NAMES_MAX = 100; // more threads than get their ids while an entry of theirs is being stored

export class Outbox {
  #user_id;
  #store;
  #tabs;
  #clock;
  #send;
  #onChange;
  #onAck;
  /** @type {Entry[]} */
  #entries = [];
  #version = 0; // of #entries: a reading that was overtaken is done again
  /** @type {Promise<void> | null} */
  #reading = null;
  /** @type {string[]} */
  #arriving = []; // keys of the entries that are being stored
  /** @type {Map<string, string>} */
  #names = new Map(); // local keys to the ids their threads got
  #isOpen = false;
  #claims;
  #waits;
  /** @type {Set<string>} */
  #others = new Set(); // client_ids of what another tab has just written
  /** @type {Set<string>} */
  #inFlight = new Set(); // sent over this connection and not answered
  /** @type {Set<string>} */
  #unheard = new Set(); // client_ids of what the server surely has not stored

  /**
   * @param {object} options
   * @param {string} options.user_id whose sends; those of others stay untouched
   * @param {EntryStore} options.store where they are kept
   * @param {Tabs} options.tabs the other tabs
   * @param {Clock} options.clock
   * @param {(frame: object) => boolean} options.send
   * @param {(entries: OutboxEntry[]) => void} options.onChange all entries
   * @param {(frame: AckFrame) => void} options.onAck the `ack` of one, in whichever tab it came
   */
  constructor({ user_id, store, tabs, clock, send, onChange, onAck }) {
    this.#user_id = user_id;
    this.#store = store;
    this.#tabs = tabs;
    this.#clock = clock;
    this.#send = send;
    this.#onChange = onChange;
    this.#onAck = onAck;
    this.#claims = new Claims({
      tabs,
      clock,
      // What the tab that had the key before got answered is not sent again.
      prepare: () => this.#refresh(),
      onGranted: () => this.#flush(),
    });
    this.#waits = new Waits({ tabs, clock, onChange: () => this.#changed() });
  }

  /** Brings back what earlier windows did not get answered. */
  async load() {
    await this.#refresh();
    this.#tabs.tell({ type: "new" });
    this.#flush();
  }

  /**
   * Keeps an entry and sends it when it can; resolves as soon as it is kept.
   * @param {Draft} entry
   * @throws {import("./entries.js").OutboxFull}
   */
  async add(entry) {
    this.#arriving.push(entry.key);
    // Before another tab hears of it: the one it was written in goes first.
    if (this.#isOpen) this.#claims.ask(entry.key);
    try {
      await this.#store.change(this.#user_id, (entries) => added(entries, entry));
      this.#unheard.add(entry.client_id);
      await this.#nameLate(entry.key);
      await this.#refresh();
    } finally {
      this.#arriving.splice(this.#arriving.indexOf(entry.key), 1);
    }
    this.#tabs.tell({ type: "changed" });
    this.#flush();
  }

  /**
   * Sends a refused entry once more, under the id it had.
   * @param {string} client_id
   */
  async retry(client_id) {
    this.#waits.forget(client_id);
    this.#inFlight.delete(client_id);
    await this.#change((entries) => retried(entries, client_id));
    this.#tabs.tell({ type: "changed" });
    this.#flush();
  }

  /**
   * Takes an entry back and gives it, or null where the server may have it already.
   * @param {string} client_id
   */
  withdraw(client_id) {
    const entry = this.#find(client_id);
    if (entry === null || !this.#isOnlyHere(entry)) return null;
    this.#waits.forget(client_id);
    this.#unheard.delete(client_id);
    this.#change((entries) => withdrawn(entries, client_id)).then(() =>
      this.#tabs.tell({ type: "changed" }),
    );
    this.#flush();
    return entry;
  }

  /** There is a connection, and it knows nothing of what the last one carried. */
  opened() {
    this.#isOpen = true;
    this.#inFlight.clear();
    this.#waits.opened();
    this.#changed();
  }

  /** There is no connection: other tabs may have one and send. */
  closed() {
    this.#isOpen = false;
    this.#inFlight.clear();
    this.#claims.releaseAll();
  }

  /**
   * Takes an answer of the server; answers whether it was to one of these sends.
   * @param {OwnAnswer} frame
   */
  takes(frame) {
    const wasSent = this.#inFlight.delete(frame.client_id);
    // A database that goes away may have stored it in its last moment.
    if (wasSent && frame.type === "error" && frame.code !== UNSURE) {
      this.#unheard.add(frame.client_id);
    }
    const entry = this.#find(frame.client_id);
    if (entry === null) return wasSent; // answered in another tab before
    if (this.#waits.postpones(frame, this.#unsent())) return true;
    /** @type {OwnAnswer} */
    const answer = asksForPatience(frame) ? { ...frame, message: GIVEN_UP } : frame;
    this.#answered(answer, entry);
    this.#change((entries) => answered(entries, answer)).then(() =>
      this.#tabs.tell({ type: "answered", frame: answer }),
    );
    this.#flush();
    return true;
  }

  /**
   * Takes what another tab tells.
   * @param {TabMessage} message
   */
  hear(message) {
    if (message.type === "postponed") this.#waits.begin(message);
    if (message.type === "new") this.#waits.tellAll();
    if (message.type === "changed") this.#hearChange();
    if (message.type === "answered") this.#hearAnswer(message.frame);
  }

  async #hearChange() {
    const known = new Set(this.#entries.map((each) => each.client_id));
    await this.#refresh();
    const fresh = this.#entries.map((each) => each.client_id).filter((id) => !known.has(id));
    for (const client_id of fresh) this.#others.add(client_id);
    this.#clock.after(TAKEN_OVER_AFTER_MS, () => {
      for (const client_id of fresh) this.#others.delete(client_id);
      this.#flush();
    });
    this.#flush();
  }

  /** @param {Answer} frame */
  #hearAnswer(frame) {
    const entry = this.#find(frame.client_id ?? "");
    if (entry === null) {
      this.#refresh(); // a reading that is under way may still find it
      return;
    }
    this.#answered(frame, entry);
    this.#set(answered(this.#entries, frame));
    this.#flush();
  }

  #flush() {
    if (!this.#isOpen) return;
    const known = this.#unheard.size;
    for (const entry of this.#entries) {
      if (entry.refusal !== null || this.#others.has(entry.client_id)) continue;
      if (this.#inFlight.has(entry.client_id) || this.#isHeldUp(entry)) continue;
      if (!this.#claims.ask(entry.key)) continue;
      if (!this.#send(frameOf(entry))) break;
      this.#inFlight.add(entry.client_id);
      this.#unheard.delete(entry.client_id);
    }
    if (this.#unheard.size < known) this.#tell();
    this.#releaseIdle();
  }

  // The second message of a thread that has no id yet waits for the first one's answer, and none
  // overtakes a postponed one of its thread.
  /** @param {Entry} entry */
  #isHeldUp(entry) {
    const ofThread = this.#entries.filter((each) => each.key === entry.key && !each.refusal);
    if (entry.thread_id === null && ofThread[0] !== entry) return true;
    const untilThis = ofThread.slice(0, ofThread.indexOf(entry) + 1);
    return untilThis.some((each) => this.#waits.has(each.client_id));
  }

  #releaseIdle() {
    const busy = new Set(this.#arriving);
    for (const { key, refusal } of this.#entries) if (refusal === null) busy.add(key);
    // Reading waits for what is being written: the next tab sees the last answer.
    this.#claims.keepOnly(busy, () => this.#store.read(this.#user_id));
  }

  /** @param {Entry} entry */
  #isOnlyHere({ client_id, refusal }) {
    return refusal !== null || this.#unheard.has(client_id);
  }

  #unsent() {
    const unsent = this.#entries.filter(
      ({ client_id, refusal }) => refusal === null && !this.#inFlight.has(client_id),
    );
    return unsent.map((each) => each.client_id);
  }

  /** @type {(frame: Answer, entry: Entry) => void} */
  #answered(frame, entry) {
    this.#waits.forget(entry.client_id);
    if (frame.type !== "ack") return;
    if (entry.thread_id === null) this.#names.set(entry.key, frame.thread_id);
    const [oldest] = this.#names.keys();
    if (this.#names.size > NAMES_MAX) this.#names.delete(oldest);
    this.#onAck(frame);
  }

  // The thread may have got its id while an entry of it was being stored.
  /** @param {string} key */
  async #nameLate(key) {
    const thread_id = this.#names.get(key);
    if (thread_id === undefined) return;
    await this.#store.change(this.#user_id, (entries) => named(entries, key, thread_id));
  }

  /** @param {string} client_id */
  #find(client_id) {
    return this.#entries.find((each) => each.client_id === client_id) ?? null;
  }

  // Here at once, in the store as soon as it may be.
  /** @param {Step} step */
  #change(step) {
    this.#set(step(this.#entries));
    return this.#store.change(this.#user_id, step);
  }

  /** @param {Entry[]} entries */
  #set(entries) {
    this.#version += 1;
    this.#entries = entries;
    this.#tell();
  }

  #refresh() {
    this.#version += 1;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read() {
    let version;
    let entries;
    do {
      version = this.#version;
      entries = await this.#store.read(this.#user_id);
    } while (version !== this.#version);
    this.#set(entries);
  }

  #changed() {
    this.#tell();
    this.#flush();
  }

  #tell() {
    this.#onChange(
      this.#entries.map((each) => ({
        ...each,
        until: this.#waits.until(each.client_id),
        isOnlyHere: this.#isOnlyHere(each),
      })),
    );
  }
}

/** An id that no other send of this user has, within the 64 characters the wire allows. */
export function newClientId() {
  // Not randomUUID: that one is missing on plain http outside localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `c-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
