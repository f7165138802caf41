// All settings of this browser in one dialog; each takes effect at once.

import { gettext } from "../gettext.js";
import { button, buttonRow, openDialog } from "./dialog.js";
import { element, setText } from "./element.js";

/**
 * @import {Notifications} from "../notifications.js"
 * @import {Preferences} from "../preferences.js"
 *
 * @typedef {{name: string, title: string, choices: Record<string, string>, note?: string}} Setting
 */

/**
 * @param {object} options
 * @param {Preferences} options.preferences
 * @param {Notifications} options.notifications
 * @param {{label: string, url: string}[]} options.pages of the account
 */
export function openSettings({ preferences, notifications, pages }) {
  const sections = settings().map((each) => createChoice(each, preferences));
  const notices = createNotices(notifications);
  const show = () => {
    for (const { update } of sections) update();
    notices.update();
  };
  const reset = button(gettext("Reset all"), "button--quiet", () => preferences.reset());
  const done = button(gettext("Done"), "button--primary", () => dialog.close());
  const links = pages.map(({ label, url }) => element("a", { href: url }, label));
  const body = [
    element("p", { class: "settings__note" }, gettext("They are kept in this browser.")),
    ...sections.map(({ node }) => node),
    notices.node,
    element("nav", { class: "settings__pages", "aria-label": gettext("Your account") }, ...links),
    buttonRow(reset, done),
  ];
  const ended = preferences.listen(show);
  const dialog = openDialog({
    ...{ title: gettext("Settings"), body, shape: "dialog--wide settings" },
    onClose: ended,
  });
  show();
}

/** @returns {Setting[]} */
function settings() {
  return [
    {
      name: "theme",
      title: gettext("Theme"),
      choices: { system: gettext("As the system"), light: gettext("Light"), dark: gettext("Dark") },
    },
    {
      name: "size",
      title: gettext("Text"),
      choices: { small: gettext("Small"), normal: gettext("Normal"), large: gettext("Large") },
    },
    {
      name: "enter",
      title: gettext("Enter"),
      choices: { send: gettext("Sends"), line: gettext("Makes a new line") },
      note: gettext("Ctrl+Enter, on a Mac Cmd+Enter, always sends."),
    },
    {
      name: "thinking",
      title: gettext("Thoughts of an answer"),
      choices: { collapsed: gettext("Closed when it is there"), shown: gettext("Stay open") },
    },
    {
      name: "spoken",
      title: gettext("A screen reader says of an answer"),
      choices: {
        sentences: gettext("Each sentence"),
        end: gettext("Only its end"),
        off: gettext("Nothing"),
      },
    },
  ];
}

/**
 * @type {(setting: Setting, preferences: Preferences) => {node: HTMLElement, update: () => void}}
 */
function createChoice({ name, title, choices, note }, preferences) {
  const { node, update } = createRadios({
    ...{ name, title, choices, note },
    onChoose: (value) => preferences.set(name, value),
  });
  return { node, update: () => update(preferences.get(name)) };
}

/** @param {Notifications} notifications */
function createNotices(notifications) {
  const note = element("p", { class: "settings__note", role: "status" });
  /** @param {string} value */
  const choose = async (value) => {
    if (value === "on") await notifications.turnOn();
    else notifications.turnOff();
    show();
  };
  const radios = createRadios({
    ...{ name: "notices", title: gettext("Notifications"), onChoose: choose },
    choices: { off: gettext("Off"), on: gettext("On") },
  });
  radios.node.append(note);
  function show() {
    const { standing } = notifications;
    radios.update(standing === "on" ? "on" : "off");
    for (const each of radios.inputs) each.disabled = standing === "missing";
    setText(note, noticeWords()[standing]);
  }
  return { node: radios.node, update: show };
}

/** @returns {Record<Notifications["standing"], string>} */
function noticeWords() {
  const words = gettext(
    "While Netra is not on the screen: when a run of more than 10 seconds has ended, and when one waits for you.",
  );
  return {
    on: words,
    off: words,
    denied: gettext("Your browser forbids them for this site; allow them in its own settings."),
    missing: gettext("This browser cannot show them here."),
  };
}

/** @param {Setting & {onChoose: (value: string) => void}} options */
function createRadios({ name, title, choices, note, onChoose }) {
  const inputs = Object.keys(choices).map((value) =>
    element("input", {
      ...{ type: "radio", name: `setting-${name}`, value, class: "settings__radio" },
      change: () => onChoose(value),
    }),
  );
  const labels = inputs.map((input) =>
    element("label", { class: "settings__choice" }, input, element("span", {}, choices[input.value])),
  );
  const node = element(
    "fieldset",
    { class: "settings__row" },
    element("legend", { class: "settings__title" }, title),
    element("div", { class: "settings__choices" }, ...labels),
    ...(note ? [element("p", { class: "settings__note" }, note)] : []),
  );
  return {
    node,
    inputs,
    /** @param {string} value */
    update(value) {
      for (const each of inputs) each.checked = each.value === value;
    },
  };
}
