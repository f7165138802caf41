// Files on their way to the server and back, and long text that becomes a file.

import { gettext } from "./gettext.js";
import { countPoints } from "./text.js";

/**
 * @import {Json, StoredFile} from "./frames.js"
 *
 * @typedef {{done: Promise<StoredFile>, cancel: () => void}} Upload
 */

const FILES_URL = "/api/files";
const THUMB_WIDTH_PX = 256;
const THUMB_HEIGHT_PX = 192;

// What the server refuses for good; by its code, since its sentences are English.
/** @type {Record<string, () => string>} */
const REFUSALS = {
  file_empty: () => gettext("The file is empty."),
  file_too_large: () => gettext("This file is larger than your plan takes."),
  image_too_large: () => gettext("This image has too many pixels. Make it smaller."),
  file_type_unknown: () =>
    gettext("Only text, PDF and images (PNG, JPEG, WebP, GIF) can be read here."),
  file_type_mismatch: () => gettext("This file holds something else than its name promises."),
  file_damaged: () => gettext("This image is damaged."),
  too_many_files: () => gettext("Many files wait to be sent already. Send some of them first."),
  csrf_failed: () => gettext("The server refused the upload. Reload the page and try again."),
  not_signed_in: () => gettext("You are signed out. Sign in and add the file again."),
};

/** Why a file did not arrive, in words for the user; `isFinal` where trying again is no use. */
export class UploadFailed extends Error {
  /**
   * @param {string} words
   * @param {{isFinal: boolean}} how
   */
  constructor(words, { isFinal }) {
    super(words);
    this.isFinal = isFinal;
  }
}

/**
 * Uploads one file. `done` rejects with UploadFailed.
 * @param {object} options
 * @param {File} options.file
 * @param {string} options.csrfToken
 * @param {(part: number) => void} options.onProgress from 0 to 1
 * @returns {Upload}
 */
export function uploadFile({ file, csrfToken, onProgress }) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) =>
      event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      const answer = readJson(request.responseText);
      if (request.status >= 200 && request.status < 300 && answer?.file_id) resolve(answer);
      else reject(failureOf(request.status, answer));
    };
    request.onerror = () => reject(failureOf(0, null));
    request.onabort = () => reject(failureOf(0, null));
  });
  const form = new FormData();
  form.append("file", file);
  request.open("POST", FILES_URL);
  request.setRequestHeader("X-CSRFToken", csrfToken);
  request.setRequestHeader("Accept", "application/json");
  request.send(form);
  return { done, cancel: () => request.abort() };
}

/**
 * @param {number} status 0 where there was no answer
 * @param {{code?: string, detail?: string} | null} answer
 */
export function failureOf(status, answer) {
  const known = REFUSALS[answer?.code ?? ""];
  if (known !== undefined) return new UploadFailed(known(), { isFinal: true });
  const isFinal = status >= 400 && status < 500 && status !== 429;
  const words =
    answer?.detail ??
    (status === 0
      ? gettext("The upload was interrupted.")
      : gettext("The server cannot take the file right now."));
  return new UploadFailed(words, { isFinal });
}

/**
 * Where the content of a file is.
 * @param {{file_id: string}} file
 */
export function contentUrl({ file_id }) {
  return `${FILES_URL}/${encodeURIComponent(file_id)}/content`;
}

/**
 * An image that the page may show: its size is known.
 * @param {StoredFile} file
 * @returns {file is StoredFile & {width: number, height: number}}
 */
export function isPicture(file) {
  const { kind, width = 0, height = 0 } = file;
  return kind === "image" && width > 0 && height > 0;
}

/**
 * How large a picture stands in a message, known before it is loaded.
 * @param {{width: number, height: number}} picture
 */
export function thumbSize({ width, height }) {
  const scale = Math.min(1, THUMB_WIDTH_PX / width, THUMB_HEIGHT_PX / height);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/**
 * Whether pasted text is more than a message may hold.
 * @param {string} text
 * @param {number} limit
 */
export function isTooLong(text, limit) {
  return text.length > limit && countPoints(text) > limit;
}

/**
 * A name for pasted text, from what it looks like.
 * @param {string} text
 */
export function nameOfPaste(text) {
  const start = text.trimStart().slice(0, 1);
  if (start === "{" || start === "[") return isJson(text) ? "pasted.json" : "pasted.jsonl";
  const [first, second] = text.trim().split("\n", 2);
  for (const [separator, name] of [
    ["\t", "pasted.tsv"],
    [",", "pasted.csv"],
    [";", "pasted.csv"],
  ]) {
    const columns = first.split(separator).length;
    if (columns > 1 && second?.split(separator).length === columns) return name;
  }
  return "pasted.txt";
}

/** @type {(text: string) => boolean} */
function isJson(text) {
  return readJson(text) !== null;
}

/** @type {(text: string) => Json} */
function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
