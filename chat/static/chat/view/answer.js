// An answer of the assistant: thinking, tool cards, charts, text that grows, what waits for the
// user, what it rests on, and how it ended.

import { chartsIn } from "../charts.js";
import { gettext } from "../gettext.js";
import { Markdown } from "../markdown.js";
import { refusalWords } from "../refusals.js";
import { ENDED, isEmpty, isOpen, isUndecided } from "../run.js";
import { Approval } from "./approval.js";
import { chartView } from "./chart.js";
import { createCitations } from "./citations.js";
import { createCopy, createVersions, iconButton, textButton } from "./actions.js";
import { element, setChildren, setText } from "./element.js";
import { createFeedback } from "./feedback.js";
import { icon } from "./icons.js";
import { createThinking } from "./thinking.js";
import { createToolCard } from "./tool_card.js";
import { timeWords, usageWords } from "./words.js";

const ENDINGS = {
  failed: {
    tone: "danger",
    title: gettext("The answer failed"),
    message: gettext("Something went wrong on our side."),
  },
  limit: { tone: "warning", title: gettext("A limit was reached"), message: "" },
};

/**
 * @param {object} actions
 * @param {(answer: object) => void} actions.onDecide
 * @param {(run_id: string) => void} actions.onAnswerAgain
 * @param {(version: {run_id: string}) => void} actions.onSwitch
 * @param {(run_id: string, feedback: object | null) => Promise<void>} actions.onRate
 * @returns {{node: HTMLElement, foot: HTMLElement, update: (item: object) => void}}
 */
export function createAnswer({ onDecide, onAnswerAgain, onSwitch, onRate }) {
  const thinking = createThinking();
  const calls = createCalls();
  const charts = createCharts();
  const text = createText();
  const citations = createCitations();
  const approvals = createApprovals(onDecide);
  const ending = createEnding(onAnswerAgain);
  const foot = createFoot({ onAnswerAgain, onSwitch, onRate });
  const node = element(
    "article",
    { class: "message message--assistant", "aria-label": gettext("Assistant") },
    ...[thinking.node, calls.node, charts.node, text.node, citations.node, approvals.node],
    ...[ending.node, foot.node],
  );
  let shown = null;

  function showRun(run) {
    const hasEnded = ENDED.has(run.status);
    const isQueued = run.status === "queued";
    const isThinking = !hasEnded && !isQueued && run.text === "" && !run.calls.some(isOpen);
    thinking.update(run, isThinking);
    const focused = approvals.focused();
    calls.update(run.calls.filter((call) => !isUndecided(call)));
    charts.update(run.calls);
    text.update(run, hasEnded);
    citations.update(run, hasEnded);
    approvals.update(run);
    // Whoever has just decided goes on reading where the decision stands.
    if (approvals.focused() !== focused) calls.focus(focused);
    // While it waits nothing grows, and what is busy is not read aloud.
    const isBusy = !hasEnded && !isQueued && !run.calls.some(isUndecided);
    node.setAttribute("aria-busy", String(isBusy));
  }

  return {
    node,
    foot: foot.node,
    update(item) {
      if (isSame(item, shown)) return;
      if (item.run !== shown?.run) showRun(item.run);
      shown = item;
      ending.update(item);
      foot.update(item);
    },
  };
}

// Of a long thread all but one answer stay as they are with each piece of text.
function isSame(item, shown) {
  return (
    item.run === shown?.run &&
    item.isAsked === shown.isAsked &&
    JSON.stringify(item.versions) === JSON.stringify(shown.versions)
  );
}

function createFoot({ onAnswerAgain, onSwitch, onRate }) {
  let shown = null;
  const versions = createVersions({ noun: "answer", onSwitch: (run_id) => onSwitch({ run_id }) });
  const copy = createCopy({ name: gettext("Copy answer"), text: () => shown.text });
  const again = iconButton({
    name: gettext("Answer again"),
    act: "again",
    shape: "again",
    click: () => onAnswerAgain(shown.run_id),
  });
  const feedback = createFeedback(onRate);
  const meta = element("p", { class: "message__meta" });
  const node = element(
    "div",
    { class: "row actions" },
    ...[versions.node, meta, copy.button, again, ...feedback.nodes, copy.said, feedback.said],
  );
  return {
    node,
    update({ run, versions: places, isAsked }) {
      shown = run;
      const hasEnded = ENDED.has(run.status);
      versions.update(places);
      copy.button.hidden = !hasEnded || run.text === "";
      feedback.update({ run, isShown: hasEnded && run.text !== "" });
      again.hidden = !hasEnded || isRetried(run);
      again.setAttribute("aria-disabled", String(isAsked));
      setText(meta, hasEnded ? metaWords(run) : "");
      meta.title = hasEnded ? timeWords(run.ended_at) : "";
      meta.hidden = meta.textContent === "";
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

// How it ended, where that needs words; what can be tried once more has a button for it.
function createEnding(onAnswerAgain) {
  const title = element("p", { class: "alert__title" });
  const message = element("p");
  const retry = textButton(gettext("Retry"), () => onAnswerAgain(shown.run_id));
  const body = element("div", { class: "alert__body" }, title, message, retry);
  const node = element("div", { class: "alert" }, icon("alert"), body);
  let shown = null;
  return {
    node,
    update({ run, isAsked }) {
      shown = run;
      const known = ENDINGS[run.status];
      node.hidden = known === undefined;
      if (known === undefined) return;
      node.className = `alert alert--${known.tone}`;
      setText(title, known.title);
      setText(message, (run.error?.message && refusalWords(run.error)) || known.message);
      retry.hidden = !isRetried(run);
      retry.setAttribute("aria-disabled", String(isAsked));
    },
  };
}

function isRetried(run) {
  return ENDINGS[run.status] !== undefined && Boolean(run.error?.retryable);
}

function metaWords(run) {
  const words = [usageWords(run)];
  if (run.status === "stopped") {
    words.unshift(isEmpty(run) ? gettext("Stopped before it was answered") : gettext("Stopped"));
  }
  return words.filter((each) => each !== "").join(" · ");
}
