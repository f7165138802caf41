// The prompt library: found, used, made, changed and deleted in one dialog.

import { gettext } from "../gettext.js";
import { EXAMPLES } from "../prompts.js";
import { RequestFailed } from "../threads_api.js";
import { iconButton } from "./actions.js";
import { askDanger, button, buttonRow, openDialog, whileInert } from "./dialog.js";
import { element, setText } from "./element.js";
import { promptForm } from "./prompt_form.js";

/**
 * @import {Prompt} from "../commands.js"
 * @import {KeptPrompt, Prompts} from "../prompts.js"
 */

/**
 * @param {object} options
 * @param {Prompts} options.prompts
 * @param {string} options.written what stands in the composer, for a new prompt
 * @param {number} options.limit of a text, in code points
 * @param {(prompt: Prompt) => void} options.onUse
 */
export function openLibrary({ prompts, written, limit, onUse }) {
  const said = element("p", { class: "field__error", role: "alert", hidden: true });
  const content = element("div", { class: "stack" });
  const dialog = openDialog({
    title: gettext("Prompt library"),
    shape: "dialog--wide",
    body: [content, said],
  });
  const list = createList({
    prompts,
    onUse: use,
    onEdit: showForm,
    onNew: () => showForm({ name: "", text: written }),
    onRemove: remove,
  });
  content.append(element("p", { class: "text-soft" }, gettext("Loading…")));
  tried(() => prompts.load()).then(showList);

  function showList() {
    content.replaceChildren(list.node);
    list.update();
    if (dialog.node.open) list.focus();
  }

  /** @param {Prompt} prompt */
  function showForm(prompt) {
    tell("");
    const form = promptForm({ prompt, limit, onCancel: showList, onKeep: keep });
    content.replaceChildren(form.node);
    form.focus();
  }

  /** @param {Prompt} prompt */
  async function keep(prompt) {
    if (await tried(() => prompts.keep(prompt))) showList();
  }

  /** @param {KeptPrompt} prompt */
  async function remove(prompt) {
    const isMeant = await askDanger({
      title: gettext("Delete the prompt “%(name)s”?", { name: prompt.name }),
      text: gettext("Nobody can bring it back."),
      yes: gettext("Delete prompt"),
    });
    if (isMeant && (await tried(() => prompts.remove(prompt)))) showList();
  }

  /** @param {Prompt} prompt */
  function use(prompt) {
    dialog.close();
    onUse(prompt);
  }

  /** @param {string} words */
  function tell(words) {
    setText(said, words);
    said.hidden = words === "";
  }

  /** @param {() => Promise<unknown>} work */
  async function tried(work) {
    tell("");
    try {
      await whileInert(content, work);
      return true;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      tell(wordsOf(error));
      return false;
    }
  }
}

/**
 * @param {object} options
 * @param {Prompts} options.prompts
 * @param {(prompt: Prompt) => void} options.onUse
 * @param {(prompt: Prompt) => void} options.onEdit
 * @param {() => void} options.onNew
 * @param {(prompt: KeptPrompt) => void} options.onRemove
 */
function createList({ prompts, onUse, onEdit, onNew, onRemove }) {
  const field = element("input", {
    class: "input",
    type: "search",
    "aria-label": gettext("Search prompts"),
    placeholder: gettext("Search prompts"),
    autocomplete: "off",
    dir: "auto",
    input: update,
  });
  const rows = element("ul", { class: "prompts", role: "list" });
  const none = element("p", { class: "text-soft", role: "status" });
  const add = button(gettext("New prompt"), "button--primary", onNew);
  const node = element("div", { class: "stack" }, field, rows, none, buttonRow(add));

  function update() {
    const sought = field.value.trim().toLowerCase();
    const isEmpty = prompts.isRead && prompts.list.length === 0;
    const shown = prompts.list.filter(({ name, text }) =>
      `${name}\n${text}`.toLowerCase().includes(sought),
    );
    const kept = shown.map((each) =>
      rowOf(each, { onUse, onEdit, onRemove: () => onRemove(each) }),
    );
    const examples = EXAMPLES.map((each) => rowOf(each, { onUse, onEdit }));
    rows.replaceChildren(...(isEmpty ? examples : kept));
    field.hidden = isEmpty || !prompts.isRead;
    setText(none, noneWords({ isEmpty, isFound: shown.length > 0 || !prompts.isRead }));
    none.hidden = none.textContent === "";
  }

  return {
    node,
    update,
    focus: () => (field.hidden ? add : field).focus(),
  };
}

/** @type {(found: {isEmpty: boolean, isFound: boolean}) => string} */
function noneWords({ isEmpty, isFound }) {
  if (isEmpty) return gettext("You keep no prompt yet. These are examples: use one, or keep it.");
  return isFound ? "" : gettext("No prompt fits.");
}

// An example has nothing to be removed: it is nobody's yet.
/**
 * @param {Prompt} prompt
 * @param {object} actions
 * @param {(prompt: Prompt) => void} actions.onUse
 * @param {(prompt: Prompt) => void} actions.onEdit
 * @param {() => void} [actions.onRemove]
 */
function rowOf(prompt, { onUse, onEdit, onRemove }) {
  const { name, text } = prompt;
  const use = element(
    "button",
    { type: "button", class: "prompt__use", click: () => onUse(prompt) },
    element("span", { class: "prompt__name", dir: "auto" }, `/${name}`),
    element("span", { class: "prompt__text", dir: "auto" }, text),
  );
  const edit = iconButton({
    name: onRemove ? gettext("Edit %(name)s", { name }) : gettext("Keep %(name)s", { name }),
    act: "edit",
    shape: onRemove ? "pencil" : "plus",
    click: () => onEdit(prompt),
  });
  const remove = iconButton({
    name: gettext("Delete %(name)s", { name }),
    act: "remove",
    shape: "bin",
    click: () => onRemove?.(),
  });
  return element("li", { class: "prompt" }, use, edit, ...(onRemove ? [remove] : []));
}

/** @type {(error: RequestFailed) => string} */
function wordsOf(error) {
  /** @type {Record<string, () => string>} */
  const words = {
    name_taken: () => gettext("You have a prompt of this name. Choose another one."),
    too_many_prompts: () => gettext("There is no room for another prompt. Delete one first."),
  };
  return Object.hasOwn(words, error.code) ? words[error.code]() : error.message;
}
