// Files of the message being written: uploading, uploaded or refused, each with its way out.

import { contentUrl, isPicture, uploadFile } from "../files.js";
import { gettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { sizeWords } from "./words.js";

/** @import {PageConfig, StoredFile} from "../frames.js" */

const FILES_MAX = 10; // per message, the server's limit

/** One file as a chip: its name, its size or what went wrong, its progress and its removal. */
class Attachment {
  status = "uploading";
  /** @type {StoredFile | null} */
  file = null;
  /** @type {(() => void) | null} */
  cancel = null;

  /**
   * @param {object} options
   * @param {string} options.name
   * @param {number} options.bytes
   * @param {() => void} options.onRemove
   * @param {() => void} options.onRetry
   */
  constructor({ name, bytes, onRemove, onRetry }) {
    this.progress = element("progress", {
      max: "1",
      value: "0",
      "aria-label": gettext("Uploading %(name)s", { name }),
    });
    this.note = element("span", { class: "chip__size", "aria-live": "polite" }, sizeWords(bytes));
    this.again = element(
      "button",
      { type: "button", class: "chip__again", hidden: true, click: onRetry },
      gettext("Try again"),
    );
    this.remove = element(
      "button",
      {
        type: "button",
        class: "chip__remove",
        "aria-label": gettext("Remove %(name)s", { name }),
        click: onRemove,
      },
      icon("close"),
    );
    /** @type {Element} */
    this.sign = icon("file");
    const label = element("bdi", { class: "chip__name", title: name }, name);
    const parts = [this.sign, label, this.note, this.again, this.progress, this.remove];
    this.node = element("li", { class: "chip" }, ...parts);
  }

  /** @param {() => void} cancel */
  begin(cancel) {
    this.#settle("uploading", null);
    this.cancel = cancel;
    this.progress.value = 0;
    this.progress.hidden = false;
  }

  /** @param {StoredFile} file */
  arrived(file) {
    this.#settle("uploaded", file);
    setText(this.note, sizeWords(file.bytes));
    if (isPicture(file)) this.#showPicture(file);
  }

  /** @type {(reason: string, how: {isFinal: boolean}) => void} */
  refuse(reason, { isFinal }) {
    this.#settle("refused", null);
    setText(this.note, reason);
    this.again.hidden = isFinal;
  }

  /** @type {(status: string, file: StoredFile | null) => void} */
  #settle(status, file) {
    this.status = status;
    this.file = file;
    this.cancel = null;
    this.progress.hidden = true;
    this.again.hidden = true;
    this.node.dataset.status = status;
  }

  /** @param {StoredFile} file */
  #showPicture(file) {
    const image = element("img", { class: "chip__thumb", src: contentUrl(file), alt: "" });
    image.addEventListener("error", () => image.replaceWith(icon("file")), { once: true });
    this.sign.replaceWith(image);
    this.sign = image;
  }
}

/** The list of attachments above the text of the composer. */
export class Attachments {
  #list;
  #config;
  #onChange;
  #onTell;
  /** @type {Attachment[]} */
  #items = [];

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {Pick<PageConfig, "csrf_token" | "limits">} options.config
   * @param {() => void} options.onChange
   * @param {(words: string) => void} options.onTell what no chip can say
   */
  constructor({ list, config, onChange, onTell }) {
    this.#list = list;
    this.#config = config;
    this.#onChange = onChange;
    this.#onTell = onTell;
  }

  /** What arrived at the server. */
  get files() {
    return this.#items.map((item) => item.file).filter((file) => file !== null);
  }

  get isUploading() {
    return this.#items.some((item) => item.status === "uploading");
  }

  /**
   * Uploads a file; resolves with whether it arrived.
   * @param {File} file
   */
  async add(file) {
    if (this.#items.length >= FILES_MAX) {
      this.#onTell(gettext("A message takes %(count)s files at most.", { count: FILES_MAX }));
      return false;
    }
    /** @type {Attachment} */
    const item = this.#item(file.name, file.size, () => this.#upload(item, file));
    this.#set([...this.#items, item]);
    const { file_bytes: limit } = this.#config.limits;
    if (file.size > limit) {
      const words = gettext("Larger than %(size)s.", { size: sizeWords(limit) });
      item.refuse(words, { isFinal: true });
      this.#onChange();
    } else {
      await this.#upload(item, file);
    }
    return item.status === "uploaded";
  }

  /**
   * Shows exactly these uploaded files, as a draft or a refused message had them.
   * @param {StoredFile[]} files
   */
  show(files) {
    for (const item of this.#items) item.cancel?.();
    const items = files.map((file) => {
      const item = this.#item(file.name, file.bytes, () => {});
      item.arrived(file);
      return item;
    });
    this.#set(items);
  }

  /** @type {(item: Attachment, file: File) => Promise<void>} */
  async #upload(item, file) {
    const upload = uploadFile({
      file,
      csrfToken: this.#config.csrf_token,
      onProgress: (part) => {
        item.progress.value = part;
      },
    });
    item.begin(upload.cancel);
    this.#onChange();
    try {
      item.arrived(await upload.done);
    } catch (error) {
      const failure = /** @type {import("../files.js").UploadFailed} */ (error);
      item.refuse(failure.message, failure);
    }
    this.#onChange();
  }

  /** @type {(name: string, bytes: number, onRetry: () => void) => Attachment} */
  #item(name, bytes, onRetry) {
    /** @type {Attachment} */
    const item = new Attachment({ name, bytes, onRemove: () => this.#remove(item), onRetry });
    return item;
  }

  /** @param {Attachment} item */
  #remove(item) {
    item.cancel?.();
    const place = this.#items.indexOf(item);
    this.#set(this.#items.filter((each) => each !== item));
    const next = this.#items[Math.min(place, this.#items.length - 1)];
    next?.remove.focus();
  }

  /** @param {Attachment[]} items */
  #set(items) {
    this.#items = items;
    this.#list.replaceChildren(...items.map((item) => item.node));
    this.#list.hidden = items.length === 0;
    this.#onChange();
  }
}
