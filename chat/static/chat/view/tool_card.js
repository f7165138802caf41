// A tool call as a card: closed it says what ran, how long and how it ended; open, everything.

import { withoutFigures } from "../charts.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { valueView } from "./value.js";
import { durationWords, nameWords } from "./words.js";

const STATUS = {
  approved: { word: "Approved", tone: "accent" },
  running: { word: "Running", tone: "accent" },
  ok: { word: "Done", tone: "success" },
  error: { word: "Failed", tone: "danger" },
  stopped: { word: "Stopped", tone: "warning" },
  denied: { word: "Denied", tone: "warning" },
};
const DECISIONS = {
  approve: "You allowed this",
  deny: "You did not allow this",
  expired: "Nobody decided about this in time",
  stopped: "Stopped before you decided",
};

/** @returns {{node: HTMLElement, update: (call: object) => void}} */
export function createToolCard() {
  const name = element("span", { class: "tool-card__name" });
  const note = element("span", { class: "tool-card__note" });
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

function decisionWords({ decision, edited }) {
  const words = DECISIONS[decision] ?? "";
  return edited ? `${words}, with changes` : words;
}

function noteOf(call) {
  if (call.status === "running") return call.progress;
  if (call.status === "denied") return "";
  if (call.status === "error" && call.error) return call.error.message ?? "";
  return Number.isFinite(call.elapsed_ms) ? durationWords(call.elapsed_ms) : "";
}

function sections(call) {
  const parts = [];
  if (call.progress && call.status === "running") parts.push(section("Progress", call.progress));
  if (call.args !== null && call.args !== undefined && Object.keys(call.args).length > 0) {
    parts.push(section("Arguments", call.args));
  }
  if (call.error) parts.push(section("Error", call.error.message ?? call.error));
  const result = withoutFigures(call.result);
  if (result !== null && result !== undefined) parts.push(section("Result", result));
  if (Number.isFinite(call.elapsed_ms)) {
    parts.push(section("Duration", durationWords(call.elapsed_ms)));
  }
  if (parts.length === 0) parts.push(element("p", { class: "text-soft" }, "Nothing to show yet."));
  return parts;
}

function section(label, value) {
  return element("div", {}, element("p", { class: "tool-card__label" }, label), valueView(value));
}
