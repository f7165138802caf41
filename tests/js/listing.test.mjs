import assert from "node:assert/strict";
import { test } from "node:test";

import { isIn, partOfFolder } from "../../chat/static/chat/list.js";
import { Listing, PAGE_ROWS, isToldAnew } from "../../chat/static/chat/listing.js";
import { createStore } from "../../chat/static/chat/store.js";
import { RequestFailed, ThreadsApi } from "../../chat/static/chat/threads_api.js";

const away = new RequestFailed({ code: "unreachable", message: "No answer.", isRetryable: true });

/** A server of many threads that pages them as ours does. */
function createServer(count) {
  const idOf = (n) => `t${String(n).padStart(4, "0")}`;
  const rowOf = (_, n) => ({ thread_id: idOf(count - n), title: "", updated_at: "1" });
  const server = { rows: Array.from({ length: count }, rowOf), asked: [], fault: null };
  server.folders = async () => ({ folders: [{ folder_id: "f", name: "F" }] });
  server.list = async (query) => {
    server.asked.push(query);
    if (server.fault !== null) throw server.fault;
    const part = query.state ?? (query.pinned ? "pinned" : partOfFolder(query.folder_id));
    const all = server.rows.filter((row) => isIn(part, row));
    const { cursor } = query;
    const from = cursor === null ? 0 : all.findIndex((row) => row.thread_id === cursor) + 1;
    const threads = all.slice(from, from + query.limit);
    return { threads, next: from + query.limit < all.length ? threads.at(-1).thread_id : null };
  };
  return server;
}

function createPage(count) {
  const [store, api] = [createStore(), createServer(count)];
  return { store, api, listing: new Listing({ store, api }) };
}

const known = ({ store }) => store.state.list.rows.filter((row) => isIn("active", row)).length;

test("a list of a thousand comes page by page", async () => {
  const page = createPage(1_000);
  await page.listing.reload();
  assert.equal(known(page), PAGE_ROWS);

  for (let pages = 0; pages < 25; pages += 1) await page.listing.more("active");

  assert.equal(known(page), 1_000);
  assert.equal(page.store.state.list.pages.active.next, null);
  assert.equal(page.api.asked.filter((each) => each.state === "active").length, 20);
});

test("after a lost connection as much is read again, and what is gone goes", async () => {
  const page = createPage(300);
  await page.listing.reload();
  await page.listing.more("active");
  page.api.rows = page.api.rows.filter((_, index) => index % 2 === 0);

  await page.listing.reload();

  const ids = page.store.state.list.rows.map((row) => row.thread_id);
  assert.deepEqual(ids, page.api.rows.slice(0, 100).map((row) => row.thread_id));
});

test("pinned threads are all there, and a folder's when it is opened", async () => {
  const page = createPage(120);
  page.api.rows = page.api.rows.map((row, n) => {
    return { ...row, pinned: n > 20, folder_id: n === 20 ? "f" : null };
  });

  await page.listing.reload();
  await page.listing.open(partOfFolder("f"));
  await page.listing.open(partOfFolder("f"));

  assert.equal(page.store.state.list.rows.filter((row) => row.pinned).length, 99);
  assert.equal(page.api.asked.filter((each) => each.folder_id === "f").length, 1);
  assert.deepEqual(page.store.state.list.folders, [{ folder_id: "f", name: "F" }]);
});

test("a page that fails says why, and is asked for again", async () => {
  const page = createPage(10);
  page.api.fault = away;
  await page.listing.reload();
  assert.equal(page.store.state.list.pages.active.fault, "No answer.");

  page.api.fault = null;
  await page.listing.more("active");

  assert.deepEqual([known(page), page.store.state.list.pages.active.fault], [10, ""]);
});

test("a page is asked for once at a time", async () => {
  const page = createPage(200);
  await page.listing.reload();
  await Promise.all([page.listing.more("active"), page.listing.more("active")]);

  assert.equal(known(page), 2 * PAGE_ROWS);
});

test("all of it is asked for once at a time", async () => {
  const page = createPage(200);
  const { folders } = page.api;
  let asked = 0;
  page.api.folders = () => {
    asked += 1;
    return folders();
  };

  await Promise.all([page.listing.reload(), page.listing.reload()]);
  assert.deepEqual([asked, page.api.asked.length], [1, 2]);

  await page.listing.reload();
  assert.deepEqual([asked, page.api.asked.length], [2, 4]);
});

test("the list is read again once its changes are told again", () => {
  const services = (bus) => ({ database: true, bus, runs: true });
  const off = { status: "connecting", services: null };
  const deaf = { status: "degraded", services: services(false) };
  const slow = { status: "degraded", services: { ...services(true), runs: false } };
  const well = { status: "ready", services: services(true) };
  const cases = [
    [off, well, true],
    [off, deaf, true], // or there would be none for as long as the bus is away
    [deaf, well, true],
    [deaf, slow, true],
    [slow, well, false],
    [well, slow, false],
    [well, deaf, false],
    [well, well, false],
    [well, off, false],
    [deaf, off, false],
    [{ ...off, services: services(true) }, deaf, true],
  ];
  for (const [before, now, isRead] of cases) assert.equal(isToldAnew(before, now), isRead);
});

/** The API in front of one answer; gives the requests it got. */
function apiOf(answer) {
  const requests = [];
  const fetch = async (url, request) => {
    requests.push({ url, ...request });
    return answer();
  };
  return { requests, api: new ThreadsApi({ url: "/api", csrfToken: "token", fetch }) };
}

const json = (body, status = 200) => () => new Response(JSON.stringify(body), { status });

test("what changes something carries the token, and what reads does not", async () => {
  const { api, requests } = apiOf(json({}));
  await api.list({ state: "active", cursor: null, limit: 50 });
  await api.change("thread_1_ä", { title: "x" });

  const [read, write] = requests;
  assert.deepEqual([read.url, read.method], ["/api/threads?state=active&limit=50", undefined]);
  assert.equal(read.headers["X-CSRFToken"], undefined);
  assert.equal(write.url, "/api/threads/thread_1_%C3%A4");
  assert.deepEqual([write.method, write.body], ["PATCH", '{"title":"x"}']);
  assert.equal(write.headers["X-CSRFToken"], "token");
});

test("a refusal is told in words, a broken answer as none", async () => {
  const problem = { code: "name_taken", detail: "You have one.", retryable: false };
  const cases = [
    [json(problem, 409), { message: "You have one.", status: 409, isRetryable: false }],
    [json({ code: "not_found" }, 404), { message: "It does not exist any more.", status: 404 }],
    [json({ code: "unavailable", retryable: true }, 503), { isRetryable: true }],
    [() => new Response("<h1>Away</h1>", { status: 502 }), { status: 502, isRetryable: true }],
    [() => new Response("<h1>Sign in here</h1>"), { code: "unreachable", isRetryable: true }],
    [() => { throw new TypeError("network"); }, { code: "unreachable", isRetryable: true }],
  ];
  for (const [answer, told] of cases) {
    await assert.rejects(apiOf(answer).api.list({}), { name: "RequestFailed", ...told });
  }
});

test("a thread without a share has none, and a search called off is no failure", async () => {
  assert.equal(await apiOf(() => new Response(null, { status: 204 })).api.shareOf("a"), null);
  const abort = new AbortController();
  abort.abort();
  const { api } = apiOf(() => { throw abort.signal.reason; });
  await assert.rejects(api.search({ q: "x" }, { signal: abort.signal }), { name: "AbortError" });
});
