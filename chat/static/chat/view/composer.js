// Where a message is written: it grows, keeps its draft, takes files, sends and stops.

import { OutboxFull } from "../entries.js";
import { isTooLong, nameOfPaste } from "../files.js";
import { gettext } from "../gettext.js";
import { Walk } from "../history.js";
import { countPoints } from "../text.js";
import { Attachments } from "./attachments.js";
import { setText } from "./element.js";
import { keyWords, overWords } from "./hints.js";
import { ModelChoice } from "./model_choice.js";
import { numberWords } from "./words.js";

/**
 * @import {Drafts, Draft} from "../drafts.js"
 * @import {PageConfig} from "../frames.js"
 * @import {Preferences} from "../preferences.js"
 *
 * The elements of the form by their data-part, as the page's template has them.
 * @typedef {{text: HTMLTextAreaElement, send: HTMLButtonElement, stop: HTMLElement,
 *   interrupt: HTMLElement, attach: HTMLElement, file: HTMLInputElement, files: HTMLElement,
 *   as_file: HTMLButtonElement, model?: HTMLElement, note: HTMLElement, counter: HTMLElement,
 *   over: HTMLElement, over_words: HTMLElement}} Parts
 *
 * @typedef {Draft & {mode: "queue" | "interrupt", model?: string}} Outgoing
 */

const COUNTER_FROM = 0.8; // of the limit
const HEIGHT_MAX_PX = 260;

export class Composer {
  #parts;
  #limit;
  #drafts;
  #onSend;
  #onTyped;
  #written;
  #attachments;
  #models;
  #walk = new Walk();
  /** @type {string | null} */
  #thread_id = null;
  #isShown = false;
  #isRunning = false;
  #hint;
  #calmHint;
  #preferences;
  #isKeeping = false; // what was sent is being stored, and stays here until it is

  /**
   * @param {object} options
   * @param {HTMLElement} options.root the composer's form
   * @param {HTMLElement} options.hint what the keys do
   * @param {PageConfig} options.config
   * @param {Drafts} options.drafts
   * @param {(message: Outgoing) => Promise<void>} options.onSend resolves when the message is kept,
   *   and rejects with words for the user where it cannot be
   * @param {() => void} options.onStop
   * @param {() => void} options.onTyped
   * @param {Preferences} options.preferences `enter` says what it does
   * @param {() => string[]} options.written what was sent in this thread, the newest first
   */
  constructor({ root, hint, config, drafts, preferences, onSend, onStop, onTyped, written }) {
    /** @type {NodeListOf<HTMLElement>} */
    const named = root.querySelectorAll("[data-part]");
    const parts = Object.fromEntries([...named].map((node) => [node.dataset.part, node]));
    this.#parts = /** @type {Parts} */ (/** @type {unknown} */ (parts));
    this.#hint = hint;
    this.#calmHint = hint.textContent;
    this.#limit = config.limits.text;
    this.#drafts = drafts;
    this.#preferences = preferences;
    this.#onSend = onSend;
    this.#onTyped = onTyped;
    this.#written = written;
    const onChange = () => this.#changed();
    /** @type {(words: string) => void} */
    const onTell = (words) => this.#tell(words);
    this.#attachments = new Attachments({ list: this.#parts.files, config, onChange, onTell });
    this.#models = new ModelChoice({
      button: this.#parts.model,
      models: config.models,
      locked: config.locked_models,
      onLocked: () => location.assign(config.plan_url),
    });
    this.#listen(root, onStop);
    // Who only looks at somebody's account is told that instead.
    if (root.inert) return;
    preferences.listen(() => this.#showHint());
    this.#showHint();
  }

  /**
   * Shows the draft of a thread; null is the thread that does not exist yet.
   * @param {string | null} thread_id
   */
  open(thread_id) {
    this.#isShown = false;
    this.#thread_id = thread_id;
    this.#models.forget();
    this.#walk.end();
    this.#tell("");
    this.#show(this.#drafts.read(thread_id));
    this.#isShown = true;
    if (this.#isEmpty) this.#takeOver(thread_id);
  }

  /**
   * The thread on the screen has got its id; its draft goes with it.
   * @param {string | null} thread_id
   */
  named(thread_id) {
    this.#drafts.write(this.#thread_id, { text: "", files: [] });
    this.#thread_id = thread_id;
    this.#changed();
  }

  /**
   * Puts a message back to be changed; what is being written stays, behind it.
   * @param {Draft} message
   */
  edit({ text, files }) {
    const written = this.#parts.text.value;
    this.#walk.end();
    this.#show({
      text: written.trim() === "" ? text : `${text}\n\n${written}`,
      files: [...files, ...this.#attachments.files],
    });
    this.focus();
  }

  /**
   * Writes a text in place of what is written; what is attached stays.
   * @param {string} text
   */
  write(text) {
    this.#walk.end();
    this.#parts.text.value = text;
    this.#changed();
  }

  /**
   * Puts a text where the caret is, with the caret behind it.
   * @param {string} text
   */
  insert(text) {
    const { text: field } = this.#parts;
    this.focus();
    this.#walk.end();
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    this.#tell("");
    this.#changed();
  }

  /** @param {File} file uploaded as if it had been chosen; resolves with whether it arrived */
  add(file) {
    return this.#attachments.add(file);
  }

  /** @param {Iterable<File>} files */
  addAll(files) {
    for (const file of files) this.add(file);
  }

  /**
   * Sends what is written; it waits for an active run, or interrupts it.
   * @param {"queue" | "interrupt"} [mode]
   */
  async submit(mode = "queue") {
    if (this.#parts.send.disabled) return;
    const { files } = this.#attachments;
    const message = { text: this.#parts.text.value, files, mode, model: this.model };
    const thread_id = this.#thread_id;
    this.#walk.end();
    this.#setKeeping(true);
    this.#parts.text.dispatchEvent(new Event("sent"));
    this.focus();
    try {
      await this.#onSend(message);
      this.#sent(message, thread_id);
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error;
      this.#tell(error.message);
    } finally {
      this.#setKeeping(false);
    }
  }

  focus() {
    this.#parts.text.focus();
  }

  /** The model chosen here; undefined where it is the one that answers anyway. */
  get model() {
    return this.#models.model;
  }

  /** @param {string} model as if it had been chosen in the menu of them */
  chooseModel(model) {
    this.#models.choose(model);
    this.focus();
  }

  /** Opens the menu of models; null where there is nothing to choose. */
  get openModels() {
    return this.#models.isThere ? () => this.#models.open() : null;
  }

  /** @param {{isRunning: boolean, model: string | null}} thread */
  update({ isRunning, model }) {
    this.#models.tell(model);
    if (isRunning === this.#isRunning) return;
    this.#isRunning = isRunning;
    this.#parts.stop.hidden = !isRunning;
    this.#showHint();
    this.#showInterrupt();
  }

  get #isEmpty() {
    const { files, isUploading } = this.#attachments;
    return this.#parts.text.value === "" && files.length === 0 && !isUploading;
  }

  // What a window had written that is closed now; not where somebody has begun to write here.
  /** @param {string | null} thread_id */
  async #takeOver(thread_id) {
    const isWanted = () => this.#thread_id === thread_id && this.#isEmpty && !this.#isKeeping;
    const left = await this.#drafts.takeOver(thread_id, isWanted);
    if (left !== null) this.#show(left);
  }

  #showInterrupt() {
    this.#parts.interrupt.hidden = !this.#isRunning || this.#parts.send.disabled;
  }

  // What was typed while the message was being stored stays.
  /** @type {(message: Outgoing, thread_id: string | null) => void} */
  #sent({ text, files }, thread_id) {
    if (thread_id !== this.#thread_id) {
      this.#drafts.write(thread_id, { text: "", files: [] });
      return;
    }
    const { value } = this.#parts.text;
    const ids = new Set(files.map((each) => each.file_id));
    this.#show({
      text: value.startsWith(text) ? value.slice(text.length) : value,
      files: this.#attachments.files.filter((each) => !ids.has(each.file_id)),
    });
  }

  /** @param {boolean} isKeeping */
  #setKeeping(isKeeping) {
    this.#isKeeping = isKeeping;
    this.#changed();
  }

  /** @type {(words: string, how?: {isFault?: boolean}) => void} */
  #tell(words, { isFault = true } = {}) {
    const { note } = this.#parts;
    setText(note, words);
    note.classList.toggle("field__error", isFault);
    note.hidden = words === "";
  }

  /** @param {Draft} draft */
  #show({ text, files }) {
    this.#parts.text.value = text;
    this.#attachments.show(files);
  }

  #changed() {
    const { text, send } = this.#parts;
    const length = countPoints(text.value);
    const isOver = length > this.#limit;
    const isEmpty = text.value.trim() === "";
    send.disabled = isEmpty || isOver || this.#attachments.isUploading || this.#isKeeping;
    this.#showInterrupt();
    this.#showLength(length);
    text.setAttribute("aria-invalid", String(isOver));
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, HEIGHT_MAX_PX)}px`;
    // What is only looked at, on a walk through earlier messages, is no draft.
    if (!this.#isShown || this.#walk.isOn) return;
    this.#drafts.write(this.#thread_id, { text: text.value, files: this.#attachments.files });
  }

  /** @param {number} length */
  #showLength(length) {
    const { counter, over, over_words } = this.#parts;
    const surplus = length - this.#limit;
    const values = { count: numberWords(length), limit: numberWords(this.#limit) };
    setText(counter, gettext("%(count)s of %(limit)s", values));
    counter.hidden = length < this.#limit * COUNTER_FROM;
    counter.classList.toggle("field__error", surplus > 0);
    over.hidden = surplus <= 0;
    setText(over_words, surplus > 0 ? overWords(surplus) : "");
  }

  // The text stays in the field until its file has arrived.
  async #sendAsFile() {
    const { text, as_file } = this.#parts;
    const { value } = text;
    as_file.disabled = true;
    this.focus();
    const file = new File([value], nameOfPaste(value), { type: "text/plain" });
    const hasArrived = await this.add(file);
    as_file.disabled = false;
    if (!hasArrived || text.value !== value) return;
    this.write("");
    const words = gettext("The text is attached. Say what shall be done with it.");
    this.#tell(words, { isFault: false });
  }

  /** @type {(root: HTMLElement, onStop: () => void) => void} */
  #listen(root, onStop) {
    const { text, stop, interrupt, attach, file, as_file } = this.#parts;
    root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    text.addEventListener("input", () => {
      this.#walk.end();
      this.#tell("");
      this.#changed();
      this.#onTyped();
    });
    text.addEventListener("paste", (event) => this.#paste(event));
    text.addEventListener("keydown", (event) => this.#pressed(event));
    interrupt.addEventListener("click", () => this.submit("interrupt"));
    stop.addEventListener("click", onStop);
    attach.addEventListener("click", () => file.click());
    as_file.addEventListener("click", () => this.#sendAsFile());
    file.addEventListener("change", () => {
      this.addAll(file.files ?? []);
      file.value = "";
    });
  }

  #showHint() {
    const sends = this.#preferences.get("enter") === "send";
    const words = keyWords({ isRunning: this.#isRunning, sends });
    setText(this.#hint, words ?? this.#calmHint);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    // A key that ends an input method's composition is not ours, nor one taken by the menu.
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Enter") this.#entered(event);
    else if (this.#walks(event)) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #entered(event) {
    const interrupts = event.shiftKey && (event.ctrlKey || event.metaKey);
    if (event.shiftKey && !interrupts) return;
    const isPlain = !event.ctrlKey && !event.metaKey;
    if (isPlain && this.#preferences.get("enter") === "line") return;
    event.preventDefault();
    this.submit(interrupts && this.#isRunning ? "interrupt" : "queue");
  }

  // From an empty field; whoever moves the caret in a text that came up wants to change it.
  /** @param {KeyboardEvent} event */
  #walks({ key, altKey, ctrlKey, metaKey, shiftKey }) {
    const { value, selectionStart } = this.#parts.text;
    const isFree = !altKey && !ctrlKey && !metaKey && !shiftKey;
    if (!isFree || selectionStart !== value.length) return false;
    if (key === "ArrowUp" && (value === "" || this.#walk.isOn)) {
      return this.#look(this.#walk.older(this.#written()));
    }
    if (!this.#walk.isOn) return false;
    if (key === "ArrowDown") return this.#look(this.#walk.newer());
    if (key !== "Escape") return false;
    this.#walk.end();
    return this.#look("");
  }

  /** @param {string | null} text */
  #look(text) {
    if (text === null) return this.#walk.isOn;
    this.#parts.text.value = text;
    this.#tell("");
    this.#changed();
    return true;
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    if (event.clipboardData === null) return;
    const { files } = event.clipboardData;
    const text = event.clipboardData.getData("text/plain");
    // Cells of a spreadsheet come as text and as a picture of it: the text is meant.
    if (text === "" ? files.length === 0 : !isTooLong(text, this.#limit)) return;
    event.preventDefault();
    const pasted = () => [new File([text], nameOfPaste(text), { type: "text/plain" })];
    this.addAll(text === "" ? files : pasted());
  }
}
