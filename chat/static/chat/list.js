// What the page knows of the user's threads and folders: pure steps from one list to the next.

/**
 * @import {Folder, Row} from "./frames.js"
 *
 * @typedef {Row & {heard: number}} HeardRow
 * @typedef {Partial<Row> & {gone?: boolean, read_seq?: number}} Change what is asked of a thread
 * @typedef {{change_id: number, thread_id: string, change: Change}} AskedChange
 *
 * @typedef {object} List
 * @property {HeardRow[]} rows
 * @property {Folder[]} folders
 * @property {Record<string, {next: string | null, fault: string}>} pages
 * @property {AskedChange[]} changes
 * @property {string[]} gone
 * @property {number} heard
 *
 * @typedef {Row & {isPending?: boolean}} ShownRow
 */

/**
 * `rows` are threads as the server told them, newest first, each with the number of the frame that
 * told it (`heard`); `pages` says of each part of the list that was loaded where more of it begins
 * (`next`, null at its end) or why it could not be loaded (`fault`). `changes` are what the user
 * asked of a thread and got no answer to yet; `gone` names threads that were deleted for ever from
 * here.
 * @returns {List}
 */
export function newList() {
  return { rows: [], folders: [], pages: {}, changes: [], gone: [], heard: 0 };
}

const GONE_MAX = 100; // whose last word may still be on its way
/** @type {(row: Row) => boolean} */
const isKept = (row) => !row.deleted && !row.archived;
/** @type {Record<string, (row: Row) => boolean>} */
const PARTS = {
  active: isKept,
  archived: (row) => Boolean(row.archived) && !row.deleted,
  deleted: (row) => Boolean(row.deleted),
  pinned: (row) => isKept(row) && Boolean(row.pinned),
};

/**
 * The part of the list that holds the threads of a folder.
 * @param {string | null} folder_id
 */
export function partOfFolder(folder_id) {
  return `folder ${folder_id}`;
}

/**
 * Whether a thread belongs to a part: "active", "archived", "deleted", "pinned" or a folder's.
 * @param {string} part
 * @param {Row} row
 */
export function isIn(part, row) {
  return PARTS[part]?.(row) ?? (isKept(row) && partOfFolder(row.folder_id) === part);
}

/**
 * The list after the server told of some threads.
 * @param {List} list
 * @param {Row[]} rows
 * @returns {List}
 */
export function withRows(list, rows) {
  const heard = list.heard + 1;
  const ended = rows.filter((row) => row.gone).map((row) => row.thread_id);
  const gone = [...list.gone, ...ended].slice(-GONE_MAX);
  const held = list.rows.filter((row) => !ended.includes(row.thread_id));
  const there = rows.filter((row) => !gone.includes(row.thread_id));
  return { ...list, heard, gone, rows: merged(held, there, (row) => ({ ...row, heard })) };
}

/**
 * The list after a part of it was loaded, or the next page of that.
 * @param {List} list
 * @param {object} page
 * @param {string} page.part
 * @param {Row[]} page.threads
 * @param {string | null} page.next
 * @param {number} page.asOf what `heard` was when it was asked for: what was heard since is newer
 * @param {boolean} page.isFirst from the beginning: of what it spans, nothing else is left
 * @returns {List}
 */
export function withPage(list, { part, threads, next, asOf, isFirst }) {
  const told = new Set(threads.map((row) => row.thread_id));
  const last = threads.at(-1);
  /** @type {(row: Row) => boolean} */
  const isSpanned = (row) => next === null || (last !== undefined && byNewest(row, last) <= 0);
  /** @type {(row: HeardRow) => boolean} */
  const isGone = (row) =>
    isIn(part, row) && row.heard <= asOf && !told.has(row.thread_id) && isSpanned(row);
  const held = isFirst ? list.rows.filter((row) => !isGone(row)) : list.rows;
  const newer = new Set(held.filter((row) => row.heard > asOf).map((row) => row.thread_id));
  const fresh = threads.filter((row) => !newer.has(row.thread_id));
  return {
    ...list,
    rows: merged(held, fresh, (row) => ({ ...row, heard: asOf })),
    pages: { ...list.pages, [part]: { next, fault: "" } },
  };
}

/**
 * The list after a part of it could not be loaded.
 * @param {List} list
 * @param {{part: string, message: string}} fault
 * @returns {List}
 */
export function withFault(list, { part, message }) {
  const page = { next: list.pages[part]?.next ?? null, fault: message };
  return { ...list, pages: { ...list.pages, [part]: page } };
}

/**
 * The list after `ready`, which names every thread that runs.
 * @param {List} list
 * @param {{thread_id: string}[]} activeRuns
 * @returns {List}
 */
export function withRunning(list, activeRuns) {
  const running = new Set(activeRuns.map((each) => each.thread_id));
  const rows = list.rows.map((row) => ({ ...row, running: running.has(row.thread_id) }));
  return { ...list, rows };
}

/**
 * The list with all folders there are, by name.
 * @param {List} list
 * @param {Folder[]} folders
 * @returns {List}
 */
export function withFolders(list, folders) {
  /** @type {(a: Folder, b: Folder) => number} */
  const byName = (a, b) => a.name.localeCompare(b.name);
  return { ...list, folders: [...folders].sort(byName) };
}

/**
 * The list with something asked of a thread; it is shown at once, as not yet done.
 * @param {List} list
 * @param {AskedChange} change
 * @returns {List}
 */
export function withChange(list, change) {
  return { ...list, changes: [...list.changes, change] };
}

/**
 * The list after what was asked was done; `row` is the thread now, null where none was told.
 * @param {List} list
 * @param {{change_id: number, row: Row | null}} done
 * @returns {List}
 */
export function withDone(list, { change_id, row }) {
  const asked = list.changes.find((each) => each.change_id === change_id);
  if (asked === undefined) return list;
  const next = withoutChange(list, { change_id });
  const { thread_id, change } = asked;
  if (change.gone) {
    const gone = [...next.gone, thread_id].slice(-GONE_MAX);
    return { ...next, gone, rows: without(next.rows, thread_id) };
  }
  const known = next.rows.find((each) => each.thread_id === thread_id);
  const told = row ?? (known && { ...known, ...change });
  return told === undefined ? next : withRows(next, [told]);
}

/**
 * The list after what was asked was refused: all is as the server has it.
 * @param {List} list
 * @param {{change_id: number}} refused
 * @returns {List}
 */
export function withoutChange(list, { change_id }) {
  return { ...list, changes: list.changes.filter((each) => each.change_id !== change_id) };
}

/**
 * The rows as the user has them in mind: with what was asked, marked `isPending` by that.
 * @param {List} list
 * @returns {ShownRow[]}
 */
export function shownRows({ rows, changes }) {
  if (changes.length === 0) return rows;
  const asked = Map.groupBy(changes, (each) => each.thread_id);
  return rows.map((row) => {
    const ofRow = asked.get(row.thread_id);
    return ofRow === undefined ? row : changed(row, ofRow);
  });
}

/** @type {(row: HeardRow, changes: AskedChange[]) => ShownRow} */
function changed(row, changes) {
  // That something was read is no matter to wait for.
  const isPending = changes.some(({ change }) => change.read_seq === undefined);
  /** @type {Change} */
  const { read_seq, ...change } = Object.assign({}, ...changes.map((each) => each.change));
  const unread = read_seq === undefined ? row.unread : false;
  return { ...row, ...change, unread, isPending };
}

/** @type {(held: HeardRow[], rows: Row[], stamped: (row: Row) => HeardRow) => HeardRow[]} */
function merged(held, rows, stamped) {
  if (rows.length === 0) return held;
  const known = new Map(held.map((row) => [row.thread_id, row]));
  for (const row of rows) {
    known.set(row.thread_id, { ...known.get(row.thread_id), ...stamped(row) });
  }
  return [...known.values()].sort(byNewest);
}

/** @type {(rows: HeardRow[], thread_id: string) => HeardRow[]} */
function without(rows, thread_id) {
  return rows.filter((row) => row.thread_id !== thread_id);
}

// As the server pages them.
/** @type {(a: Row, b: Row) => number} */
function byNewest(a, b) {
  return compare(b.updated_at, a.updated_at) || compare(b.thread_id, a.thread_id);
}

/** @type {(a: string, b: string) => number} */
function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
