// Arguments of a tool call as fields of a form, and back: pure functions. A field keeps the kind
// of its value, so that a number stays one; what is neither text, number nor yes or no is JSON.

import { gettext } from "./gettext.js";
import { countBytes } from "./text.js";

// A frame may have 64 KiB; the rest is for its other fields.
export const ARGUMENTS_MAX_BYTES = 60_000;

/** The fields of arguments: [{name, kind: "text" | "number" | "flag" | "json", value}]. */
export function fieldsOf(args) {
  return Object.entries(args ?? {}).map(([name, value]) => {
    const kind = kindOf(value);
    if (kind === "flag") return { name, kind, value };
    return { name, kind, value: kind === "json" ? JSON.stringify(value, null, 2) : String(value) };
  });
}

/**
 * The arguments that fields say.
 * @returns {{args: object | null, faults: Record<string, string>}} `faults` has a sentence for each
 *   field that cannot be used, under "" where it is all of them together
 */
export function argumentsFrom(fields) {
  const faults = {};
  const args = {};
  for (const { name, kind, value } of fields) {
    const read = READERS[kind](value);
    if ("fault" in read) faults[name] = read.fault;
    else args[name] = read.value;
  }
  if (countBytes(JSON.stringify(args)) > ARGUMENTS_MAX_BYTES) faults[""] = gettext("This is too long.");
  return { args: Object.keys(faults).length === 0 ? args : null, faults };
}

/** Whether two values are the same as JSON. */
export function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

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

function kindOf(value) {
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "flag" : "json";
}
