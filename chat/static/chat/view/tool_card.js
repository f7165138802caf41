// A tool call as a card: closed it says what ran, how long and how it ended; open, everything.

import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { valueView } from "./value.js";
import { durationWords, nameWords } from "./words.js";

const STATUS = {
  running: { word: "Running", tone: "accent" },
  waiting: { word: "Waiting for approval", tone: "warning" },
  ok: { word: "Done", tone: "success" },
  error: { word: "Failed", tone: "danger" },
  stopped: { word: "Stopped", tone: "warning" },
  denied: { word: "Denied", tone: "warning" },
};

/** @returns {{node: HTMLElement, update: (call: object) => void}} */
export function createToolCard() {
  const name = element("span", { class: "tool-card__name" });
  const note = element("span", { class: "tool-card__note" });
  const badge = element("span", { class: "badge" });
  const chevron = icon("chevron");
  const head = element(
    "summary",
    { class: "tool-card__head" },
    icon("wrench"),
    name,
    note,
    badge,
    chevron,
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
      badge.className = `badge badge--${tone}`;
      node.dataset.status = call.status;
      fill();
    },
  };
}

function noteOf(call) {
  if (call.status === "running") return call.progress;
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
  if (call.result !== null && call.result !== undefined) parts.push(section("Result", call.result));
  if (Number.isFinite(call.elapsed_ms)) {
    parts.push(section("Duration", durationWords(call.elapsed_ms)));
  }
  if (parts.length === 0) parts.push(element("p", { class: "text-soft" }, "Nothing to show yet."));
  return parts;
}

function section(label, value) {
  return element("div", {}, element("p", { class: "tool-card__label" }, label), valueView(value));
}
