"""What a run says, and how its text adds up."""

import hashlib
import re

from conformance.checks import Skipped, check, expect, expect_equal, in_time
from conformance.subject import (
    WITHIN_S,
    Subject,
    answer_to,
    ask,
    stop_all,
    text_of,
    until_begun,
    until_completed,
)
from netra.client import ChatConnection


@check("`seq` begins at 1 and has no gap.")
async def gap_free(subject: Subject) -> None:
    seqs = [event["seq"] for event in (await subject.conversation()).events]
    expect_equal(seqs, list(range(1, len(seqs) + 1)))


@check("Each event has `seq`, `type`, `run_id`, `agent_name`, `ts` and `data`.")
async def event_fields(subject: Subject) -> None:
    for event in (await subject.conversation()).events:
        wanted = {"seq", "type", "run_id", "agent_name", "ts", "data"}
        expect(wanted <= set(event), f"{event['type']} has {sorted(event)}")
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        expect(re.fullmatch(stamp, event["ts"]), f"ts is {event['ts']}")


@check("A run has exactly one `agent_started`, first, and one `agent_completed`, last.")
async def brackets(subject: Subject) -> None:
    conversation = await subject.conversation()
    of_run = [e["type"] for e in conversation.events if e["run_id"] == conversation.run_id]
    told = [kind for kind in of_run if kind != "run_queued"]
    agents = {e["agent_name"] for e in conversation.events if e["type"] in told and e["run_id"]}
    expect(len(agents) == 1 and None not in agents, f"the agent of the run is called {agents}")
    expect_equal((told[0], told[-1]), ("agent_started", "agent_completed"))
    expect_equal((told.count("agent_started"), told.count("agent_completed")), (1, 1))
    [completed] = [event["data"] for event in conversation.of_type("agent_completed")]
    expect_equal(completed["status"], "completed")
    expect(isinstance(completed["usage"].get("elapsed_ms"), int), completed["usage"])
    [answer] = [event["data"] for event in conversation.of_type("message_created")[1:]]
    [whole] = [event["data"] for event in conversation.of_type("message_completed")]
    named = [one["message_id"] for one in (answer, whole, completed)]
    expect_equal(named, [answer["message_id"]] * 3)


@check("`agent_thinking`: `text`, never empty.")
async def thinking(subject: Subject) -> None:
    thoughts = (await subject.conversation()).of_type("agent_thinking")
    if not thoughts:
        raise Skipped("the agent of this server did not think aloud")
    expect(all(thought["data"]["text"] for thought in thoughts), thoughts)


@check("Each `tool_executing` has exactly one later `tool_completed` with the same `call_id`.")
async def tools(subject: Subject) -> None:
    conversation = await subject.conversation()
    begun = [event["data"]["call_id"] for event in conversation.of_type("tool_executing")]
    if not begun:
        raise Skipped("the agent of this server used no tool")
    ended = conversation.of_type("tool_completed")
    expect_equal([event["data"]["call_id"] for event in ended], begun)
    for event in ended:
        told = event["data"]
        expect(told["status"] in ("ok", "error", "stopped", "denied"), told)
        expect("result" in told or "error" in told, told)
        expect(isinstance(told["elapsed_ms"], int), told)


@check("Deltas put together by `offset` are the text of the stored message.")
async def deltas_add_up(subject: Subject) -> None:
    conversation = await subject.conversation()
    [answer] = [e for e in conversation.of_type("message_created") if e["run_id"]]
    streamed = text_of(conversation.frames, conversation.run_id)
    # The log may be quicker than the last piece beside it.
    expect(answer["data"]["text"].startswith(streamed), streamed[-80:])


@check("`message_completed` has the `length` in code points and the `sha256` over UTF-8.")
async def length_and_hash(subject: Subject) -> None:
    conversation = await subject.conversation()
    [answer] = [e for e in conversation.of_type("message_created") if e["run_id"]]
    [completed] = conversation.of_type("message_completed")
    text = answer["data"]["text"]
    expect_equal(completed["data"]["length"], len(text))
    expect_equal(completed["data"]["sha256"], hashlib.sha256(text.encode()).hexdigest())


@check("`stop` ends a run with `agent_completed`, status stopped, and keeps the text so far.")
async def stop(subject: Subject) -> None:
    async with subject.ready() as socket:
        await in_time(lambda: _stopped(subject, socket))


async def _stopped(subject: Subject, socket: ChatConnection) -> bool:
    """Whether a run that is asked to stop as soon as it begins does so."""
    run_id = (await ask(socket, subject.slow_question))["run_id"]
    await until_begun(socket, run_id)
    stopping = await socket.stop(run_id)
    frames = await until_completed(socket, run_id)
    answers = (frame for frame in frames if frame.get("client_id") == stopping)
    answer = next(answers, None) or await answer_to(socket, stopping)
    expect_equal((answer["type"], answer["run_id"]), ("ack", run_id))
    expect_equal((answer["message_id"], answer["seq"]), (None, None))
    events = [event for frame in frames for event in frame.get("events", ())]
    of_run = [event for event in events if event["run_id"] == run_id]
    [ended] = [event["data"] for event in of_run if event["type"] == "agent_completed"]
    if ended["status"] == "completed":
        return False
    expect_equal(ended["status"], "stopped")
    streamed = text_of(frames, run_id)
    stored = [event["data"]["text"] for event in of_run if event["type"] == "message_created"]
    expect(not streamed or stored[0].startswith(streamed), "the text so far is lost")
    return True


@check("A message sent while a run is active waits: `run_queued` says where in the line.")
async def queue(subject: Subject) -> None:
    async with subject.ready() as socket:
        first = await ask(socket, subject.slow_question)
        second = await ask(socket, subject.slow_question, thread_id=first["thread_id"])
        await until_begun(socket, first["run_id"])
        frames = list(socket.received)
        queued = [e for f in frames for e in f.get("events", ()) if e["type"] == "run_queued"]
        if not queued:
            queued.append(await socket.until_event("run_queued"))
        expect_equal(queued[0]["run_id"], second["run_id"])
        line = {"message_id": second["message_id"], "position": 1}
        expect_equal(queued[0]["data"], line)
        await socket.subscribe(first["thread_id"], after_seq=None)
        snapshot = await socket.until("snapshot", within_s=WITHIN_S)
        await stop_all(socket, second["run_id"], first["run_id"])
        active = snapshot["active_run"] or {"run_id": "none"}
        expect_equal(active["run_id"], first["run_id"])
        expect_equal(snapshot["queued_runs"], [line | {"run_id": second["run_id"]}])
