// The list of threads in sections: pinned, each folder, then by the day of the last change.

import { gettext } from "./gettext.js";
import { isIn } from "./list.js";

const WEEK_DAYS = 7;
const MONTH_DAYS = 30;

/**
 * @param {object[]} rows newest first
 * @param {{folder_id: string, name: string}[]} folders
 * @param {object} options
 * @param {Date} options.now
 * @param {string} [options.language] of the names of months
 * @returns {{key: string, kind: "pinned" | "folder" | "days", title: string, rows: object[],
 *   folder_id?: string}[]} each thread once; folders also without any, other sections with one
 */
export function sectionsOf(rows, folders, { now, language = "en" }) {
  const active = rows.filter((row) => isIn("active", row));
  const names = new Set(folders.map((each) => each.folder_id));
  const rest = active.filter((row) => !row.pinned);
  const pinned = active.filter((row) => row.pinned);
  const inFolders = Map.groupBy(rest, (row) => (names.has(row.folder_id) ? row.folder_id : null));
  return [
    { key: "pinned", kind: "pinned", title: gettext("Pinned"), rows: pinned },
    ...folders.map(({ folder_id, name }) => ({
      key: `folder ${folder_id}`,
      kind: "folder",
      title: name,
      folder_id,
      rows: inFolders.get(folder_id) ?? [],
    })),
    ...daysOf(inFolders.get(null) ?? [], { now, language }),
  ].filter((section) => section.kind === "folder" || section.rows.length > 0);
}

function daysOf(rows, { now, language }) {
  const month = new Intl.DateTimeFormat(language, { month: "long", year: "numeric" });
  const today = dayOf(now);
  const titleOf = (row) => dayWords(new Date(row.updated_at), { today, month });
  const titled = Map.groupBy(rows, titleOf);
  return [...titled].map(([title, found]) => {
    return { key: `days ${title}`, kind: "days", title, rows: found };
  });
}

function dayWords(date, { today, month }) {
  const days = Math.round((today - dayOf(date)) / 86_400_000);
  if (days <= 0) return gettext("Today");
  if (days === 1) return gettext("Yesterday");
  if (days <= WEEK_DAYS) return gettext("Previous 7 days");
  if (days <= MONTH_DAYS) return gettext("Previous 30 days");
  return month.format(date);
}

// The user's calendar; rounded above, since a day can have 23 or 25 hours.
function dayOf(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
