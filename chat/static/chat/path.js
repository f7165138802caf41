// The branch of a thread that is shown: its questions, each with the answer after which the next
// one was asked. Pure steps from one path to the next; null where only a snapshot can tell.

/**
 * A question of the path. `key` names its element on the screen, from the outbox to the log;
 * `versions` are the questions with the same place in the thread, `answers` the runs that answer
 * this one, both oldest first and with itself; `run_id` is the answer that is shown.
 */
export function questionOf(message, key = message.message_id) {
  const run_id = message.run_id ?? null;
  return {
    key,
    message_id: message.message_id,
    text: message.text,
    files: message.files ?? [],
    after_run_id: message.after_run_id ?? null,
    run_id,
    versions: message.versions ?? [message.message_id],
    answers: message.answers ?? (run_id === null ? [] : [run_id]),
    seq: message.seq,
    ts: message.ts,
    status: "stored",
  };
}

/**
 * The path with one more question, which cuts off what stood in its place: a branch of its own.
 * What waits there is not cut off: the question has overtaken it.
 * @param {{lead: string | null, messages: object[]}} path `lead` is an answer before the first
 *   question that is held
 * @param {object} question
 * @param {(question: object) => boolean} isWaiting
 * @returns {object[] | null}
 */
export function withQuestion({ lead, messages }, question, isWaiting) {
  const after = question.after_run_id;
  const isFirst = after === null || after === lead;
  const known = isFirst ? messages : withEnd(messages, after);
  const end = isFirst ? 0 : known.findIndex((each) => each.run_id === after) + 1;
  if (end === 0 && !isFirst) return null;
  const kept = known.slice(0, end);
  const rest = known.slice(end);
  const [older] = rest;
  if (older === undefined) return [...kept, question];
  if (older.after_run_id !== after) return null; // the thread's beginning is not held
  const isOvertaken = isWaiting(older);
  const others = older.versions.filter((each) => !isOvertaken || each !== older.message_id);
  const version = { ...question, versions: [...others, question.message_id] };
  return isOvertaken ? [...kept, version, ...rest] : [...kept, version];
}

/** The path once a run is known to answer a question of it: the first one is shown. */
export function withAnswer(messages, { message_id, run_id }) {
  return changed(messages, message_id, (question) => ({
    ...question,
    run_id: question.run_id ?? run_id,
    answers: added(question.answers, run_id),
  }));
}

/** The path that ends in a further answer to one of its questions. */
export function withFurtherAnswer(messages, { message_id, run_id }) {
  const index = messages.findIndex((each) => each.message_id === message_id);
  const question = messages[index];
  if (question === undefined || question.answers.includes(run_id)) return null;
  const answers = [...question.answers, run_id];
  return [...messages.slice(0, index), { ...question, run_id, answers }];
}

/** The path after a waiting question was told to follow the one that has overtaken it. */
export function withMoved(messages, { message_id, after_run_id }) {
  const index = messages.findIndex((each) => each.message_id === message_id);
  if (index < 1) return null;
  const moved = { ...messages[index], after_run_id, versions: [message_id] };
  const before = withEnd(messages.slice(0, index), after_run_id);
  return [...before, moved, ...messages.slice(index + 1)];
}

/** The path with another text for one of its questions. */
export function withText(messages, { message_id, text }) {
  return changed(messages, message_id, (question) => ({ ...question, text }));
}

// The run of a question that has only just been asked is told by what follows it.
function withEnd(messages, run_id) {
  const last = messages.at(-1);
  if (last?.run_id !== null) return messages;
  return withAnswer(messages, { message_id: last.message_id, run_id });
}

function changed(messages, message_id, change) {
  return messages.map((each) => (each.message_id === message_id ? change(each) : each));
}

function added(list, value) {
  return list.includes(value) ? list : [...list, value];
}
