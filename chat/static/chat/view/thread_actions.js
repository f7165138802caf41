// What the user does with threads and folders, and what is said of it.

import { gettext } from "../gettext.js";
import { RequestFailed } from "../threads_api.js";
import { askDanger, askName } from "./dialog.js";
import { openShare } from "./share_dialog.js";
import { nameOf } from "./thread_row.js";

/**
 * @import {Changes} from "../changes.js"
 * @import {Folder, Row} from "../frames.js"
 * @import {Store} from "../store.js"
 * @import {ThreadsApi} from "../threads_api.js"
 * @import {Toasts} from "./toast.js"
 */

const TITLE_MAX = 200; // characters, the server's limits
const FOLDER_NAME_MAX = 60;

export class ThreadActions {
  #store;
  #api;
  #changes;
  #toasts;
  #go;

  /**
   * @param {object} options
   * @param {Store} options.store
   * @param {ThreadsApi} options.api
   * @param {Changes} options.changes
   * @param {Toasts} options.toasts
   * @param {(thread_id: string | null) => void} options.go
   */
  constructor({ store, api, changes, toasts, go }) {
    this.#store = store;
    this.#api = api;
    this.#changes = changes;
    this.#toasts = toasts;
    this.#go = go;
  }

  /** @type {(row: Row, title: string) => Promise<boolean>} */
  rename({ thread_id }, title) {
    return this.#changes.ask(thread_id, { title });
  }

  /** @param {Row} row */
  async renameByDialog(row) {
    const asked = { label: gettext("Title"), value: row.title, limit: TITLE_MAX };
    const title = await askName({
      ...asked,
      title: gettext("Rename this thread"),
      yes: gettext("Rename"),
    });
    if (title !== null && title !== row.title) await this.rename(row, title);
  }

  /** @type {(row: Row, pinned: boolean) => Promise<boolean>} */
  pin({ thread_id }, pinned) {
    return this.#changes.ask(thread_id, { pinned });
  }

  /** @type {(row: Row, folder_id: string | null) => Promise<boolean>} */
  move({ thread_id }, folder_id) {
    return this.#changes.ask(thread_id, { folder_id });
  }

  /** @param {Row} row */
  async moveToNew(row) {
    const folder = await this.newFolder();
    if (folder !== null) await this.move(row, folder.folder_id);
  }

  /** @type {(row: Row, archived: boolean) => Promise<boolean>} */
  archive(row, archived) {
    const { thread_id } = row;
    const words = archived ? gettext("Archived.") : gettext("Back in the list.");
    this.#offer(words, () => this.#changes.ask(thread_id, { archived: !archived }));
    return this.#changes.ask(thread_id, { archived });
  }

  /**
   * Takes effect at once; the toast takes it back.
   * @param {Row} row
   */
  remove(row) {
    const { thread_id } = row;
    const isShown = this.#store.state.current === thread_id;
    this.#offer(gettext("Deleted."), async () => {
      const isDone = await this.#changes.ask(thread_id, { deleted: false });
      if (isDone && isShown) this.#go(thread_id);
    });
    if (isShown) this.#go(null);
    return this.#changes.ask(thread_id, { deleted: true });
  }

  /** @param {Row} row */
  restore({ thread_id }) {
    return this.#changes.ask(thread_id, { deleted: false });
  }

  /** @param {Row} row */
  async removeForever(row) {
    const isMeant = await askDanger({
      title: gettext("Delete “%(name)s” for ever?", { name: nameOf(row) }),
      text: gettext("Its messages and files are gone then. Nobody can bring them back."),
      yes: gettext("Delete for ever"),
    });
    if (isMeant) await this.#changes.ask(row.thread_id, { gone: true });
  }

  /** @param {Row} row */
  share(row) {
    openShare({ row, api: this.#api });
  }

  /**
   * Gives the browser a file of the thread; `form` is "markdown" or "json".
   * @param {string} thread_id
   * @param {"markdown" | "json"} form
   */
  save(thread_id, form) {
    return this.#tried(async () => {
      const ending = form === "json" ? "json" : "md";
      const url = URL.createObjectURL(await this.#api.exported(thread_id, form));
      const link = document.createElement("a");
      link.href = url;
      link.download = `${thread_id}.${ending}`;
      link.click();
      URL.revokeObjectURL(url);
    });
  }

  /** Asks for a name and makes a folder of it; null where none was made. */
  async newFolder() {
    const name = await askName({
      title: gettext("New folder"),
      label: gettext("Name"),
      limit: FOLDER_NAME_MAX,
      yes: gettext("Make folder"),
    });
    if (name === null) return null;
    return this.#tried(async () => {
      const folder = await this.#api.makeFolder(name);
      this.#tellFolders((folders) => [...folders, folder]);
      return folder;
    });
  }

  /** @param {Folder} folder */
  async renameFolder(folder) {
    const name = await askName({
      title: gettext("Rename this folder"),
      label: gettext("Name"),
      value: folder.name,
      limit: FOLDER_NAME_MAX,
      yes: gettext("Rename"),
    });
    if (name === null || name === folder.name) return;
    await this.#tried(async () => {
      const told = await this.#api.renameFolder(folder.folder_id, name);
      this.#tellFolders((folders) => [...folders, told]);
    });
  }

  /** @param {Folder} folder */
  async removeFolder({ folder_id, name }) {
    const isMeant = await askDanger({
      title: gettext("Delete the folder “%(name)s”?", { name }),
      text: gettext("Its threads stay, without a folder."),
      yes: gettext("Delete folder"),
    });
    if (!isMeant) return;
    await this.#tried(async () => {
      await this.#api.removeFolder(folder_id);
      this.#tellFolders((folders) => folders.filter((each) => each.folder_id !== folder_id));
    });
  }

  // The answer may come before the frame or after it: the newer of two with one id stands.
  /** @param {(folders: Folder[]) => Folder[]} change */
  #tellFolders(change) {
    const { folders } = this.#store.state.list;
    const known = new Map(change(folders).map((each) => [each.folder_id, each]));
    this.#store.dispatch({ type: "folders", folders: [...known.values()] });
  }

  /** @type {(text: string, run: () => void) => void} */
  #offer(text, run) {
    this.#toasts.show({ text, action: { label: gettext("Undo"), run } });
  }

  /**
   * @template Told
   * @param {() => Promise<Told>} work
   * @returns {Promise<Told | null>} null where it was refused
   */
  async #tried(work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      this.#toasts.show({ text: error.message, tone: "danger" });
      return null;
    }
  }
}
