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

/**
 * @import {Call, Run} from "../run.js"
 * @import {AnswerItem} from "../timeline.js"
 * @import {MessageActions, MessageView} from "./conversation.js"
 */

/** @type {Record<string, {tone: string, title: string, message: string}>} */
const ENDINGS = {
  failed: {
    tone: "danger",
    title: gettext("The answer failed"),
    message: gettext("Something went wrong on our side."),
  },
  limit: { tone: "warning", title: gettext("A limit was reached"), message: "" },
};

/**
 * @param {Pick<MessageActions, "onDecide" | "onAnswerAgain" | "onSwitch" | "onRate">} actions
 * @param {HTMLElement} node the article that it fills
 * @returns {MessageView}
 */
export function createAnswer({ onDecide, onAnswerAgain, onSwitch, onRate }, node) {
  const thinking = createThinking();
  const calls = createCalls();
  const charts = createCharts();
  const text = createText();
  const citations = createCitations();
  const approvals = createApprovals(onDecide);
  const ending = createEnding(onAnswerAgain);
  const foot = createFoot({ onAnswerAgain, onSwitch, onRate });
  node.append(
    ...[thinking.node, calls.node, charts.node, text.node, citations.node, approvals.node],
    ...[ending.node, foot.node],
  );
  /** @type {AnswerItem | null} */
  let shown = null;

  /** @param {Run} run */
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
    /** @param {AnswerItem} item */
    update(item) {
      const before = shown;
      shown = item;
      if (before !== null && isSame(item, before)) return;
      if (before !== null && hasGrown(item, before)) {
        text.update(item.run, false);
        return;
      }
      if (item.run !== before?.run) showRun(item.run);
      ending.update(item);
      foot.update(item);
    },
  };
}

// Of a long thread all but one answer stay as they are with each piece of text.
/** @type {(item: AnswerItem, shown: AnswerItem) => boolean} */
function isSame(item, shown) {
  return item.run === shown.run && hasSamePlace(item, shown);
}

// And of that one nothing but its text changes.
/** @type {(item: AnswerItem, shown: AnswerItem) => boolean} */
function hasGrown(item, shown) {
  const { text, length: _, textAttempt: __, ...rest } = item.run;
  if (text === "" || shown.run.text === "" || ENDED.has(rest.status)) return false;
  const names = /** @type {(keyof typeof rest)[]} */ (Object.keys(rest));
  return hasSamePlace(item, shown) && names.every((name) => rest[name] === shown.run[name]);
}

/** @type {(item: AnswerItem, shown: AnswerItem) => boolean} */
function hasSamePlace(item, shown) {
  if (item.isAsked !== shown.isAsked) return false;
  return JSON.stringify(item.versions) === JSON.stringify(shown.versions);
}

/** @param {Pick<MessageActions, "onAnswerAgain" | "onSwitch" | "onRate">} actions */
function createFoot({ onAnswerAgain, onSwitch, onRate }) {
  /** @type {Run | null} */
  let shown = null;
  const versions = createVersions({ noun: "answer", onSwitch: (run_id) => onSwitch({ run_id }) });
  const copy = createCopy({ name: gettext("Copy answer"), text: () => shown?.text ?? "" });
  const again = iconButton({
    name: gettext("Answer again"),
    act: "again",
    shape: "again",
    click: () => shown && onAnswerAgain(shown.run_id),
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
    /** @param {AnswerItem} item */
    update({ run, versions: places, isAsked }) {
      shown = run;
      const hasEnded = ENDED.has(run.status);
      versions.update(places);
      copy.button.hidden = !hasEnded || run.text === "";
      feedback.update({ run, isShown: hasEnded && run.text !== "" });
      again.hidden = !hasEnded || isRetried(run);
      again.setAttribute("aria-disabled", String(isAsked));
      setText(meta, hasEnded ? metaWords(run) : "");
      meta.title = hasEnded && run.ended_at !== null ? timeWords(run.ended_at) : "";
      meta.hidden = meta.textContent === "";
    },
  };
}

function createText() {
  const node = element("div", { class: "message__text prose" });
  const markdown = new Markdown(node);
  return {
    node,
    /** @type {(run: Run, hasEnded: boolean) => void} */
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
  /** @type {Map<string, ReturnType<typeof createToolCard>>} */
  const cards = new Map();
  const node = element("div", { class: "stack stack--tight" });
  return {
    node,
    /** @param {string | null} call_id */
    focus: (call_id) => cards.get(call_id ?? "")?.node.querySelector("summary")?.focus(),
    /** @param {Call[]} calls */
    update(calls) {
      const shown = calls.map((call) => {
        const card = cards.get(call.call_id) ?? createToolCard();
        cards.set(call.call_id, card);
        card.update(call);
        return card.node;
      });
      setChildren(node, shown);
      node.hidden = calls.length === 0;
    },
  };
}

function createCharts() {
  /** @type {Map<string, HTMLElement>} */
  const views = new Map();
  const node = element("div", { class: "stack stack--tight" });
  /** @type {Call[] | null} */
  let shown = null;
  return {
    node,
    /** @param {Call[]} calls */
    update(calls) {
      if (calls === shown) return;
      shown = calls;
      const charts = chartsIn(calls);
      const drawn = charts.map((chart) => {
        const view = views.get(chart.key) ?? chartView(chart);
        views.set(chart.key, view);
        return view;
      });
      setChildren(node, drawn);
      node.hidden = charts.length === 0;
    },
  };
}

/** @param {MessageActions["onDecide"]} onDecide */
function createApprovals(onDecide) {
  /** @type {Map<string, Approval>} */
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
    /** @param {Run} run */
    update({ run_id, calls }) {
      const waiting = calls.filter(isUndecided);
      const shown = waiting.map((call) => {
        const { call_id } = call;
        /** @type {(answer: import("./approval.js").Decided) => void} */
        const decide = (answer) => onDecide({ run_id, call_id, ...answer });
        const card = cards.get(call_id) ?? new Approval(call, decide);
        cards.set(call_id, card);
        card.update(call);
        return card.node;
      });
      setChildren(node, shown);
      node.hidden = waiting.length === 0;
    },
  };
}

// How it ended, where that needs words; what can be tried once more has a button for it.
/** @param {MessageActions["onAnswerAgain"]} onAnswerAgain */
function createEnding(onAnswerAgain) {
  const title = element("p", { class: "alert__title" });
  const message = element("p");
  const retry = textButton(gettext("Retry"), () => shown && onAnswerAgain(shown.run_id));
  const body = element("div", { class: "alert__body" }, title, message, retry);
  const node = element("div", { class: "alert" }, icon("alert"), body);
  /** @type {Run | null} */
  let shown = null;
  return {
    node,
    /** @param {AnswerItem} item */
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

/** @type {(run: Run) => boolean} */
function isRetried(run) {
  return ENDINGS[run.status] !== undefined && Boolean(run.error?.retryable);
}

/** @type {(run: Run) => string} */
function metaWords(run) {
  const words = [usageWords(run)];
  if (run.status === "stopped") {
    words.unshift(isEmpty(run) ? gettext("Stopped before it was answered") : gettext("Stopped"));
  }
  return words.filter((each) => each !== "").join(" · ");
}
