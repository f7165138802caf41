// A tool call that waits for its user: what it would do, and allow, change or forbid it.

import { argumentsFrom, fieldsOf, isSame } from "../arguments.js";
import { gettext } from "../gettext.js";
import { createArgumentsForm } from "./arguments_form.js";
import { createCountdown } from "./countdown.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { valueView } from "./value.js";
import { nameWords, timeWords } from "./words.js";

/**
 * @import {Json} from "../frames.js"
 * @import {Call} from "../run.js"
 *
 * @typedef {{decision: "approve" | "deny", args?: Record<string, Json>}} Decided
 */

// What is open for less than this is counted down.
const COUNTED_BELOW_MS = 120_000;
let count = 0; // makes the ids of labels

/** The card of one such call; its arguments can be edited in place. */
export class Approval {
  #call;
  #onDecide;
  #isEditing = false;
  #isDecided = false;
  #shown;
  #form;
  #note = element("p", { class: "approval__note" });
  #approve = button(gettext("Approve"), "button--primary", () => this.#answer());
  #edit = button(gettext("Edit"), "", () => this.#enter());
  #cancel = button(gettext("Cancel"), "button--quiet", () => this.#leave());
  #deny = button(gettext("Deny"), "", () => this.#decide({ decision: "deny" }));
  #countdown = createCountdown((seconds) =>
    setText(
      this.#note,
      gettext("Nothing happens until you decide. Open for %(seconds)s s.", { seconds }),
    ),
  );

  /**
   * @param {Call} call
   * @param {(answer: Decided) => void} onDecide
   */
  constructor(call, onDecide) {
    const fields = fieldsOf(call.args);
    this.#call = call;
    this.#onDecide = onDecide;
    this.#shown = element("div", { class: "approval__arguments" }, argumentsView(call.args));
    this.#form = createArgumentsForm({ fields, onCancel: () => this.#leave() });
    this.#setEditing(false);
    this.node = this.#made();
  }

  /** @param {Call} call */
  update({ choice, expires_at }) {
    this.#isDecided = choice !== null;
    // Not `disabled`: that would take the focus away from who has just pressed one.
    for (const each of this.#buttons) each.setAttribute("aria-disabled", String(this.#isDecided));
    this.#form.setReadOnly(this.#isDecided);
    const until = choice === null && expires_at ? Date.parse(expires_at) : null;
    const isCounted = until !== null && until - Date.now() < COUNTED_BELOW_MS;
    this.#countdown.show(isCounted ? until : null);
    if (!isCounted) setText(this.#note, noteOf(choice, expires_at));
    this.#note.hidden = this.#note.textContent === "";
  }

  get #buttons() {
    return [this.#approve, this.#edit, this.#cancel, this.#deny];
  }

  #made() {
    count += 1;
    const id = `approval-${count}`;
    const name = element("strong", {}, nameWords(this.#call.tool_name));
    const title = element("p", { class: "approval__title", id }, ...around(gettext("Allow %(name)s?"), name));
    return element(
      "section",
      { class: "approval", role: "group", "aria-labelledby": id },
      element("div", { class: "approval__head" }, icon("alert"), title),
      this.#shown,
      this.#form.node,
      element("div", { class: "approval__actions" }, ...this.#buttons),
      this.#note,
    );
  }

  /** @param {boolean} isEditing */
  #setEditing(isEditing) {
    this.#isEditing = isEditing;
    this.#form.node.hidden = !isEditing;
    this.#shown.hidden = isEditing;
    this.#edit.hidden = isEditing || fieldsOf(this.#call.args).length === 0;
    this.#cancel.hidden = !isEditing;
    setText(this.#approve, isEditing ? gettext("Approve with changes") : gettext("Approve"));
  }

  #enter() {
    if (this.#isDecided) return;
    this.#form.reset();
    this.#setEditing(true);
    this.#form.focus();
  }

  #leave() {
    if (this.#isDecided) return;
    this.#setEditing(false);
    this.#edit.focus();
  }

  #answer() {
    if (!this.#isEditing) {
      this.#decide({ decision: "approve" });
      return;
    }
    const { args, faults } = argumentsFrom(this.#form.fields());
    this.#form.showFaults(faults);
    if (args === null) return;
    const isChanged = !isSame(args, this.#call.args);
    this.#decide({ decision: "approve", ...(isChanged ? { args } : {}) });
  }

  /** @param {Decided} answer */
  #decide(answer) {
    if (!this.#isDecided) this.#onDecide(answer);
  }
}

/** @type {(choice: string | null, expires_at: string | undefined) => string} */
function noteOf(choice, expires_at) {
  if (choice !== null) {
    return choice === "approve" ? gettext("Allowing this…") : gettext("Denying this…");
  }
  if (!expires_at) return "";
  return gettext("Nothing happens until you decide. Open until %(time)s.", {
    time: timeWords(expires_at),
  });
}

// The words with the name where they have its place.
/** @type {(words: string, name: Node) => (string | Node)[]} */
function around(words, name) {
  const [before, after] = words.split("%(name)s");
  return [before, name, after];
}

/** @type {(args: Call["args"]) => HTMLElement} */
function argumentsView(args) {
  const isEmpty = args === null || Object.keys(args).length === 0;
  return isEmpty ? element("p", { class: "text-soft" }, gettext("It takes no arguments.")) : valueView(args);
}

/** @type {(label: string, tone: string, click: () => void) => HTMLButtonElement} */
function button(label, tone, click) {
  const attributes = { type: "button", class: `button button--small ${tone}`.trim(), click };
  return element("button", attributes, label);
}
