"""A tool that needs the approval of its user, where the agent of the server has one."""

from conformance.checks import Skipped, check, expect, expect_equal
from conformance.subject import Frame, Subject, answer_to, ask, done, stop_all
from netra.client import ChatConnection


def _of_run(socket: ChatConnection, run_id: str) -> list[Frame]:
    return [event for event in socket.events() if event["run_id"] == run_id]


async def _waiting(socket: ChatConnection, subject: Subject) -> Frame:
    """The event of a call that waits for a decision."""
    ack = await ask(socket, subject.approval_question)
    while True:
        for event in _of_run(socket, ack["run_id"]):
            if event["type"] == "approval_required":
                return event
            if event["type"] == "agent_completed":
                raise Skipped("the agent of this server asked for no approval")
        await socket.next(within_s=60)


async def _ended(socket: ChatConnection, run_id: str, call_id: str) -> list[Frame]:
    """The events of a call, once it has ended."""
    while True:
        of_call = [e for e in _of_run(socket, run_id) if e["data"].get("call_id") == call_id]
        if of_call and of_call[-1]["type"] == "tool_completed":
            return of_call
        await socket.next(within_s=60)


@check("A tool that needs an approval runs after `approve`, once, and not before.")
async def decided(subject: Subject) -> None:
    async with subject.ready() as socket:
        asked = await _waiting(socket, subject)
        run_id, call_id = asked["run_id"], asked["data"]["call_id"]
        approve = {"type": "approve", "run_id": run_id, "call_id": call_id, "decision": "approve"}
        ack = await done(socket, **approve)
        expect_equal((ack["message_id"], ack["seq"], ack["duplicate"]), (None, None, False))
        again = await done(socket, **approve)
        expect_equal(again, ack | {"client_id": again["client_id"], "duplicate": True})
        events = await _ended(socket, run_id, call_id)
        await stop_all(socket, run_id)
        told = [event["type"] for event in events if event["type"] != "tool_progress"]
        expect_equal(
            told,
            [
                "tool_call", "approval_required", "approval_resolved", "tool_executing",
                "tool_completed",
            ],
        )  # fmt: skip


@check("`already_decided`: the call waits for no decision, and another was made.")
async def decided_otherwise(subject: Subject) -> None:
    async with subject.ready() as socket:
        asked = await _waiting(socket, subject)
        run_id, call_id = asked["run_id"], asked["data"]["call_id"]
        decision = {"type": "approve", "run_id": run_id, "call_id": call_id}
        await done(socket, **decision, decision="deny")
        await socket.put(client_id="conformance-decided", **decision, decision="approve")
        error = await answer_to(socket, "conformance-decided")
        expect_equal((error.get("code"), error.get("retryable")), ("already_decided", False))
        events = await _ended(socket, run_id, call_id)
        await stop_all(socket, run_id)
        expect_equal(events[-1]["data"]["status"], "denied")
        ran = [event for event in events if event["type"] == "tool_executing"]
        expect(not ran, "a tool ran that was denied")
