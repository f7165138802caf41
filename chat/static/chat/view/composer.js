// Where a message is written: it grows, keeps its draft, takes files, sends and stops.

import { OutboxFull } from "../entries.js";
import { isTooLong, nameOfPaste } from "../files.js";
import { countPoints } from "../text.js";
import { Attachments } from "./attachments.js";
import { setText } from "./element.js";
import { numberWords } from "./words.js";

const COUNTER_FROM = 0.8; // of the limit
const HEIGHT_MAX_PX = 260;
const RUNNING_HINT =
  "Enter sends when this answer has ended, Ctrl+Shift+Enter stops it and sends at once.";

export class Composer {
  #parts;
  #limit;
  #drafts;
  #onSend;
  #onTyped;
  #attachments;
  #thread_id = null;
  #isShown = false;
  #isRunning = false;
  #hint;
  #calmHint;
  #default; // the model that answers where none was chosen; undefined without a choice
  #told; // the model of the thread as last told; undefined before
  #isKeeping = false; // what was sent is being stored, and stays here until it is

  /**
   * @param {object} options
   * @param {HTMLElement} options.root the composer's form
   * @param {HTMLElement} options.hint what the keys do
   * @param {object} options.config the page's configuration
   * @param {object} options.drafts
   * @param {(message: {text: string, files: object[], mode: "queue" | "interrupt",
   *   model?: string}) => Promise<void>} options.onSend resolves when the message is kept, and rejects with words for
   *   the user where it cannot be
   * @param {() => void} options.onStop
   * @param {() => void} options.onTyped
   */
  constructor({ root, hint, config, drafts, onSend, onStop, onTyped }) {
    const named = [...root.querySelectorAll("[data-part]")];
    this.#parts = Object.fromEntries(named.map((node) => [node.dataset.part, node]));
    this.#hint = hint;
    this.#calmHint = hint.textContent;
    this.#limit = config.limits.text;
    this.#default = config.models?.[0]?.model;
    this.#drafts = drafts;
    this.#onSend = onSend;
    this.#onTyped = onTyped;
    const onChange = () => this.#changed();
    this.#attachments = new Attachments({ list: this.#parts.files, config, onChange });
    this.#listen(root, onStop);
  }

  /** Shows the draft of a thread; null is the thread that does not exist yet. */
  open(thread_id) {
    this.#isShown = false;
    this.#thread_id = thread_id;
    this.#told = undefined;
    this.#tell("");
    this.#show(this.#drafts.read(thread_id));
    this.#isShown = true;
  }

  /** The thread on the screen has got its id; its draft goes with it. */
  named(thread_id) {
    this.#drafts.write(this.#thread_id, { text: "", files: [] });
    this.#thread_id = thread_id;
    this.#changed();
  }

  /** Puts a message back to be changed; what is being written stays, behind it. */
  edit({ text, files }) {
    const written = this.#parts.text.value;
    this.#show({
      text: written.trim() === "" ? text : `${text}\n\n${written}`,
      files: [...files, ...this.#attachments.files],
    });
    this.focus();
  }

  /** Writes the text of an example; what is attached stays. */
  write(text) {
    this.#parts.text.value = text;
    this.#changed();
  }

  /** Uploads a file as if it had been chosen; resolves with whether it arrived. */
  add(file) {
    return this.#attachments.add(file);
  }

  addAll(files) {
    for (const file of files) this.add(file);
  }

  /** Sends what is written; it waits for an active run, or interrupts it. */
  async submit(mode = "queue") {
    if (this.#parts.send.disabled) return;
    const { files } = this.#attachments;
    const message = { text: this.#parts.text.value, files, mode, model: this.model };
    const thread_id = this.#thread_id;
    this.#setKeeping(true);
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
    const chosen = this.#parts.model?.value;
    return chosen === (this.#told ?? this.#default) ? undefined : chosen;
  }

  update({ isRunning, model }) {
    this.#showModel(model);
    if (isRunning === this.#isRunning) return;
    this.#isRunning = isRunning;
    this.#parts.stop.hidden = !isRunning;
    setText(this.#hint, isRunning ? RUNNING_HINT : this.#calmHint);
    this.#showInterrupt();
  }

  // What the user has chosen and not used yet stays, unless the thread tells another one.
  #showModel(model) {
    if (this.#parts.model === undefined || model === this.#told) return;
    this.#told = model;
    this.#parts.model.value = model ?? this.#default;
    // A model that is not offered any more: the default answers.
    if (this.#parts.model.value === "") this.#parts.model.value = this.#default;
  }

  #showInterrupt() {
    this.#parts.interrupt.hidden = !this.#isRunning || this.#parts.send.disabled;
  }

  // What was typed while the message was being stored stays.
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

  #setKeeping(isKeeping) {
    this.#isKeeping = isKeeping;
    this.#changed();
  }

  #tell(words) {
    const { note } = this.#parts;
    setText(note, words);
    note.hidden = words === "";
  }

  #show({ text, files }) {
    this.#parts.text.value = text;
    this.#attachments.show(files);
  }

  #changed() {
    const { text, send, counter } = this.#parts;
    const length = countPoints(text.value);
    const isOver = length > this.#limit;
    const isEmpty = text.value.trim() === "";
    send.disabled = isEmpty || isOver || this.#attachments.isUploading || this.#isKeeping;
    this.#showInterrupt();
    setText(counter, `${numberWords(length)} of ${numberWords(this.#limit)}`);
    counter.hidden = length < this.#limit * COUNTER_FROM;
    counter.classList.toggle("field__error", isOver);
    text.setAttribute("aria-invalid", String(isOver));
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, HEIGHT_MAX_PX)}px`;
    const { files } = this.#attachments;
    if (this.#isShown) this.#drafts.write(this.#thread_id, { text: text.value, files });
  }

  #listen(root, onStop) {
    const { text, stop, interrupt, attach, file } = this.#parts;
    root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    text.addEventListener("input", () => {
      this.#tell("");
      this.#changed();
      this.#onTyped();
    });
    text.addEventListener("paste", (event) => this.#paste(event));
    text.addEventListener("keydown", (event) => {
      // Enter that ends an input method's composition is not ours.
      if (event.key !== "Enter" || event.isComposing) return;
      const interrupts = event.shiftKey && (event.ctrlKey || event.metaKey);
      if (event.shiftKey && !interrupts) return;
      event.preventDefault();
      this.submit(interrupts && this.#isRunning ? "interrupt" : "queue");
    });
    interrupt.addEventListener("click", () => this.submit("interrupt"));
    stop.addEventListener("click", onStop);
    attach.addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      this.addAll(file.files);
      file.value = "";
    });
  }

  #paste(event) {
    const { files } = event.clipboardData;
    const text = event.clipboardData.getData("text/plain");
    if (files.length === 0 && !isTooLong(text, this.#limit)) return;
    event.preventDefault();
    const pasted = () => [new File([text], nameOfPaste(text), { type: "text/plain" })];
    this.addAll(files.length > 0 ? files : pasted());
  }
}
