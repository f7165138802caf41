// Joins settings, notifications and the tab's mark to the page.

import { clock } from "../clock.js";
import { gettext } from "../gettext.js";
import { shownRows } from "../list.js";
import { Notifications } from "../notifications.js";
import { RunWatch, unreadCount } from "../run_watch.js";
import { keepAppearance } from "./appearance.js";
import { openSettings } from "./settings.js";
import { createTabMark } from "./tab_mark.js";
import { nameOf } from "./thread_row.js";
import { nameWords } from "./words.js";

/**
 * @import {PageConfig} from "../frames.js"
 * @import {ShownRow} from "../list.js"
 * @import {Preferences} from "../preferences.js"
 * @import {Sighting} from "../run_watch.js"
 * @import {State, Store} from "../store.js"
 * @import {Toasts} from "./toast.js"
 */

const OFFERED_KEY = "netra.notices_offered";

/**
 * @param {object} options
 * @param {PageConfig} options.config
 * @param {Store} options.store
 * @param {Preferences} options.preferences
 * @param {(thread_id: string) => void} options.go
 * @param {() => Toasts} options.toasts
 */
export function createSettingsPage({ config, store, preferences, go, toasts }) {
  const notifications = new Notifications({
    preferences,
    system: globalThis.Notification,
    locks: navigator.locks,
    clock,
    user_id: config.user.user_id,
  });
  const watch = new RunWatch();
  const mark = createTabMark({
    sign: /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=icon]")),
    unreadSign: config.unread_icon_url,
  });
  const isSeen = () => document.visibilityState === "visible";
  let missed = false; // a notification would have come, had it been wanted

  function look() {
    notifications.see(isSeen());
    update(store.state);
    if (isSeen() && missed) offer();
  }

  // The page is not drawn while it is hidden: what happens then is seen here.
  /** @param {State} state */
  function update(state) {
    const rows = shownRows(state.list);
    // What is on the screen is being read.
    const others = rows.filter((row) => !isSeen() || row.thread_id !== state.current);
    mark.update(nameOf(rowOf(rows, state.current)), unreadCount({ rows: others }));
    for (const sighting of watch.update(state, clock.now())) tell(sighting, rows);
  }

  /** @type {(sighting: Sighting, rows: ShownRow[]) => void} */
  function tell({ kind, id, thread_id, tool_name = "" }, rows) {
    if (isSeen()) return;
    missed ||= notifications.standing === "off" && kind === "ended";
    const body = kind === "ended" ? gettext("The answer has ended.") : askWords(tool_name);
    notifications.show({
      ...{ id, title: nameOf(rowOf(rows, thread_id)), body },
      click() {
        window.focus();
        go(thread_id);
      },
    });
  }

  // Once, and quietly.
  function offer() {
    missed = false;
    if (wasOffered() || preferences.get("notices") === "on") return;
    toasts().show({
      text: gettext("An answer has ended while you were away."),
      action: { label: gettext("Notify me next time"), run: () => notifications.turnOn() },
    });
  }

  keepAppearance(preferences);
  window.addEventListener("storage", (event) => preferences.hear(event));
  document.addEventListener("visibilitychange", look);
  look();
  // A longer text is no news here.
  store.subscribe((state, { type }) => {
    if (type !== "delta") update(state);
  });
  return {
    open: () => openSettings({ preferences, notifications, pages: config.account_pages }),
  };
}

/** @type {(rows: ShownRow[], thread_id: string | null) => {title?: string}} */
function rowOf(rows, thread_id) {
  return rows.find((row) => row.thread_id === thread_id) ?? {};
}

/** @param {string} tool_name empty where it is not known */
function askWords(tool_name) {
  if (tool_name === "") return gettext("It asks for your permission.");
  return gettext("It asks whether it may use %(name)s.", { name: nameWords(tool_name) });
}

// Where a browser keeps nothing it is not offered at all.
function wasOffered() {
  try {
    const offered = localStorage.getItem(OFFERED_KEY) !== null;
    localStorage.setItem(OFFERED_KEY, "yes");
    return offered;
  } catch {
    return true;
  }
}
