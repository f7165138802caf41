// Joins everything about threads to the page: list, search, palette, keys, notices.

import { Changes } from "../changes.js";
import { gettext } from "../gettext.js";
import { Listing } from "../listing.js";
import { Reading } from "../reading.js";
import { currentThread } from "../store.js";
import { commandsOf } from "./commands.js";
import { Finder } from "./finder.js";
import { openHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { openPalette } from "./palette.js";
import { Sidebar } from "./sidebar.js";
import { ThreadActions } from "./thread_actions.js";
import { createToasts } from "./toast.js";
import { walkMessages } from "./walk.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {object} options
 * @param {object} options.config of the page
 * @param {object} options.store
 * @param {object} options.api see threads_api.js
 * @param {object} options.session
 * @param {object} options.composer
 * @param {object} options.drawer
 * @param {(thread_id: string | null, message_id?: string | null) => void} options.go
 * @param {() => Promise<boolean>} options.loadOlder whether older messages came
 * @param {() => void} options.settings opens them
 * @param {() => void} options.prompts opens their library
 * @param {(theme: string) => void} options.theme
 */
export function createThreadsPage(options) {
  const { config, store, api, session, composer, drawer, go, loadOlder } = options;
  const { settings, theme, prompts } = options;
  const toasts = createToasts(byId("toasts"));
  const onRefused = (text) => toasts.show({ text, tone: "danger" });
  const changes = new Changes({ store, api, onRefused });
  const listing = new Listing({ store, api });
  const reading = new Reading({ changes });
  const actions = new ThreadActions({ store, api, changes, toasts, go });
  const region = byId("conversation");
  const finder = new Finder({ region, store, loadOlder, toasts });
  const sidebar = new Sidebar({ parts: partsOf(), store, listing, api, actions, config, go });
  const does = {
    go,
    new: () => go(null),
    search() {
      drawer.open();
      sidebar.search();
    },
    archived: () => show("archived"),
    deleted: () => show("deleted"),
    newFolder: () => actions.newFolder(),
    sidebar: () => drawer.toggle(),
    message: () => composer.focus(),
    previous: () => walkMessages(region, -1, () => composer.focus()),
    next: () => walkMessages(region, 1, () => composer.focus()),
    stop: () => session.stop(),
    // What is written has an undo of its own.
    undo: () => !document.activeElement.value && toasts.act(),
    help: () => openHelp(),
    export: () => actions.save(currentThread(store.state).thread_id, "markdown"),
    prompts,
    palette() {
      const pages = pagesOf();
      openPalette(commandsOf(store.state, { actions, does, models: config.models, pages }));
    },
    model: (model) => composer.chooseModel(model),
    leave: (href) => location.assign(href),
    settings,
    theme,
  };
  listenToKeys(does);
  byId("show-help").addEventListener("click", () => openHelp());
  byId("open-palette").addEventListener("click", () => does.palette());
  document.addEventListener("visibilitychange", () => read());
  window.addEventListener("online", () => changes.wake());

  function show(part) {
    drawer.open();
    sidebar.open(part);
  }

  function read() {
    if (config.is_looking) return; // staff at somebody's account read nothing for them
    reading.update(store.state, document.visibilityState === "visible");
  }

  return {
    does,
    toasts,
    find: (message_id) => finder.find(message_id),
    /** There is a connection again: what happened meanwhile was not told. */
    load() {
      changes.wake();
      return listing.reload();
    },
    update(state) {
      sidebar.update(state);
      finder.update(state);
      read();
    },
  };
}

function partsOf() {
  return {
    list: byId("threads"),
    results: byId("results"),
    status: byId("search-status"),
    field: byId("search"),
    place: byId("list-place"),
    title: byId("list-title"),
    note: byId("list-note"),
    back: byId("list-back"),
    back: byId("list-back"),
    archived: byId("show-archived"),
    deleted: byId("show-deleted"),
    newFolder: byId("new-folder"),
    menu: byId("thread-menu"),
  };
}

// The account's menu has them, as far as this user may go there.
function pagesOf() {
  const links = [...document.querySelectorAll(".sidebar a.menu__item")];
  return links.map((link) => ({
    label: gettext("Go to: %(page)s", { page: link.textContent.trim() }),
    href: link.href,
  }));
}
