// The help: every key of the page, from the table that the page listens by.

import { gettext } from "../gettext.js";
import { COMMANDS } from "../commands.js";
import { SHORTCUTS } from "../shortcuts.js";
import { button, buttonRow, openDialog } from "./dialog.js";
import { element } from "./element.js";
import { keysView } from "./keys.js";

/**
 * @import {Command} from "../commands.js"
 * @import {Shortcut} from "../shortcuts.js"
 */

export function openHelp() {
  /** @type {[string, Shortcut[]][]} */
  const groups = [
    [gettext("Everywhere"), SHORTCUTS.filter((each) => each.of === undefined)],
    [gettext("In the message field"), SHORTCUTS.filter((each) => each.of === "message")],
  ];
  const tables = groups.map(([title, shortcuts]) =>
    element(
      "section",
      { class: "help__group" },
      element("h3", { class: "threads__title" }, title),
      element("dl", { class: "help__keys" }, ...shortcuts.flatMap(rowsOf)),
    ),
  );
  tables.push(
    element(
      "section",
      { class: "help__group" },
      element("h3", { class: "threads__title" }, gettext("At the beginning of a message")),
      element("dl", { class: "help__keys" }, ...COMMANDS.map(commandRow)),
    ),
  );
  const dialog = openDialog({
    title: gettext("Keys and commands"),
    shape: "dialog--wide",
    body: [...tables, buttonRow(button(gettext("Close"), "", () => dialog.close()))],
  });
  // Not at its end, which would be out of sight of its beginning on a phone.
  const title = dialog.node.querySelector("h2");
  if (title === null) return;
  title.tabIndex = -1;
  title.focus();
}

/** @param {Command} command */
function commandRow({ name, words }) {
  const keys = element("span", { class: "keys" }, element("kbd", {}, `/${name}`));
  const row = [element("dt", {}, words()), element("dd", {}, keys)];
  return element("div", { class: "help__row" }, ...row);
}

/** @param {Shortcut} shortcut */
function rowsOf({ act, words }) {
  const row = [element("dt", {}, words()), element("dd", {}, keysView(act))];
  return [element("div", { class: "help__row" }, ...row)];
}
