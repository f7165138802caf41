// What the palette offers: what can be done now, with what is on the screen.

import { gettext } from "../gettext.js";
import { isIn, shownRows } from "../list.js";
import { currentThread } from "../store.js";
import { activeRun } from "../timeline.js";
import { nameOf } from "./thread_row.js";

/**
 * @import {PageConfig} from "../frames.js"
 * @import {ShownRow} from "../list.js"
 * @import {State} from "../store.js"
 * @import {Command} from "./palette.js"
 * @import {ThreadActions} from "./thread_actions.js"
 * @import {Does} from "./threads_page.js"
 *
 * @typedef {{label: string, href: string}} PageLink
 */

const THREADS_MAX = 500;

/**
 * @param {State} state
 * @param {object} options
 * @param {ThreadActions} options.actions
 * @param {Does} options.does what the page itself does: new, search, stop, …
 * @param {PageConfig["models"]} options.models
 * @param {PageLink[]} options.pages
 * @returns {Command[]}
 */
export function commandsOf(state, { actions, does, models, pages }) {
  const rows = shownRows(state.list);
  const row = rows.find((each) => each.thread_id === state.current && !each.deleted);
  const others = rows.filter((each) => isIn("active", each) && each !== row);
  /** @type {(each: ShownRow) => Pick<Command, "label" | "run">} */
  const opening = (each) => ({ label: nameOf(each), run: () => does.go(each.thread_id) });
  return [
    ...others
      .filter(({ running, waiting }) => running && waiting)
      .map((each) => ({
        ...opening(each),
        ...{ group: gettext("Waits for your decision"), shape: "alert" },
      })),
    ...hereOf(state, does),
    ...(row ? threadCommands(row, { actions, state }) : []),
    ...modelCommands(models, does),
    ...pageCommands(pages, does),
    ...themeCommands(does),
    ...others.slice(0, THREADS_MAX).map((each) => ({
      ...opening(each),
      ...{ group: gettext("Threads"), shape: "file", isSought: true },
    })),
  ];
}

/** @type {(state: State, does: Does) => Command[]} */
function hereOf(state, does) {
  const group = gettext("Everywhere");
  const thread = currentThread(state);
  const isRunning = thread !== null && activeRun(thread) !== null;
  const commands = [
    { label: gettext("New thread"), shape: "plus", run: does.new, act: "new" },
    { label: gettext("Search threads"), shape: "search", run: does.search, act: "search" },
    ...(isRunning
      ? [{ label: gettext("Stop the answer"), shape: "stop", run: does.stop, act: "stop" }]
      : []),
    { label: gettext("Show or hide the list"), shape: "list", run: does.sidebar, act: "sidebar" },
    { label: gettext("New folder"), shape: "folder", run: does.newFolder },
    { label: gettext("Archived threads"), shape: "archive", run: does.archived },
    { label: gettext("Recently deleted threads"), shape: "bin", run: does.deleted },
    { label: gettext("Settings"), shape: "theme", run: does.settings },
    { label: gettext("Prompt library"), shape: "prompt", run: does.prompts },
    { label: gettext("Show the keys"), shape: "keyboard", run: does.help, act: "help" },
  ];
  return commands.map((each) => ({ ...each, group }));
}

/** @type {(row: ShownRow, means: {actions: ThreadActions, state: State}) => Command[]} */
function threadCommands(row, { actions, state: { list } }) {
  const group = gettext("This thread");
  const { thread_id } = row;
  const folders = row.archived ? [] : list.folders;
  const commands = [
    {
      label: gettext("Rename this thread"),
      ...{ shape: "pencil", run: () => actions.renameByDialog(row) },
    },
    {
      label: row.archived ? gettext("Unarchive this thread") : gettext("Archive this thread"),
      ...{ shape: "archive", run: () => actions.archive(row, !row.archived) },
    },
    { label: gettext("Share this thread"), shape: "share", run: () => actions.share(row) },
    {
      label: gettext("Export this thread as Markdown"),
      ...{ shape: "export", run: () => actions.save(thread_id, "markdown") },
    },
    {
      label: gettext("Export this thread as JSON"),
      ...{ shape: "export", run: () => actions.save(thread_id, "json") },
    },
    { label: gettext("Delete this thread"), shape: "bin", run: () => actions.remove(row) },
    ...folders.map(({ folder_id, name }) => ({
      label: gettext("Move this thread to %(name)s", { name }),
      ...{ shape: "folder", isSought: true, run: () => actions.move(row, folder_id) },
    })),
  ];
  if (!row.archived) {
    const label = row.pinned ? gettext("Unpin this thread") : gettext("Pin this thread");
    commands.splice(1, 0, { label, shape: "pin", run: () => actions.pin(row, !row.pinned) });
  }
  return commands.map((each) => ({ ...each, group }));
}

/** @type {(models: PageConfig["models"], does: Does) => Command[]} */
function modelCommands(models, does) {
  if (models.length < 2) return [];
  return models.map(({ model, name }) => ({
    label: gettext("Answer with %(name)s", { name }),
    ...{ group: gettext("Model"), shape: "spark", run: () => does.model(model) },
  }));
}

/** @type {(pages: PageLink[], does: Does) => Command[]} */
function pageCommands(pages, does) {
  const group = gettext("Pages");
  /** @type {(href: string) => () => void} */
  const leave = (href) => () => does.leave(href);
  return pages.map(({ label, href }) => ({ label, group, shape: "right", run: leave(href) }));
}

/** @type {(does: Does) => Command[]} */
function themeCommands(does) {
  const group = gettext("Theme");
  return [
    [gettext("Theme of the system"), "system"],
    [gettext("Light theme"), "light"],
    [gettext("Dark theme"), "dark"],
  ].map(([label, theme]) => ({ label, group, shape: "theme", run: () => does.theme(theme) }));
}
