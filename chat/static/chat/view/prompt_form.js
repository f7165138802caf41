// Two forms of the prompt library: one that makes or changes a prompt, one that fills its places.

import { gettext } from "../gettext.js";
import { filledIn, placesIn } from "../places.js";
import { NAME_PATTERN } from "../prompts.js";
import { countPoints } from "../text.js";
import { button, buttonRow, openDialog } from "./dialog.js";
import { element } from "./element.js";

/** @import {Prompt} from "../commands.js" */

/**
 * @param {object} options
 * @param {Prompt} options.prompt
 * @param {number} options.limit of the text, in code points
 * @param {() => void} options.onCancel
 * @param {(prompt: Prompt) => void} options.onKeep
 */
export function promptForm({ prompt, limit, onCancel, onKeep }) {
  const name = element("input", {
    class: "input",
    required: true,
    maxlength: "60",
    pattern: NAME_PATTERN,
    title: gettext("Letters, digits, - and _"),
    autocomplete: "off",
    spellcheck: "false",
    dir: "auto",
  });
  /** @type {HTMLTextAreaElement} */
  const text = element("textarea", {
    class: "input prompt__field",
    required: true,
    rows: "6",
    dir: "auto",
    input: () => text.setCustomValidity(""),
  });
  name.value = prompt.name;
  text.value = prompt.text;
  const node = element(
    "form",
    { class: "stack", submit },
    labelled(gettext("Name"), name, gettext("Letters, digits, - and _. You call it by /name.")),
    labelled(
      gettext("Text"),
      text,
      gettext("What stands in double braces, as {{topic}}, is asked for when you use it."),
    ),
    buttonRow(button(gettext("Cancel"), "", onCancel), submitButton(gettext("Keep prompt"))),
  );

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const value = text.value.trim();
    const surplus = countPoints(value) - limit;
    if (surplus > 0) {
      text.setCustomValidity(gettext("%(count)s characters too many.", { count: surplus }));
      text.reportValidity();
      return;
    }
    onKeep({ ...prompt, name: name.value, text: value });
  }

  return { node, focus: () => (prompt.prompt_id === undefined ? name : text).focus() };
}

/**
 * Asks for what fills the places of a prompt; without places it is used as it is.
 * @param {{name: string, text: string}} prompt
 * @param {(text: string) => void} onFilled
 */
export function fillPlaces({ name, text }, onFilled) {
  const names = placesIn(text);
  if (names.length === 0) {
    onFilled(text);
    return;
  }
  const fields = names.map((place) => {
    const field = element("textarea", { class: "input", rows: "1", required: true, dir: "auto" });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    return { place, field };
  });
  /** @type {string | null} */
  let filled = null;
  /** @type {HTMLFormElement} */
  const form = element(
    "form",
    {
      class: "stack",
      submit: (event) => {
        event.preventDefault();
        filled = filledIn(text, new Map(fields.map(({ place, field }) => [place, field.value])));
        dialog.close();
      },
    },
    ...fields.map(({ place, field }) => labelled(place, field)),
    buttonRow(
      button(gettext("Cancel"), "", () => dialog.close()),
      submitButton(gettext("Insert")),
    ),
  );
  const onClose = () => filled !== null && onFilled(filled);
  const dialog = openDialog({ title: `/${name}`, body: [form], onClose });
  fields[0].field.focus();
}

/** @type {(label: string, field: HTMLElement, hint?: string) => HTMLElement} */
function labelled(label, field, hint = "") {
  return element(
    "label",
    { class: "field" },
    element("span", { class: "field__label", dir: "auto" }, label),
    field,
    ...(hint === "" ? [] : [element("span", { class: "field__hint" }, hint)]),
  );
}

/** @type {(label: string) => HTMLButtonElement} */
function submitButton(label) {
  return element("button", { type: "submit", class: "button button--primary" }, label);
}
