// What a refusal of the server says in the language of the page; in English the server's own words.

import { gettext, pageLanguage } from "./gettext.js";

/** @type {Record<string, () => string>} */
const WORDS = {
  frame_too_large: () => gettext("That is too large to be sent."),
  text_empty: () => gettext("Write something first."),
  text_too_long: () => gettext("That is too long for a message."),
  text_invalid: () => gettext("The text holds characters that cannot be stored."),
  not_found: () => gettext("It does not exist any more."),
  file_not_found: () => gettext("A file is not there any more. Add it again."),
  files_full: () => gettext("There are too many files in this message."),
  model_not_found: () => gettext("This model is not there any more. Choose another one."),
  queue_full: () => gettext("Too many messages wait in this thread. Let some be answered first."),
  too_many: () => gettext("That was too much in a short time. Try again in a minute."),
  limit_reached: () => gettext("A limit of your plan is reached. What you wrote is kept."),
  verify_email: () => gettext("Confirm your email address first."),
  unavailable: () => gettext("The server cannot store this right now. Try again soon."),
  failed: () => gettext("Something went wrong on our side. Try again."),
  already_decided: () => gettext("That was decided already."),
  not_ended: () => gettext("The answer has not ended yet."),
  read_only: () => gettext("You are only looking: nothing can be changed."),
  run_timeout: () => gettext("The answer took longer than five minutes. Ask for less at once."),
  answer_too_long: () => gettext("The answer did not come to an end and was cut."),
  internal: () => gettext("Something went wrong on our side. Try again."),
  worker_lost: () => gettext("The answer was interrupted twice on our side. Try again."),
  tool_interrupted: () =>
    gettext("A tool was interrupted after it may have had its effect. It was not run again."),
};

/**
 * @param {{code?: string, message: string}} refusal as a frame or a run has it
 * @returns {string}
 */
export function refusalWords({ code = "", message }) {
  if (pageLanguage() === "en" || !Object.hasOwn(WORDS, code)) return message;
  return WORDS[code]();
}
