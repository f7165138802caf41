// Arguments of a tool call as fields of a form, and back: pure functions. A field keeps the kind
// of its value, so that a number stays one; what is neither text, number nor yes or no is JSON.

import { gettext } from "./gettext.js";
import { countBytes } from "./text.js";

/**
 * @import {Json} from "./frames.js"
 *
 * @typedef {"text" | "number" | "flag" | "json"} Kind
 * @typedef {{name: string, kind: Kind, value: Json}} Field `value` is a flag's boolean, else text
 * @typedef {{value: Json} | {fault: string}} Reading
 */

// A frame may have 64 KiB; the rest is for its other fields.
export const ARGUMENTS_MAX_BYTES = 60_000;

/**
 * @param {Record<string, Json> | null} args
 * @returns {Field[]}
 */
export function fieldsOf(args) {
  return Object.entries(args ?? {}).map(([name, value]) => {
    const kind = kindOf(value);
    if (kind === "flag") return { name, kind, value };
    return { name, kind, value: kind === "json" ? JSON.stringify(value, null, 2) : String(value) };
  });
}

/**
 * The arguments that fields say.
 * @param {Field[]} fields
 * @returns {{args: Record<string, Json> | null, faults: Record<string, string>}} `faults` has a
 *   sentence for each field that cannot be used, under "" where it is all of them together
 */
export function argumentsFrom(fields) {
  /** @type {Record<string, string>} */
  const faults = {};
  /** @type {Record<string, Json>} */
  const args = {};
  for (const { name, kind, value } of fields) {
    const read = READERS[kind](value);
    if ("fault" in read) faults[name] = read.fault;
    else args[name] = read.value;
  }
  if (countBytes(JSON.stringify(args)) > ARGUMENTS_MAX_BYTES) faults[""] = gettext("This is too long.");
  return { args: Object.keys(faults).length === 0 ? args : null, faults };
}

/**
 * Whether two values are the same as JSON.
 * @param {unknown} one
 * @param {unknown} other
 */
export function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** @type {Record<Kind, (value: Json) => Reading>} */
const READERS = {
  text: (value) => ({ value }),
  flag: (value) => ({ value }),
  number: (value) => {
    const number = Number(value);
    const isNumber = value.trim() !== "" && Number.isFinite(number);
    return isNumber ? { value: number } : { fault: gettext("This must be a number.") };
  },
  json: (value) => {
    try {
      return { value: JSON.parse(value) };
    } catch {
      return { fault: gettext("This is no valid JSON.") };
    }
  },
};

/** @type {(value: unknown) => Kind} */
function kindOf(value) {
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "flag" : "json";
}
