// Colours of code, by highlight.js, which comes with the first code of a language.

// Without a network they would gather; the first ones stay plain.
const WAITING_MAX = 200;

/** @type {typeof import("../vendor/highlight.js").default | null} */
let hljs = null;
let isAsked = false;
/** @type {{text: {again: () => void}, root: Element}[]} */
let waiting = []; // finished texts with code that is not coloured yet

/**
 * The code as HTML, or null where it stays plain: of no known language, or until that is known.
 * @param {string} code
 * @param {string} language
 */
export function colours(code, language) {
  if (hljs === null) {
    if (language !== "") load();
    return null;
  }
  if (!hljs.getLanguage(language)) return null;
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}

/**
 * A finished text is shown again when colours come, where it has code.
 * @param {{again: () => void}} text
 * @param {Element} root
 */
export function useColours(text, root) {
  if (hljs !== null || root.querySelector('code[class*="language-"]') === null) return;
  waiting.push({ text, root });
  if (waiting.length > WAITING_MAX) waiting.shift();
}

async function load() {
  if (isAsked) return;
  isAsked = true;
  try {
    ({ default: hljs } = await import("../vendor/highlight.js"));
  } catch {
    isAsked = false; // no network: code stays plain, and the next one asks again
    return;
  }
  const shown = waiting.filter(({ root }) => root.isConnected);
  waiting = [];
  for (const { text } of shown) text.again();
}
