// Files on their way to the server, and long text that becomes a file.

import { countPoints } from "./text.js";

/** What the composer accepts by button and drop. */
export const FILE_TYPES = ".csv,.tsv,.json,.jsonl,.txt,.md,.log";

const REFUSED = {
  0: "The upload was interrupted. Check the network and add the file again.",
  401: "You are signed out. Sign in and add the file again.",
  403: "The server refused the upload. Reload the page and try again.",
  413: "This file is larger than the server takes.",
  415: "Only text, CSV, TSV and JSON files can be read.",
};

/**
 * Uploads one file. `done` resolves with {file_id, name, bytes} and rejects with an Error whose
 * message is for the user.
 * @returns {{done: Promise<object>, cancel: () => void}}
 */
export function uploadFile({ url, file, csrfToken, onProgress }) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) =>
      event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      const answer = readJson(request.responseText);
      if (request.status >= 200 && request.status < 300 && answer?.file_id) resolve(answer);
      else reject(new Error(answer?.message ?? REFUSED[request.status] ?? "The upload failed."));
    };
    request.onerror = () => reject(new Error(REFUSED[0]));
    request.onabort = () => reject(new Error("The upload was cancelled."));
  });
  const form = new FormData();
  form.append("file", file);
  request.open("POST", url);
  request.setRequestHeader("X-CSRFToken", csrfToken);
  request.setRequestHeader("Accept", "application/json");
  request.send(form);
  return { done, cancel: () => request.abort() };
}

/** Whether pasted text is more than a message may hold. */
export function isTooLong(text, limit) {
  return text.length > limit && countPoints(text) > limit;
}

/** A name for pasted text, from what it looks like. */
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

function isJson(text) {
  return readJson(text) !== null;
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
