import assert from "node:assert/strict";
import { test } from "node:test";

import { TRIES_MAX } from "../../chat/static/chat/patience.js";
import { currentThread } from "../../chat/static/chat/store.js";
import { Socket, settle } from "./doors.mjs";
import { RUN, THREAD, event, events, snapshot } from "./frames.mjs";
import { away, connected, ready, running } from "./pages.mjs";

test("a stop the server cannot take now is asked again, under the same id", async () => {
  const here = await connected();
  running(here);
  here.session.stop();
  const [{ client_id, run_id }] = here.socket.of("stop");
  assert.equal(run_id, RUN);
  here.socket.say(away({ client_id, retry_after_s: 2 }));
  here.clock.pass(2000);
  assert.deepEqual(
    here.socket.of("stop").map((frame) => frame.client_id),
    [client_id, client_id],
  );
  assert.equal(here.store.state.notice, null);
  here.socket.say({ type: "ack", client_id, message_id: null, thread_id: THREAD, run_id });
  here.socket.say(ready());
  assert.equal(here.socket.of("stop").length, 2);
});

test("a stop without a connection goes out with the next one", async () => {
  const here = await connected();
  running(here);
  here.socket.end(1006);
  here.session.stop();
  here.session.stop();
  here.clock.pass(30_000);
  Socket.last.say(ready());
  assert.equal(Socket.last.of("stop").length, 1);
});

test("a stop that is refused is told", async () => {
  const here = await connected();
  running(here);
  here.session.stop();
  const [{ client_id }] = here.socket.of("stop");
  here.socket.say(away({ client_id, code: "not_found", retryable: false }));
  assert.equal(here.store.state.notice.code, "not_found");
});

test("a message that waits is sent now once, also over a new connection", async () => {
  const here = await connected();
  running(here);
  here.session.sendNow("run_1_second");
  here.session.sendNow("run_1_second");
  const [frame, ...others] = here.socket.of("advance");
  assert.deepEqual([frame.run_id, others], ["run_1_second", []]);
  here.socket.end(1006);
  here.clock.pass(30_000);
  Socket.last.say(ready());
  assert.deepEqual(Socket.last.of("advance"), [frame]);
});

test("a message that waits is taken back while the active run goes on", async () => {
  const here = await connected();
  running(here);
  here.session.stopRun("run_1_second");
  here.session.stop();
  assert.deepEqual(
    here.socket.of("stop").map((frame) => frame.run_id),
    ["run_1_second", RUN],
  );
});

const CALL = { call_id: "call1", tool_name: "send_report", args: { to: "ada" } };
const callOf = ({ store }) => currentThread(store.state).runs[RUN].calls[0];
const asking = (here) => {
  running(here);
  here.socket.say(events(event(3, "approval_required", CALL)));
};

test("a decision is sent once, with what was edited, and again over a new connection", async () => {
  const here = await connected();
  asking(here);
  const answer = { run_id: RUN, call_id: "call1", decision: "approve", args: { to: "eve" } };
  here.session.decide(answer);
  here.session.decide({ ...answer, decision: "deny" });
  const [frame, ...others] = here.socket.of("approve");
  const { client_id, ...rest } = frame;
  assert.deepEqual([rest, others], [{ type: "approve", ...answer }, []]);
  assert.equal(callOf(here).choice, "approve");
  here.socket.end(1006);
  here.clock.pass(30_000);
  Socket.last.say(ready());
  assert.deepEqual(Socket.last.of("approve"), [frame]);
  Socket.last.say({ type: "ack", client_id, message_id: null, thread_id: THREAD, run_id: RUN });
  Socket.last.say(ready());
  assert.equal(Socket.last.of("approve").length, 1);
  assert.equal(callOf(here).choice, "approve", "until the log tells");
});

for (const [code, notice] of [
  ["already_decided", undefined],
  ["not_found", "not_found"],
]) {
  test(`a decision refused with ${code} can be made again, and is told: ${notice}`, async () => {
    const here = await connected();
    asking(here);
    here.session.decide({ run_id: RUN, call_id: "call1", decision: "deny" });
    const [{ client_id }] = here.socket.of("approve");
    here.socket.say(away({ client_id, code, retryable: false }));
    assert.equal(callOf(here).choice, null);
    assert.equal(here.store.state.notice?.code, notice);
  });
}

test("a decision the server cannot take now is sent again in time", async () => {
  const here = await connected();
  asking(here);
  here.session.decide({ run_id: RUN, call_id: "call1", decision: "deny" });
  const [{ client_id }] = here.socket.of("approve");
  here.socket.say(away({ client_id, retry_after_s: 2 }));
  here.clock.pass(2000);
  assert.equal(here.socket.of("approve").length, 2);
  assert.equal(callOf(here).choice, "deny");
});

const editOf = ({ store }, message_id = "msg_1_user100") =>
  currentThread(store.state).edits[message_id];
const writing = (here, text) => {
  running(here);
  here.session.writeEdit({ message_id: "msg_1_user100", text });
};

test("an edit that is sent without a connection goes out with the next one, once", async () => {
  const here = await connected();
  writing(here, "better");
  here.socket.end(1006);
  here.session.saveEdit("msg_1_user100");
  assert.deepEqual(editOf(here), { text: "better", status: "sent", refusal: "" });
  here.clock.pass(30_000);
  Socket.last.say(ready());
  const [{ client_id, ...frame }, ...others] = Socket.last.of("edit");
  assert.deepEqual(frame, { type: "edit", message_id: "msg_1_user100", text: "better" });
  assert.deepEqual(others, []);
  Socket.last.say({ type: "ack", client_id, message_id: "msg_2", thread_id: THREAD, run_id: "r" });
  assert.equal(editOf(here), undefined);
  Socket.last.say(ready());
  assert.equal(Socket.last.of("edit").length, 1);
});

test("an edit that is refused keeps its text, says why there, and can be sent again", async () => {
  const here = await connected();
  writing(here, "better");
  here.session.saveEdit("msg_1_user100");
  const [{ client_id }] = here.socket.of("edit");
  here.socket.say(away({ client_id, code: "limit_reached", message: "No more." }));
  assert.deepEqual(editOf(here), { text: "better", status: "refused", refusal: "No more." });
  assert.equal(here.store.state.notice, null);
  here.session.writeEdit({ message_id: "msg_1_user100", text: "best" });
  here.session.saveEdit("msg_1_user100");
  const [, second] = here.socket.of("edit");
  assert.equal(second.text, "best");
  assert.notEqual(second.client_id, client_id);
});

test("an edit the server never takes is refused in words that promise nothing", async () => {
  const here = await connected();
  writing(here, "better");
  here.session.saveEdit("msg_1_user100");
  const [{ client_id }] = here.socket.of("edit");
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    here.socket.say(away({ client_id, retry_after_s: 2 }));
    here.clock.pass(2000);
  }
  assert.equal(here.socket.of("edit").length, TRIES_MAX);
  assert.equal(editOf(here).status, "refused");
  assert.doesNotMatch(editOf(here).refusal, /will be tried again/);
});

test("an edit that is given up goes out no more", async () => {
  const here = await connected();
  writing(here, "better");
  here.socket.end(1006);
  here.session.saveEdit("msg_1_user100");
  here.session.dropEdit("msg_1_user100");
  assert.equal(editOf(here), undefined);
  here.clock.pass(30_000);
  Socket.last.say(ready());
  assert.deepEqual(Socket.last.of("edit"), []);
});

const againOf = ({ store }) => currentThread(store.state).again;

for (const answer of ["ack", "error"]) {
  test(`a further answer is asked for once, until the ${answer} comes`, async () => {
    const here = await connected();
    running(here);
    here.session.answerAgain(RUN);
    here.session.answerAgain(RUN);
    const [{ client_id, ...frame }, ...others] = here.socket.of("regenerate");
    assert.deepEqual([frame, others], [{ type: "regenerate", run_id: RUN }, []]);
    assert.deepEqual(againOf(here), [RUN]);
    here.socket.say(ready());
    assert.equal(here.socket.of("regenerate").length, 2);
    here.socket.say({ ...away({ client_id, code: "not_ended" }), type: answer });
    assert.deepEqual(againOf(here), []);
    assert.equal(here.store.state.notice?.code, answer === "error" ? "not_ended" : undefined);
  });
}

test("of two wishes for a version the last one goes out after a reconnect", async () => {
  const here = await connected();
  running(here);
  here.socket.end(1006);
  here.session.switchTo({ run_id: "run_1_first" });
  here.session.switchTo({ message_id: "msg_1_other1" });
  here.clock.pass(30_000);
  Socket.last.say(ready());
  const [{ client_id: _, ...frame }, ...others] = Socket.last.of("switch");
  assert.deepEqual([frame, others], [{ type: "switch", message_id: "msg_1_other1" }, []]);
});

test("another branch is asked for as a snapshot, also where the connection is lost", async () => {
  const here = await connected();
  running(here);
  const data = { run_id: "run_1_other1", message_id: "msg_1_other1" };
  here.socket.say(events(event(3, "branch_selected", data, { run_id: null })));
  const asked = () => Socket.last.of("subscribe").at(-1).after_seq;
  assert.equal(asked(), null);
  here.socket.end(1006);
  here.clock.pass(30_000);
  Socket.last.say(ready());
  assert.equal(asked(), null);
  Socket.last.say(snapshot({ seq: 3 }));
  Socket.last.say(ready());
  assert.equal(asked(), 3);
});

test("an interrupting message says so, also when it is sent again", async () => {
  const here = await connected();
  running(here);
  await here.session.send({ text: "now", files: [], mode: "interrupt" });
  await settle();
  here.socket.say(ready());
  assert.deepEqual(
    here.socket.of("send").map((frame) => frame.mode),
    ["interrupt", "interrupt"],
  );
});
