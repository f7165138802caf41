// What the user thinks of an answer: good or bad, and after a bad one why.

import { gettext } from "../gettext.js";
import { iconButton } from "./actions.js";
import { openDialog } from "./dialog.js";
import { element, setText } from "./element.js";

/**
 * @import {Rating} from "../frames.js"
 * @import {Run} from "../run.js"
 */

const COMMENT_MAX_CHARS = 1_000;
const REASONS = {
  wrong: () => gettext("It is wrong"),
  not_helpful: () => gettext("It does not help"),
  too_long: () => gettext("It is too long"),
  unsafe: () => gettext("It is harmful or unsafe"),
  other: () => gettext("Something else"),
};

/**
 * Two buttons; `said` tells what could not be kept.
 * @param {(run_id: string, rating: Rating | null) => Promise<void>} onRate null takes it back;
 *   rejects with words for the user
 */
export function createFeedback(onRate) {
  const said = element("span", { class: "action__said", role: "status" });
  const up = iconButton({
    name: gettext("Good answer"),
    act: "up",
    shape: "up",
    click: () => press("up"),
  });
  const down = iconButton({
    name: gettext("Bad answer"),
    act: "down",
    shape: "down",
    click: () => press("down"),
  });
  const buttons = { up, down };
  /** @type {Run | null} */
  let shown = null;
  let isAsking = false; // one at a time: what was pressed last would else not be what is kept

  /** @param {"up" | "down"} rating */
  async function press(rating) {
    if (isAsking || shown === null) return;
    const { run_id, feedback } = shown;
    const isTakenBack = feedback?.rating === rating;
    if (await rate(run_id, isTakenBack ? null : { rating })) {
      if (rating === "down" && !isTakenBack) askWhy(run_id);
    }
  }

  /** @type {(run_id: string, feedback: Rating | null) => Promise<boolean>} */
  async function rate(run_id, feedback) {
    isAsking = true;
    setText(said, "");
    try {
      await onRate(run_id, feedback);
      return true;
    } catch (error) {
      setText(said, /** @type {Error} */ (error).message);
      return false;
    } finally {
      isAsking = false;
    }
  }

  /** @param {string} run_id */
  function askWhy(run_id) {
    const dialog = openDialog({
      title: gettext("What was wrong with the answer?"),
      body: [whyForm((why) => rate(run_id, { rating: "down", ...why }), () => dialog.close())],
      onClose: () => down.focus(),
    });
  }

  return {
    nodes: [up, down],
    said,
    /** @param {{run: Run, isShown: boolean}} state */
    update({ run, isShown }) {
      shown = run;
      for (const [rating, button] of Object.entries(buttons)) {
        button.hidden = !isShown;
        button.setAttribute("aria-pressed", String(run.feedback?.rating === rating));
      }
    },
  };
}

/**
 * @param {(why: {reason: string, comment?: string}) => Promise<unknown>} onSend
 * @param {() => void} close
 */
function whyForm(onSend, close) {
  const reasons = Object.entries(REASONS).map(([value, words]) =>
    element(
      "label",
      { class: "feedback__reason" },
      element("input", { type: "radio", name: "reason", value, required: true }),
      words(),
    ),
  );
  const comment = element("textarea", {
    class: "input",
    name: "comment",
    rows: "3",
    maxlength: String(COMMENT_MAX_CHARS),
    dir: "auto",
  });
  /** @param {Event} event */
  const send = async (event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const words = String(given.get("comment")).trim();
    close();
    const reason = String(given.get("reason"));
    await onSend({ reason, ...(words === "" ? {} : { comment: words }) });
  };
  return element(
    "form",
    { class: "stack", submit: send },
    element(
      "fieldset",
      { class: "feedback__reasons" },
      element("legend", { class: "visually-hidden" }, gettext("Reason")),
      ...reasons,
    ),
    element(
      "label",
      { class: "field" },
      element("span", { class: "field__label" }, gettext("More about it (optional)")),
      comment,
    ),
    element(
      "div",
      { class: "dialog__buttons" },
      element("button", { type: "button", class: "button", click: close }, gettext("Skip")),
      element("button", { type: "submit", class: "button button--primary" }, gettext("Send")),
    ),
  );
}
