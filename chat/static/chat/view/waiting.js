// What a message of the user waits for, in words and by a mark.

import { gettext } from "../gettext.js";
import { isEmpty } from "../run.js";
import { ordinalWords } from "./words.js";

/**
 * @typedef {object} Wait
 * @property {{status: string, until?: number | null}} message
 * @property {import("../run.js").Run | null} run
 * @property {number} [position] in the line of its thread
 * @property {boolean} [isBehind] an answer that is being written
 * @property {boolean} isWaiting stored, and nothing has begun behind it
 * @property {boolean} [isAnswered]
 */

/** @param {Wait} wait */
export function waitWords({ message, run, position, isBehind, isWaiting, isAnswered }) {
  if (message.status === "pending") return gettext("pending");
  if (isWaiting) return gettext("sent, waiting for the assistant");
  if (isTakenOff({ run, isAnswered })) return gettext("Stopped before it was answered");
  if (position === undefined) return "";
  // With nothing before it in its thread it waits for a place of the user's plan.
  if (position === 1 && !isBehind) return gettext("Waiting for your other answers to end");
  if (position === 1) return gettext("Waiting (next)");
  return gettext("Waiting (%(place)s)", { place: ordinalWords(position) });
}

/**
 * The name of an icon, or "".
 * @param {Wait} wait
 */
export function markOf({ message, run, position, isWaiting, isAnswered }) {
  if (message.status === "pending") return message.until ? "clock" : "arrow_up";
  if (isWaiting) return "check";
  if (isTakenOff({ run, isAnswered })) return "stop";
  return position === undefined ? "" : "clock";
}

/** @type {(wait: Pick<Wait, "run" | "isAnswered">) => boolean} */
function isTakenOff({ run, isAnswered }) {
  return run !== null && isEmpty(run) && !isAnswered;
}
