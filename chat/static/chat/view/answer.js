// An answer of the assistant: thinking, tool cards, text that grows, and how it ended.

import { Markdown } from "../markdown.js";
import { ENDED } from "../run.js";
import { element, setChildren, setText } from "./element.js";
import { icon } from "./icons.js";
import { createThinking } from "./thinking.js";
import { createToolCard } from "./tool_card.js";
import { numberWords, timeWords } from "./words.js";

const ENDINGS = {
  failed: {
    tone: "danger",
    title: "The answer failed",
    message: "Something went wrong on our side.",
  },
  limit: { tone: "warning", title: "A limit of your plan was reached", message: "" },
};

/** @returns {{node: HTMLElement, update: (item: object) => void}} */
export function createAnswer() {
  const thinking = createThinking();
  const calls = createCalls();
  const text = createText();
  const ending = element("div", { class: "alert" });
  const meta = element("p", { class: "message__meta" });
  const node = element(
    "article",
    { class: "message message--assistant", "aria-label": "Assistant" },
    ...[thinking.node, calls.node, text.node, ending, meta],
  );
  let shown = null;

  return {
    node,
    update({ run }) {
      if (run === shown) return;
      shown = run;
      const hasEnded = ENDED.has(run.status);
      const isThinking = !hasEnded && run.text === "" && !run.calls.some(isOpen);
      thinking.update(run, isThinking);
      calls.update(run.calls);
      text.update(run, hasEnded);
      showEnding(ending, run);
      setText(meta, hasEnded ? metaWords(run) : "");
      meta.title = hasEnded ? timeWords(run.ended_at) : "";
      meta.hidden = meta.textContent === "";
      node.setAttribute("aria-busy", String(!hasEnded));
    },
  };
}

function createText() {
  const node = element("div", { class: "message__text prose" });
  const markdown = new Markdown(node);
  return {
    node,
    update(run, hasEnded) {
      if (hasEnded || run.message_id !== null) markdown.finish(run.text);
      else markdown.update(run.text);
      node.hidden = run.text === "";
      node.dataset.growing = String(!hasEnded && run.text !== "");
    },
  };
}

function createCalls() {
  const cards = new Map();
  const node = element("div", { class: "stack stack--tight" });
  return {
    node,
    update(calls) {
      for (const call of calls) {
        if (!cards.has(call.call_id)) cards.set(call.call_id, createToolCard());
        cards.get(call.call_id).update(call);
      }
      setChildren(
        node,
        calls.map((call) => cards.get(call.call_id).node),
      );
      node.hidden = calls.length === 0;
    },
  };
}

function isOpen(call) {
  return call.status === "running" || call.status === "waiting";
}

function showEnding(node, run) {
  const known = ENDINGS[run.status];
  node.hidden = known === undefined;
  if (known === undefined) return;
  node.className = `alert alert--${known.tone}`;
  const title = element("p", { class: "alert__title" }, known.title);
  const message = element("p", {}, run.error?.message || known.message);
  node.replaceChildren(icon("alert"), element("div", { class: "alert__body" }, title, message));
}

function metaWords(run) {
  const words = [];
  if (run.status === "stopped") words.push("Stopped");
  const { input_tokens: input, output_tokens: output } = run.usage ?? {};
  if (input || output) {
    words.push(`${numberWords(input ?? 0)} tokens in, ${numberWords(output ?? 0)} out`);
  }
  return words.join(" · ");
}
