// What can be done with a thread, as items of a menu.

import { gettext } from "../gettext.js";

/**
 * @import {Folder} from "../frames.js"
 * @import {ShownRow} from "../list.js"
 * @import {MenuItem} from "./menu.js"
 * @import {ThreadActions} from "./thread_actions.js"
 *
 * @typedef {{folders: Folder[], actions: ThreadActions}} Means
 */

/**
 * @param {ShownRow} row
 * @param {Means & {onRename: () => void}} options
 * @returns {MenuItem[]}
 */
export function threadItems(row, { folders, actions, onRename }) {
  const { thread_id } = row;
  return [
    { label: gettext("Rename"), shape: "pencil", run: onRename },
    ...(row.archived ? [] : placeItems(row, { folders, actions })),
    {
      label: row.archived ? gettext("Unarchive") : gettext("Archive"),
      shape: "archive",
      run: () => actions.archive(row, !row.archived),
    },
    { label: gettext("Share"), shape: "share", run: () => actions.share(row) },
    {
      label: gettext("Export"),
      shape: "export",
      items: () => [
        { label: gettext("Markdown"), run: () => actions.save(thread_id, "markdown") },
        { label: gettext("JSON, with every version"), run: () => actions.save(thread_id, "json") },
      ],
    },
    { label: gettext("Delete"), shape: "bin", isDangerous: true, run: () => actions.remove(row) },
  ];
}

/** @type {(row: ShownRow, means: Means) => MenuItem[]} */
function placeItems(row, { folders, actions }) {
  return [
    {
      label: row.pinned ? gettext("Unpin") : gettext("Pin"),
      shape: "pin",
      run: () => actions.pin(row, !row.pinned),
    },
    {
      label: gettext("Move to folder"),
      shape: "folder",
      items: () => folderItems(row, { folders, actions }),
    },
  ];
}

/** @type {(row: ShownRow, means: Means) => MenuItem[]} */
function folderItems(row, { folders, actions }) {
  /** @type {(folder_id: string | null, label: string) => MenuItem} */
  const choice = (folder_id, label) => ({
    label,
    isChecked: (row.folder_id ?? null) === folder_id,
    run: () => actions.move(row, folder_id),
  });
  return [
    choice(null, gettext("No folder")),
    ...folders.map(({ folder_id, name }) => choice(folder_id, name)),
    { label: gettext("New folder…"), shape: "plus", run: () => actions.moveToNew(row) },
  ];
}

/**
 * What can be done with a folder.
 * @param {Folder} folder
 * @param {ThreadActions} actions
 * @returns {MenuItem[]}
 */
export function folderItemsOf(folder, actions) {
  return [
    { label: gettext("Rename"), shape: "pencil", run: () => actions.renameFolder(folder) },
    {
      label: gettext("Delete folder"),
      shape: "bin",
      isDangerous: true,
      run: () => actions.removeFolder(folder),
    },
  ];
}
