// Colours code in a thread of its own, by highlight.js.

import hljs from "../vendor/highlight.js";

/** @import {Answered, Asked} from "./colours.js" */

/** @type {(message: MessageEvent<Asked[]>) => void} */
globalThis.onmessage = ({ data }) => {
  /** @type {Answered[]} */
  const answers = data.map(({ id, ...asked }) => ({ id, html: htmlOf(asked) }));
  globalThis.postMessage(answers);
};

/** @type {(asked: {code: string, language: string}) => string | null} */
function htmlOf({ code, language }) {
  if (hljs.getLanguage(language) === undefined) return null;
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
