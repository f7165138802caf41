// What can be done with a thread, as items of a menu.

import { gettext } from "../gettext.js";

/**
 * @param {object} row of the list
 * @param {object} options
 * @param {{folder_id: string, name: string}[]} options.folders
 * @param {object} options.actions see thread_actions.js
 * @param {() => void} options.onRename
 * @returns {import("./menu.js").MenuItem[]}
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

function folderItems(row, { folders, actions }) {
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

/** What can be done with a folder. */
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
