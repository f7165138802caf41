// The palette: a field that finds commands and threads by a few letters, and does the chosen one.

import { filtered } from "../fuzzy.js";
import { gettext, ngettext } from "../gettext.js";
import { openDialog } from "./dialog.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { keysView } from "./keys.js";

const SHOWN_MAX = 50;

/**
 * @typedef {object} Command
 * @property {string} label
 * @property {string} group
 * @property {string} shape its icon
 * @property {() => void} run
 * @property {string} [act] of its shortcut
 * @property {boolean} [isSought] only shown when something is typed
 */

/** @param {Command[]} commands what can be done now */
export function openPalette(commands) {
  const field = element("input", {
    class: "input palette__field",
    role: "combobox",
    placeholder: gettext("What do you want to do?"),
    "aria-label": gettext("Command"),
    "aria-expanded": "true",
    "aria-controls": "palette-list",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    dir: "auto",
    input: () => show(),
    keydown,
  });
  const label = gettext("Commands");
  const list = element("div", { class: "palette__list", role: "listbox", id: "palette-list" });
  list.setAttribute("aria-label", label);
  const status = element("p", { class: "visually-hidden", role: "status" });
  const none = element("p", { class: "threads__note" }, gettext("Nothing fits."));
  const dialog = openDialog({
    title: gettext("Palette of commands"),
    isBare: true,
    shape: "palette",
    body: [field, list, none, status],
  });
  /** @type {Command[]} */
  let shown = [];
  let active = 0;
  show();
  field.focus();

  function show() {
    const offered = commands.filter((each) => field.value.trim() !== "" || !each.isSought);
    shown = filtered(field.value, offered, ({ label: name }) => name).slice(0, SHOWN_MAX);
    list.replaceChildren(...shown.flatMap(rowsOf));
    list.hidden = shown.length === 0;
    none.hidden = shown.length > 0;
    const count = shown.length;
    setText(status, ngettext("%(count)s command", "%(count)s commands", count, { count }));
    point(0);
  }

  /** @type {(command: Command, index: number) => HTMLElement[]} */
  function rowsOf(command, index) {
    const row = element(
      "div",
      {
        class: "palette__row",
        role: "option",
        id: `palette-${index}`,
        "aria-selected": "false",
        pointermove: () => index !== active && point(index),
        click: () => choose(command),
      },
      icon(command.shape),
      element("span", { class: "palette__label", dir: "auto" }, command.label),
      ...(command.act ? [keysView(command.act)] : []),
    );
    const isFirst = shown[index - 1]?.group !== command.group && field.value.trim() === "";
    if (!isFirst) return [row];
    const options = { class: "threads__title", role: "presentation" };
    return [element("div", options, command.group), row];
  }

  /** @param {Command} command */
  function choose(command) {
    dialog.close();
    command.run();
  }

  /** @param {KeyboardEvent} event */
  function keydown(event) {
    if (event.isComposing) return;
    const count = shown.length;
    /** @type {Record<string, number>} */
    const places = { ArrowDown: active + 1, ArrowUp: active - 1 + count };
    if (event.key === "Enter" && count > 0) choose(shown[active]);
    else if (Object.hasOwn(places, event.key) && count > 0) point(places[event.key] % count);
    else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) dialog.close();
    else return;
    event.preventDefault();
  }

  /** @param {number} index */
  function point(index) {
    const rows = [...list.querySelectorAll("[role=option]")];
    rows[active]?.setAttribute("aria-selected", "false");
    active = index;
    const row = rows[index];
    if (row === undefined) {
      field.removeAttribute("aria-activedescendant");
      return;
    }
    row.setAttribute("aria-selected", "true");
    row.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", row.id);
  }
}
