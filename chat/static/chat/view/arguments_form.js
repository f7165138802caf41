// A form for the arguments of a tool call, one field each; what is wrong stands at its field.

import { element, setText } from "./element.js";
import { nameWords } from "./words.js";

/**
 * @import {Field, Kind} from "../arguments.js"
 * @import {Json} from "../frames.js"
 */

const LINES_MAX = 12;
let count = 0; // makes the ids of fields

/**
 * @param {object} options
 * @param {Field[]} options.fields
 * @param {() => void} options.onCancel
 */
export function createArgumentsForm({ fields, onCancel }) {
  const rows = fields.map(createRow);
  const fault = element("p", { class: "field__error", role: "alert", hidden: true });
  const node = element(
    "form",
    { class: "approval__form", submit, keydown },
    ...rows.map((row) => row.node),
    fault,
  );

  // Only the button approves: Enter in a field is pressed too easily.
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // Escape also stops a run
    onCancel();
  }

  return {
    node,
    fields: () => rows.map((row) => row.field()),
    focus: () => rows[0].input.focus(),
    reset() {
      for (const row of rows) row.reset();
      this.showFaults({});
    },
    /** @param {boolean} isReadOnly */
    setReadOnly(isReadOnly) {
      for (const { input } of rows) {
        if (input.type === "checkbox") input.disabled = isReadOnly;
        else input.readOnly = isReadOnly;
      }
    },
    /**
     * Shows a sentence at each field that has one, and goes to the first.
     * @param {Record<string, string>} faults
     */
    showFaults(faults) {
      setText(fault, faults[""] ?? "");
      fault.hidden = fault.textContent === "";
      for (const row of rows) row.showFault(faults[row.name] ?? "");
      rows.find((row) => faults[row.name] !== undefined)?.input.focus();
    },
  };
}

/** @param {Field} field */
function createRow({ name, kind, value }) {
  count += 1;
  const id = `argument-${count}`;
  const input = inputOf(kind, value, id);
  const fault = element("p", { class: "field__error", id: `${id}-fault`, hidden: true });
  const label = element("label", { class: "field__label", for: id }, nameWords(name));
  const isFlag = kind === "flag";
  const parts = isFlag ? [input, label, fault] : [label, input, fault];
  const node = element("div", { class: isFlag ? "field field--check" : "field" }, ...parts);
  return {
    name,
    node,
    input,
    field: () => ({ name, kind, value: isCheckbox(input) ? input.checked : input.value }),
    reset() {
      if (isCheckbox(input)) input.checked = value;
      else input.value = value;
    },
    /** @param {string} words */
    showFault(words) {
      setText(fault, words);
      fault.hidden = words === "";
      input.setAttribute("aria-invalid", String(words !== ""));
    },
  };
}

/** @type {(input: HTMLInputElement | HTMLTextAreaElement) => input is HTMLInputElement} */
function isCheckbox(input) {
  return input.type === "checkbox";
}

/** @type {(kind: Kind, value: Json, id: string) => HTMLInputElement | HTMLTextAreaElement} */
function inputOf(kind, value, id) {
  const attributes = { id, "aria-describedby": `${id}-fault` };
  if (kind === "flag") return element("input", { ...attributes, type: "checkbox" });
  if (kind === "number" || (kind === "text" && !isLong(value))) {
    const inputmode = kind === "number" ? "decimal" : null;
    return element("input", { ...attributes, class: "input", type: "text", inputmode });
  }
  const rows = Math.min(LINES_MAX, Math.max(3, value.split("\n").length));
  const className = kind === "json" ? "input input--json" : "input";
  const spellcheck = String(kind === "text");
  return element("textarea", { ...attributes, class: className, rows, spellcheck });
}

/** @type {(text: string) => boolean} */
function isLong(text) {
  return text.length > 60 || text.includes("\n");
}
