// An answer of the assistant: thinking, tool cards, charts, text that grows, what waits for the
// user, what it rests on, and how it ended.

import { chartsIn } from "../charts.js";
import { Markdown } from "../markdown.js";
import { ENDED, isOpen, isUndecided } from "../run.js";
import { Approval } from "./approval.js";
import { chartView } from "./chart.js";
import { createCitations } from "./citations.js";
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

/**
 * @param {object} actions
 * @param {(answer: object) => void} actions.onDecide
 * @param {(run_id: string) => void} actions.onAnswerAgain
 * @returns {{node: HTMLElement, update: (item: object) => void}}
 */
export function createAnswer({ onDecide, onAnswerAgain }) {
  const thinking = createThinking();
  const calls = createCalls();
  const charts = createCharts();
  const text = createText();
  const citations = createCitations();
  const approvals = createApprovals(onDecide);
  const ending = element("div", { class: "alert" });
  const meta = element("p", { class: "message__meta" });
  const node = element(
    "article",
    { class: "message message--assistant", "aria-label": "Assistant" },
    ...[thinking.node, calls.node, charts.node, text.node, citations.node, approvals.node],
    ...[ending, meta],
  );
  let shown = null;
  let wasNewest = null;

  return {
    node,
    update({ run, isNewest }) {
      if (run === shown && isNewest === wasNewest) return;
      shown = run;
      wasNewest = isNewest;
      const hasEnded = ENDED.has(run.status);
      const isThinking = !hasEnded && run.text === "" && !run.calls.some(isOpen);
      thinking.update(run, isThinking);
      const focused = approvals.focused();
      calls.update(run.calls.filter((call) => !isUndecided(call)));
      charts.update(run.calls);
      text.update(run, hasEnded);
      citations.update(run, hasEnded);
      approvals.update(run);
      // Whoever has just decided goes on reading where the decision stands.
      if (approvals.focused() !== focused) calls.focus(focused);
      showEnding(ending, run, isNewest ? onAnswerAgain : null);
      setText(meta, hasEnded ? metaWords(run) : "");
      meta.title = hasEnded ? timeWords(run.ended_at) : "";
      meta.hidden = meta.textContent === "";
      // While it waits nothing grows, and what is busy is not read aloud.
      node.setAttribute("aria-busy", String(!hasEnded && !run.calls.some(isUndecided)));
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
      const isGrowing = !hasEnded && run.text !== "" && !run.calls.some(isUndecided);
      node.dataset.growing = String(isGrowing);
    },
  };
}

function createCalls() {
  const cards = new Map();
  const node = element("div", { class: "stack stack--tight" });
  return {
    node,
    focus: (call_id) => cards.get(call_id)?.node.querySelector("summary").focus(),
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

function createCharts() {
  const views = new Map();
  const node = element("div", { class: "stack stack--tight" });
  let shown = null;
  return {
    node,
    update(calls) {
      if (calls === shown) return;
      shown = calls;
      const charts = chartsIn(calls);
      for (const chart of charts) if (!views.has(chart.key)) views.set(chart.key, chartView(chart));
      setChildren(
        node,
        charts.map((chart) => views.get(chart.key)),
      );
      node.hidden = charts.length === 0;
    },
  };
}

function createApprovals(onDecide) {
  const cards = new Map();
  const node = element("div", { class: "stack stack--tight" });
  return {
    node,
    /** The id of the call in whose card the focus is, or null. */
    focused() {
      const { activeElement } = document;
      const found = [...cards].find(([, card]) => card.node.contains(activeElement));
      return found ? found[0] : null;
    },
    update({ run_id, calls }) {
      const waiting = calls.filter(isUndecided);
      for (const call of waiting) {
        const { call_id } = call;
        const decide = (answer) => onDecide({ run_id, call_id, ...answer });
        if (!cards.has(call_id)) cards.set(call_id, new Approval(call, decide));
        cards.get(call_id).update(call);
      }
      setChildren(
        node,
        waiting.map((call) => cards.get(call.call_id).node),
      );
      node.hidden = waiting.length === 0;
    },
  };
}

// Only the newest answer can be made again.
function showEnding(node, run, onAnswerAgain) {
  const known = ENDINGS[run.status];
  node.hidden = known === undefined;
  if (known === undefined) return;
  node.className = `alert alert--${known.tone}`;
  const title = element("p", { class: "alert__title" }, known.title);
  const message = element("p", {}, run.error?.message || known.message);
  const parts = [title, message];
  if (onAnswerAgain !== null && run.error?.retryable) {
    const again = element("button", { type: "button", class: "button button--small" }, "Retry");
    again.addEventListener("click", () => {
      again.disabled = true;
      onAnswerAgain(run.run_id);
    });
    parts.push(again);
  }
  node.replaceChildren(icon("alert"), element("div", { class: "alert__body" }, ...parts));
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
