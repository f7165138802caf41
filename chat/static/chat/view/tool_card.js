// A tool call as a card: closed it says what ran, how long and how it ended; open, everything.

import { withoutFigures } from "../charts.js";
import { gettext } from "../gettext.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { valueView } from "./value.js";
import { durationWords, nameWords } from "./words.js";

/**
 * @import {Json} from "../frames.js"
 * @import {Call} from "../run.js"
 */

/** @type {Record<string, {word: string, tone: string}>} */
const STATUS = {
  approved: { word: gettext("Approved"), tone: "accent" },
  running: { word: gettext("Running"), tone: "accent" },
  ok: { word: gettext("Done"), tone: "success" },
  error: { word: gettext("Failed"), tone: "danger" },
  stopped: { word: gettext("Stopped"), tone: "warning" },
  denied: { word: gettext("Denied"), tone: "warning" },
};
/** @type {Record<string, string>} */
const DECISIONS = {
  approve: gettext("You allowed this"),
  deny: gettext("You did not allow this"),
  expired: gettext("Nobody decided about this in time"),
  stopped: gettext("Stopped before you decided"),
};

/** @returns {{node: HTMLElement, update: (call: Call) => void}} */
export function createToolCard() {
  const name = element("bdi", { class: "tool-card__name" });
  const note = element("bdi", { class: "tool-card__note" });
  const badge = element("span", { class: "badge" });
  const decision = element("span", { class: "tool-card__decision" });
  const chevron = icon("chevron");
  const head = element(
    "summary",
    { class: "tool-card__head" },
    icon("wrench"),
    name,
    note,
    badge,
    chevron,
    decision,
  );
  const body = element("div", { class: "tool-card__body" });
  const node = element("details", { class: "tool-card" }, head, body);
  /** @type {Call | null} */
  let shown = null;

  // The body is built when it is first looked at: most cards stay closed.
  function fill() {
    if (!node.open || shown === null) return;
    body.replaceChildren(...sections(shown));
  }

  node.addEventListener("toggle", fill);
  return {
    node,
    update(call) {
      if (call === shown) return;
      shown = call;
      const { word, tone } = STATUS[call.status] ?? { word: call.status, tone: "accent" };
      setText(name, nameWords(call.tool_name));
      setText(note, noteOf(call));
      setText(badge, word);
      setText(decision, decisionWords(call));
      decision.hidden = decision.textContent === "";
      badge.className = `badge badge--${tone}`;
      node.dataset.status = call.status;
      fill();
    },
  };
}

/** @type {(call: Call) => string} */
function decisionWords({ decision, edited }) {
  const words = DECISIONS[decision ?? ""] ?? "";
  return edited ? gettext("%(decision)s, with changes", { decision: words }) : words;
}

/** @type {(call: Call) => string} */
function noteOf(call) {
  if (call.status === "running") return call.progress;
  if (call.status === "denied") return "";
  if (call.status === "error" && call.error) return call.error.message ?? "";
  return typeof call.elapsed_ms === "number" ? durationWords(call.elapsed_ms) : "";
}

/** @param {Call} call */
function sections(call) {
  const parts = [];
  if (call.progress && call.status === "running") parts.push(section(gettext("Progress"), call.progress));
  if (call.args !== null && call.args !== undefined && Object.keys(call.args).length > 0) {
    parts.push(section(gettext("Arguments"), call.args));
  }
  if (call.error) parts.push(section(gettext("Error"), call.error.message ?? call.error));
  const result = withoutFigures(call.result);
  if (result !== null && result !== undefined) parts.push(section(gettext("Result"), result));
  if (typeof call.elapsed_ms === "number") {
    parts.push(section(gettext("Duration"), durationWords(call.elapsed_ms)));
  }
  if (parts.length === 0) parts.push(element("p", { class: "text-soft" }, gettext("Nothing to show yet.")));
  return parts;
}

/** @type {(label: string, value: Json) => HTMLElement} */
function section(label, value) {
  return element("div", {}, element("p", { class: "tool-card__label" }, label), valueView(value));
}
