// Refusals that hold only for now.

import { gettext } from "./gettext.js";

/** @import {Answer, ErrorFrame} from "./frames.js" */

// What the server asks to have again goes out at most so often; with its 2 s between two tries
// that outlasts a restart of the database.
export const TRIES_MAX = 20;

/** What is said of what it could not take in all those tries. */
export const GIVEN_UP = gettext("The server could not take this in %(count)s tries.", {
  count: TRIES_MAX,
});

/**
 * Whether the server refuses only for now and says when to come again.
 * @template {Answer} Told
 * @param {Told} answer
 * @returns {answer is Told & ErrorFrame & {retry_after_s: number}}
 */
export function asksForPatience(answer) {
  if (answer.type !== "error") return false;
  return answer.retryable === true && Number.isFinite(answer.retry_after_s);
}
