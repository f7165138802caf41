// When to connect again, from the close code and the number of failures in a row (DESIGN 4i).

import { gettext } from "./gettext.js";

export const DELAY_MIN_MS = 500;
export const DELAY_MAX_MS = 30_000;
const DRAIN = 1012;
const FINAL_FROM = 4500;

/**
 * What the user is told of each final code, and what they can do about it.
 * @type {Record<number, {message: string, action: string}>}
 */
export const FINAL = {
  4500: { message: gettext("This page and the server do not understand each other."), action: "reload" },
  4501: { message: gettext("You are signed out."), action: "sign-in" },
  4503: { message: gettext("The server does not let this page connect."), action: "reload" },
  4529: {
    message: gettext("Too many windows are connected."),
    action: "reconnect",
  },
  4530: { message: gettext("This account is suspended."), action: "sign-in" },
};

/**
 * `reason` is the server's, for programs first of all.
 * @typedef {{code: number, reason: string, message: string, action: string}} Final
 */

/**
 * What a final close code means, or null for a code after which we connect again.
 * @param {number} code
 * @param {string} [reason]
 * @returns {Final | null}
 */
export function finalOf(code, reason = "") {
  if (code < FINAL_FROM || code > 4999) return null;
  return {
    code,
    reason,
    ...(FINAL[code] ?? { message: gettext("The server ended this connection."), action: "reload" }),
  };
}

/**
 * Milliseconds to wait before the next attempt.
 * @param {{code: number, failures: number, drainMs: number, random: () => number}} circumstances
 */
export function delayBefore({ code, failures, drainMs, random }) {
  if (code === DRAIN && failures === 0) return drainMs;
  const ceiling = Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** (failures + 1));
  return DELAY_MIN_MS + random() * (ceiling - DELAY_MIN_MS);
}
