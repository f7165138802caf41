// The server's side of threads, folders, search, shares and feedback, over HTTP.

import { gettext } from "./gettext.js";

/**
 * @import {Feedback, Folder, Json, Message, Rating, Row} from "./frames.js"
 * @import {Used} from "./limits.js"
 * @import {Change} from "./list.js"
 * @import {KeptPrompt} from "./prompts.js"
 *
 * @typedef {Record<string, string | number | boolean | null | undefined>} Query
 * @typedef {{state?: string, pinned?: boolean, folder_id?: string}} ListQuery
 * @typedef {{share_id: string, url: string, created_at: string, messages: number}} Share
 *
 * Marks are from and to in code points; without a message the title alone was found.
 * @typedef {object} Found
 * @property {string} thread_id
 * @property {string} title
 * @property {[number, number][]} [title_marks]
 * @property {boolean} archived
 * @property {string | null} message_id
 * @property {"user" | "assistant" | null} role
 * @property {string} excerpt
 * @property {[number, number][]} [marks]
 * @property {string} ts
 *
 * @typedef {{code?: string, detail?: string, message?: string, retryable?: boolean}} Problem
 */

const ANSWER_MAX_MS = 15_000;
const EXPORT_MAX_MS = 60_000;

/** What the server refused, or did not answer; the message is for the user. */
export class RequestFailed extends Error {
  /** @param {{code: string, message: string, status?: number, isRetryable: boolean}} what */
  constructor({ code, message, status = 0, isRetryable }) {
    super(message);
    this.name = "RequestFailed";
    this.code = code;
    this.status = status;
    this.isRetryable = isRetryable;
  }
}

export class ThreadsApi {
  #url;
  #csrfToken;
  #fetch;

  /**
   * @param {object} options
   * @param {string} options.url of the API, as "/api"
   * @param {string} options.csrfToken
   * @param {typeof globalThis.fetch} [options.fetch]
   */
  constructor({ url, csrfToken, fetch = (...request) => globalThis.fetch(...request) }) {
    this.#url = url;
    this.#csrfToken = csrfToken;
    this.#fetch = fetch;
  }

  /**
   * A page of the list: {threads, next}; `query` as in the API's document.
   * @param {ListQuery & {limit: number, cursor: string | null}} query
   * @returns {Promise<{threads: Row[], next: string | null}>}
   */
  list(query) {
    return this.#read(`/threads${search(query)}`);
  }

  /**
   * Changes a thread; gives its row.
   * @param {string} thread_id
   * @param {Change} change
   * @returns {Promise<Row>}
   */
  change(thread_id, change) {
    return this.#ask("PATCH", pathOf(thread_id), change);
  }

  /**
   * Puts a thread into the bin, or away for ever.
   * @param {string} thread_id
   * @param {{forever?: boolean}} [options]
   * @returns {Promise<Row | null>} null of one that is away for ever
   */
  remove(thread_id, { forever = false } = {}) {
    return this.#ask("DELETE", `${pathOf(thread_id)}${forever ? "?forever=true" : ""}`);
  }

  /**
   * Takes a thread out of the bin; gives its row.
   * @param {string} thread_id
   * @returns {Promise<Row>}
   */
  restore(thread_id) {
    return this.#ask("POST", `${pathOf(thread_id)}/restore`);
  }

  /** @returns {Promise<{folders: Folder[]}>} */
  folders() {
    return this.#read("/folders");
  }

  /** @type {(name: string) => Promise<Folder>} */
  makeFolder(name) {
    return this.#ask("POST", "/folders", { name });
  }

  /** @type {(folder_id: string, name: string) => Promise<Folder>} */
  renameFolder(folder_id, name) {
    return this.#ask("PATCH", `/folders/${encodeURIComponent(folder_id)}`, { name });
  }

  /** @type {(folder_id: string) => Promise<null>} */
  removeFolder(folder_id) {
    return this.#ask("DELETE", `/folders/${encodeURIComponent(folder_id)}`);
  }

  /**
   * Searches titles and texts.
   * @param {Query} query
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{results: Found[], next: string | null}>}
   */
  search(query, { signal } = {}) {
    return this.#read(`/search${search(query)}`, { signal });
  }

  /**
   * The share of a thread, or null.
   * @param {string} thread_id
   * @returns {Promise<Share | null>}
   */
  shareOf(thread_id) {
    return this.#read(`${pathOf(thread_id)}/share`);
  }

  /**
   * Makes the share of a thread, or brings it up to date.
   * @param {string} thread_id
   * @returns {Promise<Share>}
   */
  share(thread_id) {
    return this.#ask("POST", `${pathOf(thread_id)}/share`);
  }

  /** @type {(thread_id: string) => Promise<null>} */
  unshare(thread_id) {
    return this.#ask("DELETE", `${pathOf(thread_id)}/share`);
  }

  /**
   * A page of a thread's older messages.
   * @param {string} thread_id
   * @param {{cursor: string | null, limit: number}} query
   * @returns {Promise<{messages: Message[], next: string | null}>}
   */
  messages(thread_id, query) {
    return this.#read(`${pathOf(thread_id)}/messages${search(query)}`);
  }

  /**
   * Keeps what the user thinks of an answer; null takes it back.
   * @param {string} run_id
   * @param {Rating | null} feedback
   * @returns {Promise<Feedback | null>}
   */
  rate(run_id, feedback) {
    const path = `/runs/${encodeURIComponent(run_id)}/feedback`;
    return feedback === null ? this.#ask("DELETE", path) : this.#ask("PUT", path, feedback);
  }

  /** @returns {Promise<{usage: Used[]}>} of the account's limits */
  usage() {
    return this.#read("/usage");
  }

  /** @returns {Promise<{prompts: KeptPrompt[]}>} by name */
  prompts() {
    return this.#read("/prompts");
  }

  /** @type {(prompt: {name: string, text: string}) => Promise<KeptPrompt>} */
  makePrompt({ name, text }) {
    return this.#ask("POST", "/prompts", { name, text });
  }

  /** @type {(prompt_id: string, prompt: {name: string, text: string}) => Promise<KeptPrompt>} */
  changePrompt(prompt_id, { name, text }) {
    return this.#ask("PATCH", `/prompts/${encodeURIComponent(prompt_id)}`, { name, text });
  }

  /** @type {(prompt_id: string) => Promise<null>} */
  removePrompt(prompt_id) {
    return this.#ask("DELETE", `/prompts/${encodeURIComponent(prompt_id)}`);
  }

  /**
   * The whole thread as a file to keep; `form` is "markdown" or "json".
   * @param {string} thread_id
   * @param {string} form
   */
  async exported(thread_id, form) {
    const options = { timeout: EXPORT_MAX_MS };
    const answer = await this.#answer(`${pathOf(thread_id)}/export${search({ form })}`, options);
    return answer.blob();
  }

  /** @type {(path: string, options?: {signal?: AbortSignal}) => Promise<Json>} */
  async #read(path, { signal } = {}) {
    return valueOf(await this.#answer(path, { signal }));
  }

  /** @type {(method: string, path: string, body?: object) => Promise<Json>} */
  async #ask(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { "X-CSRFToken": this.#csrfToken };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return valueOf(await this.#answer(path, { method, headers, body: JSON.stringify(body) }));
  }

  /**
   * @param {string} path
   * @param {RequestInit & {timeout?: number}} options
   */
  async #answer(path, { signal, timeout = ANSWER_MAX_MS, headers = {}, ...rest }) {
    const late = AbortSignal.timeout(timeout);
    const request = {
      ...rest,
      headers: { Accept: "application/json", ...headers },
      signal: signal ? AbortSignal.any([signal, late]) : late,
    };
    let answer;
    try {
      answer = await this.#fetch(`${this.#url}${path}`, request);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw unreachable();
    }
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }
}

/** @type {(thread_id: string) => string} */
function pathOf(thread_id) {
  return `/threads/${encodeURIComponent(thread_id)}`;
}

/** @type {(query: object) => string} */
function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

// A page of something between the two is no answer of the server.
/** @param {Response} answer */
async function valueOf(answer) {
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    throw unreachable();
  }
}

function unreachable() {
  return new RequestFailed({
    code: "unreachable",
    message: gettext("The server does not answer. Look at your connection and try again."),
    isRetryable: true,
  });
}

/** @param {Response} answer */
async function refusalOf(answer) {
  const problem = await problemOf(answer);
  const code = problem.code ?? "";
  return new RequestFailed({
    code,
    message: wordsOf(code) ?? problem.detail ?? problem.message ?? failed(),
    status: answer.status,
    isRetryable: problem.retryable ?? answer.status >= 500,
  });
}

/** @type {(answer: Response) => Promise<Problem>} */
async function problemOf(answer) {
  try {
    return (await answer.json()) ?? {};
  } catch {
    return {};
  }
}

// What the page can say better than the server, which speaks to programs.
/** @type {(code: string) => string | undefined} */
function wordsOf(code) {
  /** @type {Record<string, () => string>} */
  const words = {
    not_signed_in: () => gettext("You are signed out. Reload the page to sign in again."),
    csrf_failed: () => gettext("This page is out of date. Reload it and try again."),
    not_found: () => gettext("It does not exist any more."),
    unavailable: () => gettext("The server cannot store this right now. Try again soon."),
    read_only: () => gettext("You are only looking: nothing can be changed."),
  };
  return Object.hasOwn(words, code) ? words[code]() : undefined;
}

function failed() {
  return gettext("That did not work. Try again.");
}
