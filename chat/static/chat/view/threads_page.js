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
import { byId } from "./page.js";
import { openPalette } from "./palette.js";
import { Sidebar } from "./sidebar.js";
import { ThreadActions } from "./thread_actions.js";
import { createToasts } from "./toast.js";
import { walkMessages } from "./walk.js";

/**
 * @import {PageConfig} from "../frames.js"
 * @import {Session} from "../session.js"
 * @import {State, Store} from "../store.js"
 * @import {ThreadsApi} from "../threads_api.js"
 * @import {Composer} from "./composer.js"
 * @import {Drawer} from "./drawer.js"
 */

/**
 * What the page does when it is asked to, by keys, by commands or in the palette.
 * @typedef {ReturnType<typeof createThreadsPage>["does"]} Does
 */

/**
 * @param {object} options
 * @param {PageConfig} options.config
 * @param {Store} options.store
 * @param {ThreadsApi} options.api
 * @param {Session} options.session
 * @param {Composer} options.composer
 * @param {Drawer} options.drawer
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
  /** @type {(text: string) => void} */
  const onRefused = (text) => toasts.show({ text, tone: "danger" });
  const changes = new Changes({ store, api, onRefused });
  const listing = new Listing({ store, api });
  const reading = new Reading({ changes });
  const actions = new ThreadActions({ store, api, changes, toasts, go });
  const region = byId("conversation");
  const switchTo = (/** @type {{message_id: string}} */ version) => session.switchTo(version);
  const finder = new Finder({ region, store, loadOlder, switchTo, toasts });
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
    undo: () => !hasText(document.activeElement) && toasts.act(),
    help: () => openHelp(),
    export() {
      const thread_id = currentThread(store.state)?.thread_id ?? null;
      return thread_id === null ? null : actions.save(thread_id, "markdown");
    },
    prompts,
    palette() {
      const pages = pagesOf();
      openPalette(commandsOf(store.state, { actions, does, models: config.models, pages }));
    },
    /** @param {string} model */
    model: (model) => composer.chooseModel(model),
    /** @param {string} href */
    leave: (href) => location.assign(href),
    settings,
    theme,
  };
  listenToKeys(does);
  byId("show-help").addEventListener("click", () => openHelp());
  byId("open-palette").addEventListener("click", () => does.palette());
  document.addEventListener("visibilitychange", () => read());
  window.addEventListener("online", () => changes.wake());

  /** @param {string} part */
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
    /** @param {string} message_id */
    find: (message_id) => finder.find(message_id),
    /** There is a connection again: what happened meanwhile was not told. */
    load() {
      changes.wake();
      return listing.reload();
    },
    /** @param {State} state */
    update(state) {
      sidebar.update(state);
      finder.update(state);
      read();
    },
  };
}

/** @type {(node: Element | null) => boolean} */
function hasText(node) {
  return Boolean(/** @type {{value?: string} | null} */ (node)?.value);
}

function partsOf() {
  return {
    list: byId("threads"),
    results: byId("results"),
    status: byId("search-status"),
    field: /** @type {HTMLInputElement} */ (byId("search")),
    place: byId("list-place"),
    title: byId("list-title"),
    note: byId("list-note"),
    back: byId("list-back"),
    archived: byId("show-archived"),
    deleted: byId("show-deleted"),
    newFolder: byId("new-folder"),
    menu: byId("thread-menu"),
  };
}

// The account's menu has them, as far as this user may go there.
function pagesOf() {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll(".sidebar a.menu__item");
  return [...links].map((link) => ({
    label: gettext("Go to: %(page)s", { page: link.textContent.trim() }),
    href: link.href,
  }));
}
