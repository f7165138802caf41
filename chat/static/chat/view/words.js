// Numbers, times and names in the words of the page, and in its language.

import { gettext, ngettext, pageLanguage } from "../gettext.js";

/** @import {Usage} from "../frames.js" */

const language = pageLanguage();
const number = new Intl.NumberFormat(language);
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 });
const tenths = new Intl.NumberFormat(language, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
  useGrouping: false,
});
const money = new Intl.NumberFormat(language, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const cents = new Intl.NumberFormat(language, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 6,
});
const smallCost = new Intl.NumberFormat(language, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 4,
});
const COST_MIN_USD = 0.0001;
const DOLLARS = new Set(["$", "USD", "usd"]);
const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/**
 * 640 ms, 4.2 s, 1 min 5 s.
 * @param {number} ms
 */
export function durationWords(ms) {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  if (ms < 60_000) return `${tenths.format(ms / 1000)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/**
 * 812 B, 34.5 KB, 1.2 MB.
 * @param {number} bytes
 */
export function sizeWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${tenths.format(bytes / 1000)} KB`;
  return `${tenths.format(bytes / 1_000_000)} MB`;
}

/**
 * "usage_analyser" reads "Usage analyser", "cost_usd" reads "Cost USD".
 * @param {string} name
 */
export function nameWords(name) {
  const words = name
    .replaceAll("_", " ")
    .trim()
    .replace(/\b(usd|id|csv|json|url)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * 12,345.
 * @param {number} value
 */
export function numberWords(value) {
  return number.format(value);
}

/**
 * $1,234.50, $0.0123, 640.5 ms, 12,345 tokens.
 * @param {number} value
 * @param {string} unit
 */
export function amountWords(value, unit) {
  const size = Math.abs(value);
  if (DOLLARS.has(unit)) return withUnit((size < 1 ? cents : money).format(value), unit);
  return withUnit(size < 1000 ? exact.format(value) : number.format(Math.round(value)), unit);
}

/**
 * $1.2K, 640 ms, 12K tokens.
 * @param {number} value
 * @param {string} unit
 */
export function shortAmountWords(value, unit) {
  const words = Math.abs(value) < 1 ? exact.format(value) : short.format(value);
  return DOLLARS.has(unit) ? withUnit(words, unit) : words;
}

/**
 * What an answer took: "gpt-5 · 1,234 tokens · $0.0123 · 3.2 s", as far as it is known. Only a
 * language model has tokens, and is named.
 * @param {{model: string, usage: Usage | null}} run
 */
export function usageWords({ model, usage }) {
  const { input_tokens = 0, output_tokens = 0, cost_usd, elapsed_ms = 0 } = usage ?? {};
  const { unpriced_requests = 0 } = usage ?? {};
  const words = [];
  const tokens = input_tokens + output_tokens;
  if (tokens > 0 && model) words.push(model);
  if (tokens > 0) words.push(tokenWords(tokens));
  if (cost_usd !== undefined && cost_usd !== null) {
    // Not of every request the price is known.
    const cost = costWords(Number(cost_usd));
    words.push(unpriced_requests > 0 ? gettext("at least %(cost)s", { cost }) : cost);
  }
  if (elapsed_ms > 0) words.push(durationWords(elapsed_ms));
  return words.join(" · ");
}

/**
 * $0.0123, $1.20; what is too small for that reads "under $0.0001".
 * @param {number} dollars
 */
function costWords(dollars) {
  if (dollars > 0 && dollars < COST_MIN_USD) {
    return gettext("under %(cost)s", { cost: `$${smallCost.format(COST_MIN_USD)}` });
  }
  return `$${(dollars < 1 ? smallCost : money).format(dollars)}`;
}

/** @type {(count: number) => string} */
function tokenWords(count) {
  return ngettext("%(count)s token", "%(count)s tokens", count, { count: numberWords(count) });
}

/**
 * 1st, 2nd, 3rd, 11th; "3." in other languages.
 * @param {number} value
 */
export function ordinalWords(value) {
  if (language !== "en") return `${value}.`;
  const isTeen = value % 100 > 10 && value % 100 < 20;
  return `${value}${(!isTeen && ["th", "st", "nd", "rd"][value % 10]) || "th"}`;
}

/**
 * 22 Nov 2026, 14:05.
 * @param {string} iso
 */
export function timeWords(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : time.format(date);
}

/** @type {(words: string, unit: string) => string} */
function withUnit(words, unit) {
  if (!DOLLARS.has(unit)) return unit === "" ? words : `${words} ${unit}`;
  return words.startsWith("-") ? `-$${words.slice(1)}` : `$${words}`;
}
