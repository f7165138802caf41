import assert from "node:assert/strict";
import { test } from "node:test";

import {
  questionOf,
  withAnswer,
  withFurtherAnswer,
  withMoved,
  withQuestion,
  withText,
} from "../../chat/static/chat/path.js";
import { applyEvents, applySnapshot, newThread } from "../../chat/static/chat/thread.js";
import { activeRun, timeline } from "../../chat/static/chat/timeline.js";
import { THREAD, events, generator } from "./frames.mjs";
import { Tree, news } from "./tree.mjs";

const question = (message_id, after_run_id = null, run_id = null) =>
  questionOf({ message_id, text: `text of ${message_id}`, after_run_id, run_id, seq: 1 });
// Q1 – R1 – Q2 – R2 – Q3, which has no run yet.
const PATH = [question("Q1", null, "R1"), question("Q2", "R1", "R2"), question("Q3", "R2")];
const ids = (messages) => messages?.map((each) => each.message_id) ?? null;
const never = () => false;
const asked = (message, isWaiting = never) =>
  withQuestion({ lead: null, messages: PATH }, message, isWaiting);

for (const [after, path, versions] of [
  [null, ["N"], ["Q1", "N"]],
  ["R1", ["Q1", "N"], ["Q2", "N"]],
  ["R2", ["Q1", "Q2", "N"], ["Q3", "N"]],
  ["R3", ["Q1", "Q2", "Q3", "N"], ["N"]], // only Q3 can have that run
]) {
  test(`a question after ${after} gives ${path} with the versions ${versions}`, () => {
    const messages = asked(question("N", after));
    assert.deepEqual(ids(messages), path);
    assert.deepEqual(messages.find((each) => each.message_id === "N").versions, versions);
  });
}

test("a question after an answer that is not shown is not for this path", () => {
  const messages = [question("Q1", null, "R1")];
  assert.equal(withQuestion({ lead: null, messages }, question("N", "R9"), never), null);
});

test("a first question is not for a path of which the beginning is not held", () => {
  const messages = [question("Q7", "R6", "R7")];
  assert.equal(withQuestion({ lead: "R6", messages }, question("N"), never), null);
  const after = withQuestion({ lead: "R6", messages }, question("N", "R6"), never);
  assert.deepEqual(after[0].versions, ["Q7", "N"]);
});

test("the first run of a question is its answer, a later one is only known", () => {
  const first = withAnswer(PATH, { message_id: "Q3", run_id: "R3" });
  assert.deepEqual([first[2].run_id, first[2].answers], ["R3", ["R3"]]);
  const second = withAnswer(first, { message_id: "Q3", run_id: "R4" });
  assert.deepEqual([second[2].run_id, second[2].answers], ["R3", ["R3", "R4"]]);
  assert.deepEqual(withAnswer(PATH, { message_id: "Q9", run_id: "R9" }), PATH);
});

test("a further answer cuts what follows the one before", () => {
  const messages = withFurtherAnswer(PATH, { message_id: "Q2", run_id: "R9" });
  assert.deepEqual(ids(messages), ["Q1", "Q2"]);
  assert.deepEqual([messages[1].run_id, messages[1].answers], ["R9", ["R2", "R9"]]);
});

for (const [message_id, run_id] of [
  ["Q2", "R2"],
  ["Q9", "R9"],
]) {
  test(`only a snapshot can show ${run_id} of ${message_id}`, () => {
    assert.equal(withFurtherAnswer(PATH, { message_id, run_id }), null);
  });
}

test("what waits stays behind an interrupting question", () => {
  const path = asked(question("N", "R1"), (each) => each.message_id === "Q2");
  assert.deepEqual(ids(path), ["Q1", "N", "Q2", "Q3"]);
  const messages = withMoved(path, { message_id: "Q2", after_run_id: "RN" });
  assert.deepEqual(ids(messages), ids(path));
  assert.deepEqual([messages[1].versions, messages[2].versions], [["N"], ["Q2"]]);
  assert.deepEqual([messages[1].run_id, messages[2].after_run_id], ["RN", "RN"]);
  assert.equal(withMoved(messages, { message_id: "Q9", after_run_id: "RN" }), null);
});

test("another text stays where it is", () => {
  const messages = withText(PATH, { message_id: "Q3", text: "other" });
  assert.equal(messages[2].text, "other");
  assert.equal(messages[1], PATH[1]);
});

const shown = (thread) => ({
  turns: timeline(thread).map((item) => {
    const { kind, message, run, versions, position, isBehind, isLast } = item;
    const { message_id = null, text = null, run_id = null } = kind === "user" ? message : run;
    const status = run?.status ?? null;
    return { kind, message_id, text, run_id, status, versions, position, isBehind, isLast };
  }),
  active: activeRun(thread)?.run_id ?? null,
});
const opened = (tree) => applySnapshot(newThread(THREAD), tree.snapshot());

/** Does the steps; after each, a page that follows the log shows what a new one is shown. */
function follow(steps) {
  const tree = new Tree();
  let thread = newThread(THREAD, 0);
  let snapshots = 0;
  for (const [index, step] of steps.entries()) {
    step(tree);
    thread = applyEvents(thread, news(tree, thread.seq));
    if (thread.wants === "snapshot") {
      thread = applySnapshot(thread, tree.snapshot());
      snapshots += 1;
    }
    const after = `after step ${index + 1}, ${tree.log.at(-1)?.type}`;
    assert.equal(thread.wants, null, after);
    assert.deepEqual(shown(thread), shown(opened(tree)), after);
  }
  return { tree, thread, snapshots };
}

const begin = (n) => (tree) => tree.begin(tree.runs[n]);
const end = (n, status) => (tree) => tree.end(tree.runs[n], status, `answer ${n}`);
const beginNext = (tree) => tree.next && tree.begin(tree.next);
const ask = (text, options) => (tree) => {
  tree.ask(text, options);
  beginNext(tree);
};
const advance = (n) => (tree) => {
  tree.advance(tree.runs[n]);
  beginNext(tree);
};
const edit = (n, text) => (tree) => {
  tree.edit(tree.questions[n], text);
  beginNext(tree);
};
const again = (n) => (tree) => {
  tree.again(tree.runs[n]);
  beginNext(tree);
};
const show = (n) => (tree) => tree.show(tree.runs[n]);

const TREES = {
  "three turns": [ask("a"), end(0), ask("b"), end(1), ask("c"), end(2)],
  "an earlier question edited, and back": [
    ...[ask("a"), end(0), ask("b"), end(1), edit(0, "a2"), end(2), ask("b2"), end(3)],
    ...[show(0), show(2), show(1)],
  ],
  "an earlier answer made again twice": [
    ...[ask("a"), end(0), ask("b"), end(1), again(0), end(2), again(0), end(3)],
    ...[show(0), show(2), show(3)],
  ],
  "an edit while the answer is being written": [ask("a"), edit(0, "a2"), end(1), edit(0, "a3")],
  "what waits: edited, and left behind": [
    ...[ask("a"), ask("b"), ask("c"), edit(1, "b2"), end(0), begin(1), end(1)],
    ...[begin(2), edit(1, "b3"), end(3)],
  ],
  "an interrupting message overtakes what waits": [
    ...[ask("a"), ask("b"), ask("c"), ask("now", { interrupts: true }), end(3)],
    ...[begin(1), end(1), begin(2), end(2)],
  ],
  "one that waits goes before the others": [
    ...[ask("a"), ask("b"), ask("c"), ask("d"), advance(2), end(0), ask("e"), advance(3)],
  ],
  "an answer that never began, beside one that did": [
    ...[ask("a"), end(0), again(0), end(1, "stopped"), again(1)],
    ...[(tree) => tree.end(tree.runs[2], "stopped"), show(0)],
  ],
};

for (const [name, steps] of Object.entries(TREES)) {
  test(`the log and a snapshot show the same at each point: ${name}`, () => {
    follow(steps);
  });
}

test("an interrupting message needs no snapshot, and nothing is gone in between", () => {
  const tree = new Tree();
  for (const step of [ask("a"), ask("b"), ask("c")]) step(tree);
  let thread = applyEvents(newThread(THREAD, 0), news(tree, 0));
  tree.ask("now", { interrupts: true });
  for (const each of tree.log.slice(thread.seq)) {
    thread = applyEvents(thread, events(each));
    const texts = thread.messages.map((message) => message.text);
    assert.deepEqual(
      texts.filter((text) => text !== "now"),
      ["a", "b", "c"],
    );
  }
  assert.equal(thread.wants, null);
});

test("an edit and a further answer need no snapshot, going back does", () => {
  const there = [ask("a"), end(0), edit(0, "a2"), end(1), again(1), end(2)];
  assert.equal(follow(there).snapshots, 0);
  const { snapshots } = follow([...there, show(0)]);
  assert.equal(snapshots, 1);
});

for (let seed = 1; seed <= 40; seed += 1) {
  test(`the log and a snapshot show the same, whatever is done (seed ${seed})`, () => {
    const draw = generator(seed);
    follow(Array.from({ length: 30 }, (_, index) => randomStep(draw, index)));
  });
}

test("elements keep their keys over a snapshot", () => {
  const { tree, thread } = follow(TREES["an earlier question edited, and back"]);
  const keys = (each) => timeline(each).map((item) => item.key);
  assert.deepEqual(keys(applySnapshot(thread, tree.snapshot())), keys(thread));
});

test("what is written in a question's place stays over a snapshot", () => {
  const { tree, thread } = follow(TREES["three turns"]);
  const edits = { msg_1: { text: "half", status: "open", refusal: "" } };
  const next = applySnapshot({ ...thread, edits, again: ["run_1"] }, tree.snapshot());
  assert.equal(timeline(next)[0].edit.text, "half");
  assert.equal(timeline(next)[1].isAsked, true);
});

test("an answer whose question is too old for the snapshot comes first", () => {
  const { tree } = follow(TREES["three turns"]);
  const frame = tree.snapshot();
  const cut = { ...frame, messages: frame.messages.slice(1) };
  const [first, second] = timeline(applySnapshot(newThread(THREAD), cut));
  assert.deepEqual([first.kind, second.kind], ["assistant", "user"]);
});

test("a run of a branch that is not shown is shown nowhere, and can be stopped", () => {
  const tree = new Tree();
  for (const step of [ask("a"), end(0), ask("b"), end(1), again(0), show(1)]) step(tree);
  const thread = opened(tree);
  assert.equal(timeline(thread).length, 4);
  assert.equal(activeRun(thread).run_id, "run_3");
});

// Something that is possible now, by chance; what is not leaves the tree as it is.
function randomStep(draw, index) {
  return (tree) => {
    const pick = (list) => list[Math.floor(draw() * list.length)];
    const running = tree.runs.find((run) => run.status === "running");
    const ended = tree.shownRuns.filter((run) => !["queued", "running"].includes(run.status));
    const waiting = tree.runs.filter((run) => run.status === "queued");
    const kind = draw();
    if (tree.tip === null || kind < 0.25) tree.ask(`text ${index}`);
    else if (kind < 0.32) tree.ask(`text ${index}`, { interrupts: true });
    else if (kind < 0.37 && waiting.length > 0) tree.advance(pick(waiting));
    else if (kind < 0.44) tree.edit(pick(tree.shownRuns).question, `text ${index}`);
    else if (kind < 0.54 && ended.length > 0) tree.again(pick(ended));
    else if (kind < 0.64) tree.show(pick(tree.runs));
    else if (running) tree.end(running, pick(["completed", "stopped"]), `answer ${index}`);
    beginNext(tree);
  };
}
