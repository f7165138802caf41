// Colours of code, by a worker, which comes with the first code of a language.

// Without a network they would gather; what comes then stays plain.
const ASKED_MAX = 1_000;
// While an answer grows its next draw shows them, and this is some time after that.
const SHOWN_AFTER_MS = 1_000;

/**
 * @typedef {{id: number, code: string, language: string}} Asked
 * @typedef {{id: number, html: string | null}} Answered
 * @typedef {{show: (html: string | null) => void, isGrowing: boolean}} Asker
 */

/** @type {Worker | null} */
let worker = null;
/** @type {Map<number, Asker>} */
const askers = new Map();
/** @type {Asked[]} */
let unsent = [];
/** @type {(() => void)[]} */
let unshown = [];
let lastId = 0;
let timer = 0;

/**
 * Asks for code as HTML. `show` is called with it later, or with null where the code stays plain:
 * of no known language, or without a network.
 * @param {{code: string, language: string}} what
 * @param {Asker} asker whether its text grows: then `showColours` is waited for
 */
export function askColours(what, asker) {
  if (what.language === "" || askers.size >= ASKED_MAX) return;
  lastId += 1;
  askers.set(lastId, asker);
  if (unsent.length === 0) queueMicrotask(send);
  unsent.push({ id: lastId, ...what });
}

/** Shows the colours that have come. */
export function showColours() {
  clearTimeout(timer);
  timer = 0;
  const shows = unshown;
  unshown = [];
  for (const show of shows) show();
}

function send() {
  const asked = unsent;
  unsent = [];
  worker ??= started();
  if (worker === null) giveUp();
  else worker.postMessage(asked);
}

/** @returns {Worker | null} */
function started() {
  /** @type {HTMLMetaElement | null} */
  const address = document.querySelector('meta[name="colours"]');
  if (address === null) return null;
  const made = new Worker(address.content, { type: "module" });
  made.onmessage = ({ data }) => take(data);
  made.onerror = giveUp;
  return made;
}

/** @param {Answered[]} answers */
function take(answers) {
  let isAwaited = false;
  for (const { id, html } of answers) {
    const asker = askers.get(id);
    if (asker === undefined) continue;
    askers.delete(id);
    isAwaited ||= !asker.isGrowing;
    unshown.push(() => asker.show(html));
  }
  if (isAwaited) showColours();
  else if (timer === 0) timer = setTimeout(showColours, SHOWN_AFTER_MS);
}

// It could not be loaded: code stays plain, and the next one tries again.
function giveUp() {
  worker?.terminate();
  worker = null;
  const given = [...askers.values()];
  askers.clear();
  for (const { show } of given) show(null);
}
