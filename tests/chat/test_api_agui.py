"""Runs told as AG-UI, read by the client that its makers publish: what no server does at will."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat.api.agui.story import Opening, RunStory
from chat.models import Message, Thread
from tests.chat.api_people import pays, program, token_of
from tests.fakes.agui_client import AguiClient, agui_client

RUN = "run_1_mine"
QUESTION = {"id": "q", "role": "user", "content": "hello"}
ARGS = {"to": "ada"}
USAGE = {"elapsed_ms": 5, "input_tokens": 7, "output_tokens": 3, "cached_tokens": 2}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AguiClient]:
    async with agui_client() as running:
        yield running


def opening(history: Sequence[dict[str, Any]] = (QUESTION,), **more: Any) -> Opening:
    whose: dict[str, Any] = {"thread_name": "t", "run_name": "r", "thread_id": "thread_1_mine"}
    return Opening(**whose, run_id=RUN, history=history, **more)


def happened(*pairs: tuple[str, dict[str, Any]], first: int = 1, run_id: str = RUN) -> str:
    events = [
        {"seq": seq, "type": kind, "run_id": run_id, "agent_name": None, "ts": "", "data": data}
        for seq, (kind, data) in enumerate(pairs, first)
    ]
    return encoded({"type": "events", "thread_id": "t", "events": events})


def delta(text: str, *, offset: int = 0, attempt: int = 1) -> str:
    piece = {"run_id": RUN, "attempt": attempt, "offset": offset, "text": text}
    return encoded({"type": "delta", "thread_id": "t", **piece})


def encoded(frame: dict[str, Any]) -> str:
    return msgspec.json.encode(frame).decode()


def completed(status: str = "completed", **more: Any) -> tuple[str, dict[str, Any]]:
    return "agent_completed", {"status": status, "message_id": "m", "usage": USAGE, **more}


STARTED = ("agent_started", {"model": "small", "trigger": "send", "question_id": "q"})
THOUGHT = ("agent_thinking", {"text": "Let me see."})
CALLED = ("tool_executing", {"call_id": "c1", "tool_name": "calculate", "args": ARGS})
RETURNED = (
    "tool_completed",
    {
        "call_id": "c1",
        "tool_name": "calculate",
        "status": "ok",
        "elapsed_ms": 1,
        "result": {"n": 1},
    },
)
WAITS = (
    "approval_required",
    {
        "call_id": "c2",
        "tool_name": "send_report",
        "args": ARGS,
        "expires_at": "2100-01-01T00:00:00Z",
    },
)
WANTED = ("tool_call", {"call_id": "c2", "tool_name": "send_report", "args": ARGS})


def written(text: str) -> tuple[str, dict[str, Any]]:
    return "message_created", {"message_id": "m", "role": "assistant", "text": text}


def told(story: RunStory, frames: Sequence[str], end: str = "come_back") -> str:
    return story.opening() + "".join(story.message(frame) for frame in frames) + story.end(end)


async def read(client: AguiClient, stream: str, agent: str, **more: Any) -> dict[str, Any]:
    return await client.run(agent, url="http://x", threadId="t", told=stream, **more)


def texts(done: dict[str, Any]) -> str:
    return "".join(m.get("content", "") for m in done["messages"] if m["role"] == "assistant")


@pytest.mark.asyncio
async def test_every_end_of_a_run_is_one_that_the_client_knows(client: AguiClient) -> None:
    fault = {"code": "provider_down", "message": "Try again.", "retryable": True}
    part = delta("So far.")
    ends: dict[str, tuple[list[str], str, str | None]] = {
        "completed": ([happened(STARTED), part, happened(completed())], "RUN_FINISHED", "success"),
        "stopped": ([part, happened(completed("stopped"))], "RUN_FINISHED", "cancelled"),
        "failed": ([part, happened(completed("failed", error=fault))], "RUN_ERROR", None),
        "limit": ([part, happened(completed("limit"))], "RUN_ERROR", None),
        "waits": ([part, happened(WANTED, WAITS, completed())], "RUN_FINISHED", "interrupt"),
        "left": ([part], "RUN_ERROR", None),
    }
    for name, (frames, kind, outcome) in ends.items():
        done = await read(client, told(RunStory(opening()), frames), name)
        last = done["events"][-1]
        assert done["error"] is None, (name, done)
        assert (last["type"], last.get("outcome", {}).get("type")) == (kind, outcome), name
        assert texts(done) == "So far.", name
    done = await read(client, told(RunStory(opening()), ends["completed"][0]), "usage")
    [usage] = done["events"][-1]["usage"]
    assert usage == {
        "inputTokens": 7, "outputTokens": 3, "totalTokens": 10, "cachedInputTokens": 2,
        "model": "small",
    }  # fmt: skip


@pytest.mark.asyncio
async def test_text_that_an_attempt_writes_anew_replaces_what_was_told(
    client: AguiClient,
) -> None:
    frames = [
        happened(STARTED, THOUGHT),
        delta("Once "),
        happened(CALLED, RETURNED, first=3),
        delta("upon a", offset=5),
        happened(("run_resumed", {"attempt": 2, "reason": "crash"}), first=5),
        delta("a late piece", offset=11),
        delta("above", offset=5, attempt=2),
        delta(" of an older attempt", offset=10, attempt=1),
        happened(written("Once above."), completed(), first=6),
    ]
    history = ({"id": "old", "role": "reasoning", "content": "Before."}, QUESTION)

    done = await read(client, told(RunStory(opening(history)), frames), "a", messages=history)

    assert done["error"] is None
    assert texts(done) == "Once above."
    thoughts = [m["content"] for m in done["messages"] if m["role"] == "reasoning"]
    assert thoughts == ["Before.", "Let me see."]
    assert [m["content"] for m in done["messages"] if m["role"] == "tool"] == ['{"n":1}']


@pytest.mark.asyncio
async def test_what_is_retold_replaces_what_the_client_had_of_it(client: AguiClient) -> None:
    frames = [happened(STARTED, THOUGHT, CALLED, RETURNED, WANTED, WAITS), delta("So far.")]
    begun = RunStory(opening())
    begun.waits_with("So far.")
    first = await read(client, told(begun, frames), "a", messages=[QUESTION])
    kept = [m for m in first["messages"] if m["role"] in ("user", "reasoning")]
    story = RunStory(opening(kept, is_retold=True, decided=frozenset({"c2"})))
    denied = ("approval_resolved", {"call_id": "c2", "decision": "deny"})
    rest = [delta("So far."), happened(denied, written("So far. No."), completed(), first=7)]
    answers = [{"interruptId": f"{RUN}:c2", "status": "cancelled"}]

    done = await read(client, told(story, [*frames, *rest]), "a", parameters={"resume": answers})

    assert (first["error"], done["error"], done["interrupts"]) == (None, None, [])
    assert texts(first) == "So far."
    assert texts(done) == "So far. No."
    assert sum(m["role"] == "reasoning" for m in done["messages"]) == 1


@pytest.mark.asyncio
async def test_a_snapshot_tells_the_run_where_its_events_are_too_many(client: AguiClient) -> None:
    calls = [
        {**CALLED[1], "status": "ok", "elapsed_ms": 1, "result": 1},
        {**CALLED[1], "call_id": "c2", "status": "waiting", "elapsed_ms": None},
    ]
    view = {"run_id": RUN, "role": "assistant", "thinking": "Hm.", "usage": USAGE, "model": "m"}
    ended = {**view, "status": "completed", "text": "All.", "tool_calls": calls[:1]}
    other = {**view, "run_id": "run_1_other", "status": "completed", "text": "Not this."}
    active = {"run_id": RUN, "status": "waiting", "thinking": "", "tool_calls": calls}
    of_it = {"type": "snapshot", "messages": [other], "queued_runs": []}
    stands: dict[str, tuple[dict[str, Any], str]] = {
        "ended": ({"messages": [other, ended]}, "RUN_FINISHED"),
        "waits": ({"active_run": active}, "RUN_FINISHED"),
        "queued": ({"queued_runs": [{"run_id": RUN}]}, "RUN_ERROR"),
        "gone": ({}, "RUN_ERROR"),
    }
    for name, (part, kind) in stands.items():
        frames = [encoded(of_it | part)]
        done = await read(client, told(RunStory(opening()), frames), name)
        assert (done["error"], done["events"][-1]["type"]) == (None, kind), name
        assert texts(done) == ("All." if name == "ended" else ""), name


@pytest.fixture
def payer_client(user: User) -> Client:
    return program(token_of(pays(user)))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"messages": [{"id": "a", "role": "assistant", "content": "Hi."}]}, "invalid_request"),
        ({"messages": [QUESTION | {"content": [{"type": "image"}]}]}, "invalid_request"),
        ({"messages": [QUESTION | {"content": ""}]}, "invalid_request"),
        ({"messages": [QUESTION | {"content": [{"text": "\ud800"}]}]}, "bad_request"),
        ({"messages": [QUESTION | {"id": "msg_1_nobody"}]}, "not_found"),
        ({"threadId": ""}, "invalid_request"),
        ({"forwardedProps": {"netra": {"model": "model_1_none"}}}, "model_not_found"),
        ({"forwardedProps": {"netra": {"files": ["file_1_none"]}}}, "file_not_found"),
        ({"resume": [{"interruptId": "c1", "status": "cancelled"}]}, "not_found"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_stores_nothing(
    payer_client: Client, change: dict[str, Any], code: str
) -> None:
    body = {"threadId": "t", "runId": "r", "messages": [QUESTION]} | change

    answer = payer_client.post("/api/agui/run", body, content_type="application/json")

    assert (answer.status_code // 100, answer.json()["code"]) == (4, code)
    assert Thread.objects.count() == 0


@pytest.mark.django_db
def test_a_thread_is_known_by_its_name_to_its_user_alone_and_until_it_is_deleted(
    payer_client: Client, make_user: Callable[[], User]
) -> None:
    other = program(token_of(pays(make_user())))

    def asked(client: Client, message_id: str, text: str = "hello") -> tuple[int, str]:
        question = QUESTION | {"id": message_id, "content": text}
        body = {"threadId": "mine", "runId": "r", "messages": [question]}
        answer = client.post("/api/agui/run", body, content_type="application/json")
        return answer.status_code, "" if answer.streaming else answer.json()["code"]

    assert asked(payer_client, "a") == asked(payer_client, "a") == asked(payer_client, "b")
    assert asked(other, "a") == (200, "")
    assert Thread.objects.filter(external_id="mine").count() == 2
    assert Message.objects.count() == 3
    assert asked(payer_client, "a", "another text") == (409, "client_id_reused")
    Thread.objects.update(purge_at=timezone.now())
    assert asked(payer_client, "c") == (404, "not_found")
