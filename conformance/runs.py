"""What a run says, and how its text adds up."""

import hashlib
import re

from conformance.checks import Skipped, check, expect, expect_equal
from conformance.subject import (
    Subject,
    answer_to,
    ask,
    ends,
    stop_all,
    text_of,
    until_completed,
)


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
    expect_equal((told[0], told[-1]), ("agent_started", "agent_completed"))
    expect_equal((told.count("agent_started"), told.count("agent_completed")), (1, 1))
    status = conversation.of_type("agent_completed")[0]["data"]["status"]
    expect_equal(status, "completed")


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
        ack = await ask(socket, subject.slow_question)
        run_id = ack["run_id"]
        await socket.until(lambda frame: "agent_started" in str(frame))
        stopping = await socket.stop(run_id)
        frames = await until_completed(socket, run_id)
        answer = next(
            (f for f in frames if f.get("client_id") == stopping), None
        ) or await answer_to(socket, stopping)
        expect_equal((answer["type"], answer["run_id"]), ("ack", run_id))
        expect_equal((answer["message_id"], answer["seq"]), (None, None))
        [ended] = [
            e
            for f in frames
            if ends(f, run_id)
            for e in f["events"]
            if e["type"] == "agent_completed"
        ]
        if ended["data"]["status"] == "completed":
            raise Skipped("the answer was there before the stop")
        expect_equal(ended["data"]["status"], "stopped")
        streamed = text_of(frames, run_id)
        stored = [e["data"]["text"] for f in frames for e in f.get("events", ())
                  if e["type"] == "message_created" and e["run_id"] == run_id]  # fmt: skip
        expect(not streamed or stored[0].startswith(streamed), "the text so far is lost")


@check("A message sent while a run is active waits: `run_queued` says where in the line.")
async def queue(subject: Subject) -> None:
    async with subject.ready() as socket:
        first = await ask(socket, subject.slow_question)
        second = await ask(socket, subject.slow_question, thread_id=first["thread_id"])
        frames = list(socket.received)
        queued = [e for f in frames for e in f.get("events", ()) if e["type"] == "run_queued"]
        if not queued:
            queued.append(await socket.until_event("run_queued"))
        expect_equal(queued[0]["run_id"], second["run_id"])
        expect_equal(queued[0]["data"], {"message_id": second["message_id"], "position": 1})
        await stop_all(socket, second["run_id"], first["run_id"])
