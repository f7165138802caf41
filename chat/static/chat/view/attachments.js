// Files of the message being written: uploading, uploaded or refused, each with its way out.

import { uploadFile } from "../files.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { sizeWords } from "./words.js";

const FILES_MAX = 10; // per message, the server's limit

/** One file as a chip: its name, its size or what went wrong, its progress and its removal. */
class Attachment {
  status = "uploading";
  file = null;
  cancel = null;

  constructor({ name, bytes, onRemove }) {
    this.progress = element("progress", {
      max: "1",
      value: "0",
      "aria-label": `Uploading ${name}`,
    });
    this.note = element("span", { class: "chip__size" }, sizeWords(bytes));
    const remove = element(
      "button",
      { type: "button", class: "chip__remove", "aria-label": `Remove ${name}`, click: onRemove },
      icon("close"),
    );
    const label = element("span", { class: "chip__name" }, name);
    const parts = [icon("file"), label, this.note, this.progress, remove];
    this.node = element("li", { class: "chip" }, ...parts);
  }

  refuse(reason) {
    this.settle("refused", null);
    setText(this.note, reason);
  }

  settle(status, file) {
    this.status = status;
    this.file = file;
    this.cancel = null;
    this.progress.hidden = true;
    this.node.dataset.status = status;
  }
}

/** The list of attachments above the text of the composer. */
export class Attachments {
  #list;
  #config;
  #onChange;
  #items = [];

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {{files_url: string, csrf_token: string, limits: object}} options.config
   * @param {() => void} options.onChange
   */
  constructor({ list, config, onChange }) {
    this.#list = list;
    this.#config = config;
    this.#onChange = onChange;
  }

  /** What arrived at the server: {file_id, name, bytes} each. */
  get files() {
    return this.#items.filter((item) => item.status === "uploaded").map((item) => item.file);
  }

  get isUploading() {
    return this.#items.some((item) => item.status === "uploading");
  }

  /** Uploads a file; resolves with whether it arrived. */
  async add(file) {
    if (this.#items.length >= FILES_MAX) return false;
    const item = this.#item(file.name, file.size);
    this.#set([...this.#items, item]);
    const { file_bytes: limit } = this.#config.limits;
    if (file.size > limit) item.refuse(`Larger than ${sizeWords(limit)}.`);
    else await this.#upload(item, file);
    this.#onChange();
    return item.status === "uploaded";
  }

  /** Shows exactly these uploaded files, as a draft or a refused message had them. */
  show(files) {
    for (const item of this.#items) item.cancel?.();
    const items = files.map((file) => {
      const item = this.#item(file.name, file.bytes);
      item.settle("uploaded", file);
      return item;
    });
    this.#set(items);
  }

  async #upload(item, file) {
    const upload = uploadFile({
      url: this.#config.files_url,
      file,
      csrfToken: this.#config.csrf_token,
      onProgress: (part) => {
        item.progress.value = part;
      },
    });
    item.cancel = upload.cancel;
    try {
      item.settle("uploaded", await upload.done);
    } catch (error) {
      item.refuse(error.message);
    }
  }

  #item(name, bytes) {
    const item = new Attachment({ name, bytes, onRemove: () => this.#remove(item) });
    return item;
  }

  #remove(item) {
    item.cancel?.();
    this.#set(this.#items.filter((each) => each !== item));
  }

  #set(items) {
    this.#items = items;
    this.#list.replaceChildren(...items.map((item) => item.node));
    this.#list.hidden = items.length === 0;
    this.#onChange();
  }
}
