// The files of a message: pictures as thumbnails that open, others as chips that download.

import { plainName } from "../bidi.js";
import { contentUrl, isPicture, thumbSize } from "../files.js";
import { gettext } from "../gettext.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { icon } from "./icons.js";
import { numberWords, sizeWords } from "./words.js";

/**
 * @import {StoredFile} from "../frames.js"
 *
 * @typedef {StoredFile & {width: number, height: number}} Picture
 */

/**
 * @returns {{node: HTMLElement, update: (files: StoredFile[]) => void}}
 */
export function createFileList() {
  const node = element("div", { class: "row message__files", hidden: true });
  let shown = "";

  // Only other files make it anew: a picture that is there need not be loaded again.
  /** @param {StoredFile[]} files */
  function update(files) {
    const ids = files.map((file) => file.file_id).join(" ");
    if (ids === shown) return;
    shown = ids;
    node.replaceChildren(...files.map(viewOf));
    node.hidden = files.length === 0;
  }

  return { node, update };
}

/** @type {(file: StoredFile) => HTMLElement} */
function viewOf(file) {
  if (!isPicture(file)) return linkTo(file);
  const size = thumbSize(file);
  const image = pictureOf(file, { class: "thumb__image", ...size, loading: "lazy" });
  const thumb = element(
    "button",
    {
      type: "button",
      class: "thumb",
      "aria-label": gettext("Show %(name)s", { name: file.name }),
      title: file.name,
      click: () => showPicture(file),
    },
    image,
  );
  // Gone from the server, or the network is: the name stays.
  image.addEventListener("error", () => thumb.replaceWith(linkTo(file)), { once: true });
  return thumb;
}

/** @param {StoredFile} file */
function linkTo(file) {
  return element(
    "a",
    {
      class: "chip chip--link",
      href: contentUrl(file),
      download: plainName(file.name),
      title: gettext("Download %(name)s", { name: file.name }),
    },
    icon("file"),
    element("bdi", { class: "chip__name" }, plainName(file.name)),
    element("span", { class: "chip__size" }, sizeWords(file.bytes)),
  );
}

/** @param {Picture} file */
function showPicture(file) {
  const facts = gettext("%(width)s × %(height)s pixels, %(size)s", {
    width: numberWords(file.width),
    height: numberWords(file.height),
    size: sizeWords(file.bytes),
  });
  const download = element(
    "a",
    { class: "button", href: contentUrl(file), download: file.name },
    icon("export"),
    gettext("Download"),
  );
  const close = element(
    "button",
    { type: "button", class: "button button--primary", click: () => dialog.close() },
    gettext("Close"),
  );
  const { width, height } = file;
  const dialog = openDialog({
    title: file.name,
    shape: "dialog--picture",
    body: [
      pictureOf(file, { class: "picture", width, height }),
      element("p", { class: "text-soft picture__facts" }, facts),
      element("div", { class: "dialog__buttons" }, download, close),
    ],
  });
  close.focus();
}

/** @type {(file: Picture, attributes: ElementAttributes) => HTMLImageElement} */
function pictureOf(file, attributes) {
  return element("img", { src: contentUrl(file), alt: file.name, decoding: "async", ...attributes });
}
