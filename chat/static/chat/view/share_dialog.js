// The share of a thread: whether there is a link, what it shows and to whom, and its end.

import { gettext, ngettext } from "../gettext.js";
import { RequestFailed } from "../threads_api.js";
import { outcomeOf } from "./copying.js";
import { button, buttonRow, openDialog, whileInert } from "./dialog.js";
import { element, setText } from "./element.js";
import { timeWords } from "./words.js";

/** @import {Share, ThreadsApi} from "../threads_api.js" */

/**
 * @param {object} options
 * @param {{thread_id: string}} options.row
 * @param {ThreadsApi} options.api
 */
export function openShare({ row: { thread_id }, api }) {
  const state = element("div", { class: "stack" }, element("p", {}, gettext("Loading…")));
  const said = element("p", { class: "text-small", role: "status" });
  const dialog = openDialog({ title: gettext("Share this thread"), body: [state, said] });
  tried(() => api.shareOf(thread_id), show);

  /**
   * @template Told
   * @param {() => Promise<Told>} work
   * @param {(told: Told) => void} then
   */
  async function tried(work, then) {
    setText(said, "");
    try {
      then(await whileInert(state, work));
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      setText(said, error.message);
    }
  }

  /** @param {Share | null} share */
  function show(share) {
    state.replaceChildren(...(share === null ? nothingShared() : shared(share)));
    /** @type {HTMLElement | null} */
    const first = state.querySelector("input, .button--primary");
    if (dialog.node.open) first?.focus();
  }

  function nothingShared() {
    const make = () => tried(() => api.share(thread_id), show);
    return [
      element("p", {}, gettext("Nobody but you can read this thread.")),
      element("p", { class: "text-soft" }, whatIsShown()),
      buttonRow(
        button(gettext("Cancel"), "", dialog.close),
        button(gettext("Make a link"), "button--primary", make),
      ),
    ];
  }

  /** @param {Share} share */
  function shared({ url, messages, created_at }) {
    const link = new URL(url, location.origin).href;
    /** @type {HTMLInputElement} */
    const field = element("input", {
      class: "input",
      readonly: true,
      dir: "ltr",
      "aria-label": gettext("Link"),
      focus: () => field.select(),
    });
    field.value = link;
    const time = timeWords(created_at);
    const asOf = ngettext(
      "Anyone with this link can read %(count)s message, as of %(time)s.",
      "Anyone with this link can read %(count)s messages, as of %(time)s.",
      messages,
      { count: messages, time },
    );
    const copy = async () => setText(said, await outcomeOf(link));
    const copyButton = button(gettext("Copy"), "button--primary", copy);
    return [
      element("p", {}, asOf),
      element("div", { class: "share__link" }, field, copyButton),
      element("p", { class: "text-soft" }, whatIsShown()),
      buttonRow(
        button(gettext("Take the link back"), "button--quiet share__revoke", revoke),
        button(gettext("Bring up to date"), "", update),
      ),
    ];
  }

  function update() {
    return tried(
      () => api.share(thread_id),
      (share) => {
        show(share);
        setText(said, gettext("The link shows the thread as it is now."));
      },
    );
  }

  function revoke() {
    return tried(
      () => api.unshare(thread_id),
      () => {
        show(null);
        setText(said, gettext("The link does not work any more."));
      },
    );
  }
}

function whatIsShown() {
  return [
    gettext("A link shows the version you see now, without what is written later."),
    gettext("It has no account data, no inputs of tools and of files only the names."),
    gettext("It cannot be found by search engines, and nobody can write with it."),
  ].join(" ");
}
