// The list of threads in sections: pinned, each folder, then by the day of the last change.

import { gettext } from "./gettext.js";
import { isIn } from "./list.js";

/**
 * @import {Folder, Row} from "./frames.js"
 *
 * @typedef {object} Section
 * @property {string} key
 * @property {"pinned" | "folder" | "days" | "part"} kind
 * @property {string} title
 * @property {Row[]} rows
 * @property {string} [folder_id]
 */

const WEEK_DAYS = 7;
const MONTH_DAYS = 30;

/**
 * @param {Row[]} rows newest first
 * @param {Folder[]} folders
 * @param {object} options
 * @param {Date} options.now
 * @param {string} [options.language] of the names of months
 * @returns {Section[]} each thread once; folders also without any, other sections with one
 */
export function sectionsOf(rows, folders, { now, language = "en" }) {
  const active = rows.filter((row) => isIn("active", row));
  const names = new Set(folders.map((each) => each.folder_id));
  const rest = active.filter((row) => !row.pinned);
  const pinned = active.filter((row) => row.pinned);
  const inFolders = Map.groupBy(rest, ({ folder_id: id }) => (id && names.has(id) ? id : null));
  /** @type {Section[]} */
  const sections = [
    { key: "pinned", kind: "pinned", title: gettext("Pinned"), rows: pinned },
    ...folders.map(({ folder_id, name }) => ({
      key: `folder ${folder_id}`,
      kind: /** @type {const} */ ("folder"),
      title: name,
      folder_id,
      rows: inFolders.get(folder_id) ?? [],
    })),
    ...daysOf(inFolders.get(null) ?? [], { now, language }),
  ];
  return sections.filter((section) => section.kind === "folder" || section.rows.length > 0);
}

/** @type {(rows: Row[], when: {now: Date, language: string}) => Section[]} */
function daysOf(rows, { now, language }) {
  const month = new Intl.DateTimeFormat(language, { month: "long", year: "numeric" });
  const today = dayOf(now);
  /** @type {(row: Row) => string} */
  const titleOf = (row) => dayWords(new Date(row.updated_at), { today, month });
  const titled = Map.groupBy(rows, titleOf);
  return [...titled].map(([title, found]) => {
    return { key: `days ${title}`, kind: "days", title, rows: found };
  });
}

/** @type {(date: Date, when: {today: number, month: Intl.DateTimeFormat}) => string} */
function dayWords(date, { today, month }) {
  const days = Math.round((today - dayOf(date)) / 86_400_000);
  if (days <= 0) return gettext("Today");
  if (days === 1) return gettext("Yesterday");
  if (days <= WEEK_DAYS) return gettext("Previous 7 days");
  if (days <= MONTH_DAYS) return gettext("Previous 30 days");
  return month.format(date);
}

// The user's calendar; rounded above, since a day can have 23 or 25 hours.
/** @type {(date: Date) => number} */
function dayOf(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
