// The server's side of threads, folders, search, shares and feedback, over HTTP.

import { gettext } from "./gettext.js";

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
   * @param {typeof fetch} [options.fetch]
   */
  constructor({ url, csrfToken, fetch = (...request) => globalThis.fetch(...request) }) {
    this.#url = url;
    this.#csrfToken = csrfToken;
    this.#fetch = fetch;
  }

  /** A page of the list: {threads, next}; `query` as in the API's document. */
  list(query) {
    return this.#read(`/threads${search(query)}`);
  }

  /** Changes a thread; gives its row. */
  change(thread_id, change) {
    return this.#ask("PATCH", pathOf(thread_id), change);
  }

  /** Puts a thread into the bin, or away for ever. */
  remove(thread_id, { forever = false } = {}) {
    return this.#ask("DELETE", `${pathOf(thread_id)}${forever ? "?forever=true" : ""}`);
  }

  /** Takes a thread out of the bin; gives its row. */
  restore(thread_id) {
    return this.#ask("POST", `${pathOf(thread_id)}/restore`);
  }

  /** {folders}. */
  folders() {
    return this.#read("/folders");
  }

  makeFolder(name) {
    return this.#ask("POST", "/folders", { name });
  }

  renameFolder(folder_id, name) {
    return this.#ask("PATCH", `/folders/${encodeURIComponent(folder_id)}`, { name });
  }

  removeFolder(folder_id) {
    return this.#ask("DELETE", `/folders/${encodeURIComponent(folder_id)}`);
  }

  /** {results, next} of a search in titles and texts. */
  search(query, { signal } = {}) {
    return this.#read(`/search${search(query)}`, { signal });
  }

  /** The share of a thread, or null. */
  async shareOf(thread_id) {
    try {
      return await this.#read(`${pathOf(thread_id)}/share`);
    } catch (error) {
      if (error instanceof RequestFailed && error.status === 404) return null;
      throw error;
    }
  }

  /** Makes the share of a thread, or brings it up to date. */
  share(thread_id) {
    return this.#ask("POST", `${pathOf(thread_id)}/share`);
  }

  unshare(thread_id) {
    return this.#ask("DELETE", `${pathOf(thread_id)}/share`);
  }

  /** A page of a thread's older messages: {messages, next}. */
  messages(thread_id, query) {
    return this.#read(`${pathOf(thread_id)}/messages${search(query)}`);
  }

  /** Keeps what the user thinks of an answer; null takes it back. */
  rate(run_id, feedback) {
    const path = `/runs/${encodeURIComponent(run_id)}/feedback`;
    return feedback === null ? this.#ask("DELETE", path) : this.#ask("PUT", path, feedback);
  }

  /** {usage} of the account's limits. */
  usage() {
    return this.#read("/usage");
  }

  /** {prompts}, by name. */
  prompts() {
    return this.#read("/prompts");
  }

  makePrompt({ name, text }) {
    return this.#ask("POST", "/prompts", { name, text });
  }

  changePrompt(prompt_id, { name, text }) {
    return this.#ask("PATCH", `/prompts/${encodeURIComponent(prompt_id)}`, { name, text });
  }

  removePrompt(prompt_id) {
    return this.#ask("DELETE", `/prompts/${encodeURIComponent(prompt_id)}`);
  }

  /** The whole thread as a file to keep; `form` is "markdown" or "json". */
  async exported(thread_id, form) {
    const options = { timeout: EXPORT_MAX_MS };
    const answer = await this.#answer(`${pathOf(thread_id)}/export${search({ form })}`, options);
    return answer.blob();
  }

  async #read(path, { signal } = {}) {
    return valueOf(await this.#answer(path, { signal }));
  }

  async #ask(method, path, body) {
    const headers = { "X-CSRFToken": this.#csrfToken };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await this.#answer(path, { method, headers, body: JSON.stringify(body) });
    return answer.status === 204 ? null : valueOf(answer);
  }

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

function pathOf(thread_id) {
  return `/threads/${encodeURIComponent(thread_id)}`;
}

function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

// A page of something between the two is no answer of the server.
async function valueOf(answer) {
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

async function problemOf(answer) {
  try {
    return (await answer.json()) ?? {};
  } catch {
    return {};
  }
}

// What the page can say better than the server, which speaks to programs.
function wordsOf(code) {
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
