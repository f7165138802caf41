"""A thread is a tree: other versions of questions, further answers, and which branch is shown."""

from typing import Any

from conformance.checks import Skipped, check, expect, expect_equal, in_time
from conformance.subject import (
    QUESTION,
    WITHIN_S,
    Frame,
    Subject,
    ask,
    done,
    refusal,
    stop_all,
    until_completed,
)
from netra.client import ChatConnection

# Blanks at its ends are the user's, too.
BETTER = " What is 6 * 7? \n"


def _of_type(socket: ChatConnection, kind: str) -> list[Frame]:
    return [event for event in socket.events() if event["type"] == kind]


def _data_of_run(socket: ChatConnection, kind: str, run_id: str) -> Frame:
    [told] = [event["data"] for event in _of_type(socket, kind) if event["run_id"] == run_id]
    found: Frame = told
    return found


async def _event(socket: ChatConnection, seq: int) -> Frame:
    """The event with that seq, whether it has come already or not."""
    while not (found := [event for event in socket.events() if event["seq"] == seq]):
        await socket.next(within_s=WITHIN_S)
    return found[0]


async def _shown(socket: ChatConnection, thread_id: str) -> Frame:
    """The thread as it stands."""
    await socket.subscribe(thread_id, after_seq=None)
    return await socket.until(
        lambda frame: frame["type"] == "snapshot" and frame["thread_id"] == thread_id,
        within_s=WITHIN_S,
    )


def _questions(snapshot: Frame) -> list[Any]:
    return [one["message_id"] for one in snapshot["messages"] if one["role"] == "user"]


async def _answered(socket: ChatConnection, text: str, thread_id: str | None = None) -> Frame:
    """The ack of a question that has been answered."""
    ack = await ask(socket, text, thread_id=thread_id)
    await until_completed(socket, ack["run_id"])
    return ack


@check("A message that waits is changed in place: `message_edited`, and no new run.")
async def edit_in_place(subject: Subject) -> None:
    await in_time(lambda: _edited_in_place(subject))


async def _edited_in_place(subject: Subject) -> bool:
    async with subject.ready() as socket:
        first = await ask(socket, subject.slow_question)
        waiting = await ask(socket, QUESTION, thread_id=first["thread_id"])
        message_id = waiting["message_id"]
        ack = await done(socket, type="edit", message_id=message_id, text=BETTER)
        edited = await _event(socket, ack["seq"])
        await stop_all(socket, waiting["run_id"], first["run_id"])
        if ack["message_id"] != message_id:
            return False
        expect_equal(ack["run_id"], waiting["run_id"])
        expect_equal((edited["type"], edited["run_id"]), ("message_edited", None))
        expect_equal(edited["data"], {"message_id": message_id, "text": BETTER})
        return True


@check("Any other is asked anew beside it: a new message at the same place, with a new run.")
async def edit_beside(subject: Subject) -> None:
    async with subject.ready() as socket:
        first = await _answered(socket, QUESTION)
        second = await _answered(socket, QUESTION, first["thread_id"])
        edit = {"type": "edit", "message_id": second["message_id"], "text": BETTER}
        ack = await done(socket, **edit)
        expect(ack["message_id"] not in (first["message_id"], second["message_id"]), ack)
        created = (await _event(socket, ack["seq"]))["data"]
        expect_equal((created["message_id"], created["text"]), (ack["message_id"], BETTER))
        expect_equal(created.get("after_run_id"), first["run_id"])
        await until_completed(socket, ack["run_id"])
        started = _data_of_run(socket, "agent_started", ack["run_id"])
        expect_equal((started["trigger"], started["question_id"]), ("edit", ack["message_id"]))
        snapshot = await _shown(socket, first["thread_id"])
        expect_equal(_questions(snapshot), [first["message_id"], ack["message_id"]])
        expect_equal(snapshot["messages"][2]["versions"], [second["message_id"], ack["message_id"]])
        expect_equal(snapshot["tip"], ack["run_id"])


@check("Any answer that has ended may be made again, and its branch is shown: `branch_selected`.")
async def regenerate(subject: Subject) -> None:
    async with subject.ready() as socket:
        first = await _answered(socket, QUESTION)
        thread_id, message_id = first["thread_id"], first["message_id"]
        await _answered(socket, BETTER, thread_id)
        ack = await done(socket, type="regenerate", run_id=first["run_id"])
        expect_equal((ack["message_id"], ack["thread_id"]), (message_id, thread_id))
        selected = await _event(socket, ack["seq"])
        expect_equal((selected["type"], selected["run_id"]), ("branch_selected", None))
        expect_equal(selected["data"], {"run_id": ack["run_id"], "message_id": message_id})
        await until_completed(socket, ack["run_id"])
        started = _data_of_run(socket, "agent_started", ack["run_id"])
        expect_equal((started["trigger"], started["question_id"]), ("regenerate", message_id))
        snapshot = await _shown(socket, thread_id)
        answers = [first["run_id"], ack["run_id"]]
        expect_equal(_questions(snapshot), [message_id])
        expect_equal(snapshot["messages"][0]["answers"], answers)
        expect_equal(snapshot["messages"][-1]["versions"], answers)
        expect_equal(snapshot["messages"][-1]["question_id"], message_id)


@check("`not_ended`: only an answer that has ended can be made again.")
async def not_ended(subject: Subject) -> None:
    await in_time(lambda: _refused_again(subject))


async def _refused_again(subject: Subject) -> bool:
    async with subject.ready() as socket:
        ack = await ask(socket, subject.slow_question)
        client_id = "conformance-not-ended"
        await socket.put(type="regenerate", client_id=client_id, run_id=ack["run_id"])
        error = await refusal(socket, client_id)
        await stop_all(socket, ack["run_id"])
        if error is None:
            return False
        expect_equal((error["code"], error["retryable"]), ("not_ended", False))
        return True


@check("Of the branches through that answer or message, the one that was added to last is shown.")
async def switch(subject: Subject) -> None:
    async with subject.ready() as socket:
        first = await _answered(socket, QUESTION)
        thread_id, message_id = first["thread_id"], first["message_id"]
        edited = await done(socket, type="edit", message_id=message_id, text=BETTER)
        await until_completed(socket, edited["run_id"])
        later = await _answered(socket, QUESTION, thread_id)
        for asked, end in (
            ({"message_id": message_id}, first),
            ({"run_id": edited["run_id"]}, later),
        ):
            ack = await done(socket, type="switch", **asked)
            expect_equal((ack["message_id"], ack["run_id"]), (None, end["run_id"]))
            selected = (await _event(socket, ack["seq"]))["data"]
            expect_equal(selected, {"run_id": end["run_id"], "message_id": end["message_id"]})
            snapshot = await _shown(socket, thread_id)
            branch = [edited, later] if end is later else [first]
            expect_equal(_questions(snapshot), [one["message_id"] for one in branch])
            expect_equal(snapshot["tip"], end["run_id"])
        again = await done(socket, type="switch", run_id=later["run_id"])
        expect_equal((again["duplicate"], again["seq"]), (True, snapshot["seq"]))


@check("`interrupt` stops the active run, and the message goes before all that wait.")
async def interrupt(subject: Subject) -> None:
    await in_time(lambda: _interrupted(subject))


async def _interrupted(subject: Subject) -> bool:
    async with subject.ready() as socket:
        first = await ask(socket, subject.slow_question)
        thread_id = first["thread_id"]
        waiting = await ask(socket, BETTER, thread_id=thread_id)
        while not _of_type(socket, "agent_started"):
            await socket.next(within_s=WITHIN_S)
        urgent = await ask(socket, QUESTION, thread_id=thread_id, mode="interrupt")
        for run_id in (first["run_id"], urgent["run_id"], waiting["run_id"]):
            await until_completed(socket, run_id)
        if _data_of_run(socket, "agent_completed", first["run_id"])["status"] != "stopped":
            return False
        begun = [event["run_id"] for event in _of_type(socket, "agent_started")]
        expect_equal(begun, [one["run_id"] for one in (first, urgent, waiting)])
        [moved] = [event["data"] for event in _of_type(socket, "message_moved")]
        wanted = {"message_id": waiting["message_id"], "after_run_id": urgent["run_id"]}
        expect_equal(moved, wanted)
        snapshot = await _shown(socket, thread_id)
        branch = [one["message_id"] for one in (first, urgent, waiting)]
        expect_equal(_questions(snapshot), branch)
        return True


@check("The active run is stopped, and the message that waits goes before all others.")
async def advance(subject: Subject) -> None:
    await in_time(lambda: _advanced(subject))


async def _advanced(subject: Subject) -> bool:
    async with subject.ready() as socket:
        first = await ask(socket, subject.slow_question)
        thread_id = first["thread_id"]
        second = await ask(socket, BETTER, thread_id=thread_id)
        third = await ask(socket, QUESTION, thread_id=thread_id)
        ack = await done(socket, type="advance", run_id=third["run_id"])
        expect_equal((ack["thread_id"], ack["run_id"]), (thread_id, third["run_id"]))
        expect_equal((ack["message_id"], ack["seq"]), (None, None))
        for one in (first, third, second):
            await until_completed(socket, one["run_id"])
        if _data_of_run(socket, "agent_completed", first["run_id"])["status"] != "stopped":
            return False
        begun = [event["run_id"] for event in _of_type(socket, "agent_started")]
        expect_equal(begun[-2:], [third["run_id"], second["run_id"]])
        expect(_of_type(socket, "message_moved"), "no message was moved")
        snapshot = await _shown(socket, thread_id)
        expect_equal(_questions(snapshot)[-2:], [third["message_id"], second["message_id"]])
        again = await done(socket, type="advance", run_id=third["run_id"])
        expect_equal(again, ack | {"client_id": again["client_id"], "duplicate": True})
        return True


@check("A run or a message of somebody else is answered exactly like one that does not exist.")
async def foreign_branches(subject: Subject) -> None:
    conversation = await subject.conversation()
    run_ids, message_ids = ["run_1_abcdef", "nonsense"], ["msg_1_abcdef", "nonsense"]
    if subject.other is not None:
        run_ids.insert(0, conversation.run_id)
        message_ids.insert(0, str(conversation.ack["message_id"]))
    frames: list[list[Frame]] = [
        [{"type": kind, "run_id": run_id} for run_id in run_ids]
        for kind in ("stop", "advance", "regenerate", "switch")
    ]
    decision = {"type": "approve", "call_id": "c", "decision": "approve"}
    frames.append([decision | {"run_id": run_id} for run_id in run_ids])
    frames.append([{"type": "edit", "message_id": one, "text": "x"} for one in message_ids])
    frames.append([{"type": "switch", "message_id": one} for one in message_ids])
    async with subject.ready(subject.other) as socket:
        for alike in frames:
            answers = []
            for number, frame in enumerate(alike):
                client_id = f"conformance-{number}"
                await socket.put(client_id=client_id, **frame)
                error = await refusal(socket, client_id) or {"code": "none: it was done"}
                answers.append({**error, "client_id": None})
            expect(all(answer == answers[0] for answer in answers), answers)
            expect_equal((answers[0]["code"], answers[0].get("retryable")), ("not_found", False))
    if subject.other is None:
        raise Skipped("only what does not exist was tried: there is no second account")
