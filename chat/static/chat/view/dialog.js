// Dialogs: a question, a name, or whatever else is put into one; the focus goes in and comes back.

import { gettext } from "../gettext.js";
import { element } from "./element.js";

let count = 0; // makes the ids of titles

/**
 * Opens a modal dialog; it closes by Escape, by a click beside it and by `close`.
 * @param {object} options
 * @param {string} options.title
 * @param {Node[]} options.body
 * @param {string} [options.shape] a class of its own
 * @param {boolean} [options.isBare] the title is only read aloud
 * @param {() => void} [options.onClose]
 * @returns {{node: HTMLDialogElement, close: () => void}}
 */
export function openDialog({ title, body, shape = "", isBare = false, onClose = () => {} }) {
  count += 1;
  const titleId = `dialog-title-${count}`;
  const heading = element(
    "h2",
    { id: titleId, class: isBare ? "visually-hidden" : "dialog__title", dir: "auto" },
    title,
  );
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  let isOver = false;
  /** @type {HTMLDialogElement} */
  const node = element(
    "dialog",
    {
      class: `dialog ${shape}`,
      "aria-labelledby": titleId,
      click: (event) => event.target === node && close(),
      keydown: (event) => event.key === "Escape" && event.stopPropagation(), // it stops a run
      cancel: (event) => event.target === node && close(), // a field for files has one, too
      close,
    },
    element("div", { class: "dialog__body" }, heading, ...body),
  );
  document.body.append(node);
  node.showModal();

  // At once, not by the browser's event: a key that comes before it would be lost.
  function close() {
    if (isOver) return;
    isOver = true;
    node.close();
    node.remove();
    onClose();
    // The browser gives the focus back itself, but to a text field without its caret.
    if (document.activeElement === opener) opener?.blur();
    if (opener?.isConnected && document.activeElement === document.body) opener.focus();
  }

  return { node, close };
}

/**
 * Lets nothing in `node` be used while `work` goes on; the focus, which that takes away, comes back.
 * @template Done
 * @param {HTMLElement} node
 * @param {() => Promise<Done>} work
 */
export async function whileInert(node, work) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  node.inert = true;
  try {
    return await work();
  } finally {
    node.inert = false;
    if (node.contains(focused)) focused?.focus();
  }
}

/**
 * @param {object} options
 * @param {string} options.title a question
 * @param {string} options.text what will have happened
 * @param {string} options.yes
 * @returns {Promise<boolean>}
 */
export function askDanger({ title, text, yes }) {
  return new Promise((resolve) => {
    let answer = false;
    const accept = button(yes, "button--danger", () => {
      answer = true;
      dialog.close();
    });
    const cancel = button(gettext("Cancel"), "", () => dialog.close());
    const body = [element("p", { class: "text-soft" }, text), buttonRow(cancel, accept)];
    const dialog = openDialog({ title, body, onClose: () => resolve(answer) });
    cancel.focus();
  });
}

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.label of the field
 * @param {string} [options.value]
 * @param {number} options.limit in characters
 * @param {string} options.yes
 * @returns {Promise<string | null>} the trimmed name; null where none was given
 */
export function askName({ title, label, value = "", limit, yes }) {
  return new Promise((resolve) => {
    /** @type {string | null} */
    let answer = null;
    const field = element("input", { class: "input", maxlength: String(limit), dir: "auto" });
    field.value = value;
    const labelView = element("span", { class: "field__label" }, label);
    const form = element(
      "form",
      {
        class: "stack",
        submit: (event) => {
          event.preventDefault();
          answer = field.value.trim() || null;
          if (answer !== null) dialog.close();
        },
      },
      element("label", { class: "field" }, labelView, field),
      buttonRow(
        button(gettext("Cancel"), "", () => dialog.close()),
        element("button", { type: "submit", class: "button button--primary" }, yes),
      ),
    );
    const dialog = openDialog({ title, body: [form], onClose: () => resolve(answer) });
    field.select();
  });
}

/** @type {(label: string, kind: string, click: () => void) => HTMLButtonElement} */
export function button(label, kind, click) {
  return element("button", { type: "button", class: `button ${kind}`, click }, label);
}

/** @param {...Node} buttons */
export function buttonRow(...buttons) {
  return element("div", { class: "dialog__buttons" }, ...buttons);
}
