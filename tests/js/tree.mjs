// A thread as the server keeps it, for the tests of the page: a tree of questions and answers, its
// log, and the branch that is shown.

import { THREAD, event, snapshot } from "./frames.mjs";

const UNFINISHED = ["queued", "running"];

export class Tree {
  log = [];
  questions = []; // {message_id, text, after}
  runs = []; // {run_id, question, status, text}
  tip = null;

  /** A message at the end of the branch that is shown; behind an unfinished run it waits. */
  ask(text, { interrupts = false } = {}) {
    if (!interrupts) return this.#add(text, this.tip);
    const active = this.runs.find((run) => run.status === "running");
    if (active !== undefined) this.end(active, "stopped");
    const end = this.tip;
    const isSettled = (run) => run.status !== "queued" || run.precedence > 0;
    const settled = this.shownRuns.findIndex(isSettled);
    const next = this.shownRuns.at(settled < 0 ? -1 : settled - 1)?.question;
    if (settled === 0 || next === undefined) return this.#add(text, this.tip, true);
    const run = this.#add(text, next.after, true);
    next.after = run;
    this.tip = end;
    this.#tell("message_moved", { message_id: next.message_id, after_run_id: run.run_id });
    return run;
  }

  /** A question that waits takes the place of the first that does. */
  advance(run) {
    const active = this.runs.find((each) => each.status === "running");
    if (active !== undefined) this.end(active, "stopped");
    run.precedence = 1 + Math.max(...this.runs.map((each) => each.precedence));
    const above = this.#upFrom(run).slice(1);
    const settled = above.findIndex((each) => each.status !== "queued");
    const first = above.slice(0, settled < 0 ? above.length : settled).at(-1)?.question;
    const { question } = run;
    if (first === undefined || this.#answersOf(question).length > 1) return;
    const before = question.after;
    const followers = this.questions.filter((each) => each.after === run);
    question.after = first.after;
    first.after = run;
    for (const each of followers) each.after = before;
    if (this.tip === run) this.tip = before;
    for (const { message_id, after } of [first, question, ...followers]) {
      this.#tell("message_moved", { message_id, ...behind(after) });
    }
  }

  /** Another text: in place while the question waits, else as a version beside it. */
  edit(question, text) {
    const answers = this.#answersOf(question);
    if (answers.length === 1 && answers[0].status === "queued") {
      question.text = text;
      this.#tell("message_edited", { message_id: question.message_id, text });
      return answers[0];
    }
    this.#leave(question);
    return this.#add(text, question.after);
  }

  /** A further answer to the question of a run. */
  again({ question }) {
    this.#leave(question);
    const run = this.#run(question);
    this.#select(run);
    this.#queue(run);
    return run;
  }

  /** Shows the newest branch through a run. */
  show(run) {
    const isEnd = (each) => this.questions.every((question) => question.after !== each);
    const isThrough = (end) => isEnd(end) && this.#upFrom(end).includes(run);
    const end = this.runs.filter(isThrough).at(-1);
    if (end !== this.tip) this.#select(end);
  }

  begin(run) {
    run.status = "running";
    const data = { model: "m", trigger: "send", question_id: run.question.message_id };
    this.#tell("agent_started", data, run);
  }

  end(run, status = "completed", text = "") {
    if (run.status === "queued") this.begin(run);
    run.status = status;
    run.text = text;
    const message_id = text === "" ? null : `${run.run_id}_text`;
    if (text !== "") {
      this.#tell("message_created", { message_id, role: "assistant", text }, run);
      this.#tell("message_completed", { message_id, length: text.length, sha256: "00" }, run);
    }
    this.#tell("agent_completed", { status, message_id, usage: { elapsed_ms: 7 } }, run);
  }

  /** The branch that is shown, from its end upwards. */
  get shownRuns() {
    return this.tip === null ? [] : this.#upFrom(this.tip);
  }

  snapshot() {
    const active = this.runs.find((run) => run.status === "running");
    return snapshot({
      seq: this.log.length,
      messages: this.shownRuns.toReversed().flatMap((run) => this.#views(run)),
      active_run: active ? activeView(active) : null,
      queued_runs: this.runs
        .filter((run) => run.status === "queued")
        .map((run) => ({ run_id: run.run_id, message_id: run.question.message_id, position: 1 })),
    });
  }

  /** The run whose turn is next, or none while one is active. */
  get next() {
    if (this.runs.some((run) => run.status === "running")) return undefined;
    const queued = this.runs.filter((run) => run.status === "queued");
    return queued.toSorted((one, other) => other.precedence - one.precedence)[0];
  }

  #add(text, after, isUrgent = false) {
    const message_id = `msg_${this.questions.length + 1}`;
    const question = { message_id, text, after, seq: this.log.length + 1 };
    this.questions.push(question);
    const run = this.#run(question);
    run.precedence = Number(isUrgent);
    this.#tell("message_created", { message_id, role: "user", text, ...behind(after) });
    this.#queue(run);
    this.tip = run;
    return run;
  }

  #run(question) {
    const run_id = `run_${this.runs.length + 1}`;
    const run = { run_id, question, status: "queued", text: "", precedence: 0 };
    this.runs.push(run);
    return run;
  }

  #queue(run) {
    const waits = this.runs.some((each) => each !== run && UNFINISHED.includes(each.status));
    const data = { message_id: run.question.message_id, position: 1 };
    if (waits) this.#tell("run_queued", data, run);
  }

  #select(run) {
    this.tip = run;
    this.#tell("branch_selected", { run_id: run.run_id, message_id: run.question.message_id });
  }

  // Nobody looks any more at what is below a fork.
  #leave(question) {
    const below = (run) => this.#upFrom(run).some((each) => each.question === question);
    for (const run of this.runs.filter(below)) {
      if (UNFINISHED.includes(run.status)) this.end(run, "stopped");
    }
  }

  #upFrom(run) {
    const { after } = run.question;
    return after === null ? [run] : [run, ...this.#upFrom(after)];
  }

  #answersOf(question) {
    return this.runs.filter((run) => run.question === question);
  }

  #views(run) {
    const { question } = run;
    const { message_id, text, after, seq } = question;
    const beside = this.questions.filter((each) => each.after === after);
    const answers = this.#answersOf(question).map((each) => each.run_id);
    const asked = {
      ...{ message_id, role: "user", text, seq, run_id: run.run_id, status: "stored", files: [] },
      after_run_id: after?.run_id ?? null,
      ...(beside.length > 1 ? { versions: beside.map((each) => each.message_id) } : {}),
      ...(answers.length > 1 ? { answers } : {}),
    };
    if (run.text === "") return [asked];
    const answered = {
      ...{ message_id: `${run.run_id}_text`, role: "assistant", text: run.text, seq: seq + 1 },
      ...{ run_id: run.run_id, status: run.status, question_id: message_id },
      usage: { elapsed_ms: 7 },
      ...(answers.length > 1 ? { versions: answers } : {}),
    };
    return [asked, answered];
  }

  #tell(type, data, run = null) {
    this.log.push(event(this.log.length + 1, type, data, { run_id: run?.run_id ?? null }));
  }
}

/** The events of a tree behind a place in its log, as one frame. */
export function news(tree, seq) {
  return { type: "events", thread_id: THREAD, events: tree.log.slice(seq) };
}

function behind(after) {
  return after === null ? {} : { after_run_id: after.run_id };
}

function activeView({ run_id, question, status }) {
  return { run_id, question_id: question.message_id, status, attempt: 1, tool_calls: [] };
}
