// What a slash at the beginning of a message offers: commands in one table, and the user's prompts.

import { gettext } from "./gettext.js";

const OFFERED_MAX = 50;

/**
 * `needs` names what of the page's situation a command makes sense with.
 * @typedef {"isRunning" | "isStored" | "hasModels"} Need
 * @typedef {Record<Need, boolean>} Situation
 * @typedef {object} Command
 * @property {string} name without its slash
 * @property {string} shape its icon
 * @property {() => string} words
 * @property {Need} [needs]
 *
 * @typedef {{prompt_id?: string, name: string, text: string}} Prompt
 * @typedef {{name: string, words: string, shape: string, prompt?: Prompt}} Offer
 */

/** @type {Command[]} */
export const COMMANDS = [
  { name: "new", shape: "plus", words: () => gettext("New thread") },
  { name: "stop", shape: "stop", words: () => gettext("Stop the answer"), needs: "isRunning" },
  { name: "model", shape: "spark", words: () => gettext("Choose the model"), needs: "hasModels" },
  { name: "search", shape: "search", words: () => gettext("Search threads") },
  {
    ...{ name: "export", shape: "export", needs: "isStored" },
    words: () => gettext("Export this thread as Markdown"),
  },
  { name: "prompts", shape: "prompt", words: () => gettext("Prompt library") },
  {
    ...{ name: "demo", shape: "chevron" },
    words: () => gettext("See every kind of event, in ten seconds"),
  },
  { name: "help", shape: "keyboard", words: () => gettext("Show keys and commands") },
];

/**
 * What is typed of a name behind a slash, or null: only that, and nothing else in the message.
 * @param {string} text
 */
export function soughtIn(text) {
  const match = /^\/([\p{L}\p{M}\p{N}_-]{0,60})$/u.exec(text);
  return match === null ? null : match[1].toLowerCase();
}

/**
 * Commands and prompts of which a word begins with what is typed; the commands first.
 * @param {string} sought
 * @param {object} options
 * @param {Situation} options.situation
 * @param {Prompt[]} options.prompts
 * @returns {Offer[]}
 */
export function offered(sought, { situation, prompts }) {
  const commands = COMMANDS.filter(({ needs }) => needs === undefined || situation[needs]);
  /** @type {Offer[]} */
  const rows = [
    ...commands.map(({ name, shape, words }) => ({ name, shape, words: words() })),
    ...prompts.map((prompt) => ({
      ...{ name: prompt.name, shape: "prompt", words: firstLine(prompt.text), prompt },
    })),
  ];
  return rows.filter(({ name }) => begins(name, sought)).slice(0, OFFERED_MAX);
}

/** @type {(name: string, sought: string) => boolean} */
function begins(name, sought) {
  const lower = name.toLowerCase();
  return lower.startsWith(sought) || lower.split(/[-_]/).some((word) => word.startsWith(sought));
}

/** @type {(text: string) => string} */
function firstLine(text) {
  return text.trim().split("\n", 1)[0].slice(0, 200);
}
