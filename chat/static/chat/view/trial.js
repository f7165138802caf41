// The quiet line that says when a trial ends, once that is near.

import { gettext } from "../gettext.js";
import { setText } from "./element.js";

const DAY_MS = 86_400_000;
// As the server's mails: 7 days before the end something is said for the first time.
const SAID_FOR_MS = 7 * DAY_MS;
const TIERS = ["free", "early", "mid", "enterprise"];

/** @import {Entitlements} from "../frames.js" */

/**
 * @param {Entitlements | null} entitlements
 * @param {number} now in ms since 1970
 * @returns {string} empty while there is nothing to say
 */
export function trialWords(entitlements, now) {
  if (!entitlements?.trial) return "";
  const { tier, ends_at } = entitlements.trial;
  if (!ends_at) return "";
  // Whoever goes on with the plan loses nothing.
  if (TIERS.indexOf(entitlements.base_tier) >= TIERS.indexOf(tier)) return "";
  const left = Date.parse(ends_at) - now;
  if (left <= 0 || left > SAID_FOR_MS) return "";
  const days = Math.ceil(left / DAY_MS);
  const name = `${tier.charAt(0).toUpperCase()}${tier.slice(1)}`;
  if (days > 1) return gettext("%(tier)s trial ends in %(days)s days", { tier: name, days });
  return gettext("%(tier)s trial ends within a day", { tier: name });
}

/** @param {HTMLElement} line with a link in it */
export function createTrialLine(line) {
  const link = /** @type {Element} */ (line.querySelector("a"));
  return {
    /** @param {{entitlements: Entitlements | null}} state */
    update({ entitlements }) {
      const words = trialWords(entitlements, Date.now());
      setText(link, words);
      line.hidden = words === "";
    },
  };
}
