// What is said aloud of the thread on the screen. The growing text itself is not live.

import { gettext } from "../gettext.js";
import { ENDED, isUndecided } from "../run.js";
import { sentencesAfter } from "../sentences.js";
import { setText } from "./element.js";
import { nameWords } from "./words.js";

/**
 * @import {Run} from "../run.js"
 * @import {Thread} from "../thread.js"
 */

// Whoever listens hears one piece to its end before the next one comes.
const SAID_EVERY_MS = 1_500;

/** @type {Record<string, () => string>} */
const ENDINGS = {
  completed: () => gettext("The assistant has answered."),
  stopped: () => gettext("The answer was stopped."),
  failed: () => gettext("The answer failed."),
  limit: () => gettext("A limit was reached."),
};

/**
 * Says sentences as they are written, only how an answer ended, or nothing of it; what waits for
 * the user is always said.
 * @param {HTMLElement} region a polite live region
 * @param {import("../preferences.js").Preferences} preferences `spoken` chooses among them
 */
export function createAnnouncer(region, preferences) {
  const chosen = () => preferences.get("spoken");
  /** @type {string | null} */
  let key = null;
  /** @type {Set<string>} */
  let open = new Set();
  /** @type {Set<string>} */
  let asked = new Set(); // ids of calls of this thread whose approval has been asked for
  /** @type {Map<string, number>} */
  let spoken = new Map(); // run_id -> how far its text was said
  let saidAt = 0;

  /** @type {(current: string, runs: Run[]) => void} */
  function begin(current, runs) {
    key = current;
    asked = new Set();
    // What stood there before is read, not said.
    spoken = new Map(runs.map((run) => [run.run_id, run.text.length]));
    setText(region, "");
  }

  /** @type {(run: Run, hasEnded: boolean) => string} */
  function sayText(run, hasEnded) {
    const from = spoken.get(run.run_id) ?? 0;
    if (chosen() !== "sentences" || run.text.length <= from) return "";
    if (!hasEnded && performance.now() - saidAt < SAID_EVERY_MS) return "";
    const { said, to } = sentencesAfter(run.text, from, hasEnded);
    spoken.set(run.run_id, to);
    if (said !== "") saidAt = performance.now();
    return said;
  }

  /** @type {(runs: Run[]) => string} */
  function sayEnd(runs) {
    const ended = runs.filter((run) => open.has(run.run_id) && ENDED.has(run.status)).at(-1);
    if (ended === undefined || chosen() === "off") return "";
    return `${sayText(ended, true)} ${ENDINGS[ended.status]()}`.trim();
  }

  /** @type {(runs: Run[]) => string} */
  function sayAsked(runs) {
    const fresh = undecidedCalls(runs).filter(({ id }) => !asked.has(id));
    for (const { id } of fresh) asked.add(id);
    const last = fresh.at(-1);
    if (last === undefined) return "";
    const name = nameWords(last.tool_name);
    return gettext("The assistant asks whether it may use %(name)s.", { name });
  }

  return {
    /**
     * @param {string} current
     * @param {Thread} thread
     */
    update(current, thread) {
      const runs = Object.values(thread.runs);
      if (current !== key) begin(current, runs);
      else {
        const growing = runs.find((run) => open.has(run.run_id) && run.status === "running");
        const words = [sayEnd(runs) || (growing ? sayText(growing, false) : ""), sayAsked(runs)];
        const said = words.filter((each) => each !== "").join(" ");
        if (said !== "") setText(region, said);
      }
      open = new Set(runs.filter((run) => !ENDED.has(run.status)).map((run) => run.run_id));
    },
  };
}

/** @param {Run[]} runs */
function undecidedCalls(runs) {
  return runs.flatMap(({ run_id, calls }) =>
    calls.filter(isUndecided).map((call) => ({ ...call, id: `${run_id} ${call.call_id}` })),
  );
}
