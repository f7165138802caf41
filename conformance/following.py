"""Threads are followed from anywhere, and nothing of them is missed."""

from conformance.checks import Skipped, check, expect, expect_equal
from conformance.subject import (
    WITHIN_S,
    Frame,
    Subject,
    ask,
    caught_up,
    error_for,
    heads,
    stop_all,
    text_of,
    until_completed,
    until_streamed,
)
from netra.client import ChatConnection


def _events(frames: list[Frame], thread_id: str) -> list[Frame]:
    return [e for f in frames if f.get("thread_id") == thread_id for e in f.get("events", ())]


async def _until_seq(
    socket: ChatConnection, thread_id: str, seq: int, *, since: int = 0
) -> list[Frame]:
    """A thread's events in the frames received since, once they reach `seq`."""
    while not any(e["seq"] >= seq for e in _events(socket.received[since:], thread_id)):
        await socket.next(within_s=WITHIN_S)
    return _events(socket.received[since:], thread_id)


@check("`subscribe` with a position brings exactly the events after it.")
async def replay(subject: Subject) -> None:
    conversation = await subject.conversation()
    last = conversation.events[-1]["seq"]
    async with subject.ready() as socket:
        for after_seq in (0, 2, last - 1):
            before = len(socket.received)
            await socket.subscribe(conversation.thread_id, after_seq=after_seq)
            told = await _until_seq(socket, conversation.thread_id, last, since=before)
            expect_equal(told, conversation.events[after_seq:])


@check("`after_seq` null asks for a `snapshot`.")
async def snapshot(subject: Subject) -> None:
    conversation = await subject.conversation()
    async with subject.ready() as socket:
        await socket.subscribe(conversation.thread_id, after_seq=None)
        told = await socket.until("snapshot", within_s=WITHIN_S)
    created = conversation.of_type("message_created")
    expect_equal(told["seq"], conversation.events[-1]["seq"])
    expect_equal((told["active_run"], told["queued_runs"], told["more"]), (None, [], False))
    expect_equal(
        [(message["message_id"], message["role"], message["text"]) for message in told["messages"]],
        [(e["data"]["message_id"], e["data"]["role"], e["data"]["text"]) for e in created],
    )
    expect_equal(told["messages"][-1]["status"], "completed")


@check("A position that the log does not have is answered with a `snapshot`.")
async def unknown_position(subject: Subject) -> None:
    conversation = await subject.conversation()
    async with subject.ready() as socket:
        await socket.subscribe(conversation.thread_id, after_seq=1_000_000)
        told = await socket.until("snapshot", within_s=WITHIN_S)
        expect_equal(told["seq"], conversation.events[-1]["seq"])


@check("A thread of somebody else is answered exactly like one that does not exist.")
async def foreign_thread(subject: Subject) -> None:
    conversation = await subject.conversation()
    thread_ids = ["thread_1_abcdef", "nonsense"]
    async with subject.ready(subject.other) as socket:
        if subject.other is not None:
            thread_ids.insert(0, conversation.thread_id)
        answers = []
        for thread_id in thread_ids:
            error = await error_for(
                socket, {"type": "subscribe", "thread_id": thread_id, "after_seq": 0}
            )
            error.pop("thread_id", None)
            answers.append(error)
            await socket.send("x", thread_id=thread_id)
            error = await socket.until("error", within_s=WITHIN_S)
            error.pop("client_id")
            answers.append(error)
        expect(all(answer == answers[0] for answer in answers), answers)
        expect_equal((answers[0]["code"], answers[0]["retryable"]), ("not_found", False))
        expect_equal(await heads(socket), {})
    if subject.other is None:
        raise Skipped("only threads that do not exist were tried: there is no second account")


@check("`pong` names the head of every thread that this connection follows.")
async def heads_of_followed_threads(subject: Subject) -> None:
    conversation = await subject.conversation()
    async with subject.ready() as socket:
        expect_equal(await heads(socket), {})
        await socket.subscribe(conversation.thread_id, after_seq=0)
        last = conversation.events[-1]["seq"]
        await _until_seq(socket, conversation.thread_id, last)
        expect_equal(await heads(socket), {conversation.thread_id: last})
        await socket.put(type="unsubscribe", thread_id=conversation.thread_id)
        await caught_up(socket)
        expect_equal(await heads(socket), {})


@check("`send` follows its thread for the connection before it is acknowledged.")
async def own_thread(subject: Subject) -> None:
    # That connection has never subscribed to anything.
    conversation = await subject.conversation()
    expect_equal(conversation.events[0]["seq"], conversation.ack["seq"])
    expect_equal(conversation.events[-1]["type"], "agent_completed")


@check("`seen` is not answered, and unknown threads in it do no harm.")
async def seen(subject: Subject) -> None:
    async with subject.ready() as socket:
        before = len(socket.received)
        await socket.put(type="seen", heads={"thread_1_abcdef": 3}, bytes=100)
        await heads(socket)
        await caught_up(socket)
        expect_equal([frame["type"] for frame in socket.received[before:]], ["pong", "error"])


@check("Nothing of a thread comes any more to who has left it.")
async def unsubscribe(subject: Subject) -> None:
    async with subject.ready() as writer, subject.ready() as reader:
        ack = await ask(writer, subject.slow_question)
        thread_id = ack["thread_id"]
        await reader.subscribe(thread_id, after_seq=None)
        await reader.until("snapshot", within_s=WITHIN_S)
        await reader.put(type="unsubscribe", thread_id=thread_id)
        await caught_up(reader)
        left = len(reader.received)
        await stop_all(writer, ack["run_id"])
        await caught_up(reader)
        told = [frame for frame in reader.received[left:] if frame.get("thread_id") == thread_id]
        expect_equal(told, [])


@check("All connections of the user are told, whatever they follow.")
async def threads(subject: Subject) -> None:
    async with subject.ready() as one, subject.ready() as other:
        ack = await ask(one, subject.slow_question)
        told = await other.until("threads", within_s=WITHIN_S)
        while not any(row["thread_id"] == ack["thread_id"] for row in told["threads"]):
            told = await other.until("threads", within_s=WITHIN_S)
        await stop_all(one, ack["run_id"])


@check("Runs that have not ended, as they stood when this connection became ready.")
async def active_runs(subject: Subject) -> None:
    async with subject.ready() as one:
        ack = await ask(one, subject.slow_question)
        async with subject.ready() as other:
            ready = other.received[-1]
        await stop_all(one, ack["run_id"])
        began = {"thread_id": ack["thread_id"], "run_id": ack["run_id"]}
        expect(began in ready["active_runs"], ready["active_runs"])


@check("For an active run one `delta` from offset 0 with all its text so far follows a replay.")
async def second_reader(subject: Subject) -> None:
    async with subject.ready() as first:
        ack = await ask(first, subject.slow_question)
        thread_id, run_id = ack["thread_id"], ack["run_id"]
        await first.until("delta", within_s=WITHIN_S)
        async with subject.ready() as second:
            joined = len(second.received)
            await second.subscribe(thread_id, after_seq=0)
            await until_streamed(second, run_id)
            await first.stop(run_id)
            late = await until_completed(second, run_id)
        early = await until_completed(first, run_id)
    expect_equal(_events(late, thread_id), _events(early, thread_id))
    first_delta = next((f for f in late[joined:] if f["type"] == "delta"), None)
    if first_delta is None:
        raise Skipped("the answer was there before the second reader")
    expect_equal(first_delta["offset"], 0)
    shorter, longer = sorted((text_of(late, run_id), text_of(early, run_id)), key=len)
    expect(longer.startswith(shorter), "two readers were told different texts")


@check("Whoever comes back with the last `seq` applied misses nothing and gets nothing twice.")
async def resume(subject: Subject) -> None:
    async with subject.ready() as socket:
        ack = await ask(socket, subject.slow_question)
        thread_id = ack["thread_id"]
        await socket.until(lambda frame: "agent_started" in str(frame), within_s=WITHIN_S)
        before = _events(socket.received, thread_id)
    async with subject.ready() as socket:
        await socket.subscribe(thread_id, after_seq=before[-1]["seq"])
        await until_streamed(socket, ack["run_id"])
        await socket.stop(ack["run_id"])
        frames = await until_completed(socket, ack["run_id"])
    seqs = [event["seq"] for event in (*before, *_events(frames, thread_id))]
    expect_equal(seqs, list(range(1, len(seqs) + 1)))


@check("`typing` is told to the user's other connections that follow the thread, and not answered.")
async def typing(subject: Subject) -> None:
    conversation = await subject.conversation()
    async with subject.ready() as one, subject.ready() as other:
        for socket in (one, other):
            await socket.subscribe(conversation.thread_id, after_seq=None)
            await socket.until("snapshot", within_s=WITHIN_S)
        before = len(one.received)
        await one.put(type="typing", thread_id=conversation.thread_id)
        told = await other.until("typing", within_s=WITHIN_S)
        expect_equal(told["thread_id"], conversation.thread_id)
        expect_equal(told["connection_id"], one.received[0]["connection_id"])
        await caught_up(one)
        expect_equal([frame["type"] for frame in one.received[before:]], ["error"])
        await one.put(type="unsubscribe", thread_id=conversation.thread_id)
        await one.put(type="typing", thread_id=conversation.thread_id)
        error = await one.until("error", within_s=WITHIN_S)
        expect_equal(error["code"], "not_found")
