"""The AG-UI endpoint, through the client that its makers publish and verify streams with."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from django.utils import timezone

from accounts import own_tokens
from accounts.models import ApiToken
from billing.models import UsageCounter
from billing.services import override_feature
from chat.database import in_database
from chat.models import Message, Run, Thread
from netra.client import ChatClient
from tests.chat.api_people import pays, token_of
from tests.fakes.agui_client import AguiClient, agui_client
from tests.journeys.conftest import Person
from tests.servers import Servers, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AguiClient]:
    async with agui_client() as running:
        yield running


@pytest_asyncio.fixture
async def door(shared: Servers, visitor: Person) -> dict[str, Any]:
    def token() -> str:
        return token_of(pays(visitor.user))

    return {"url": f"{shared.base_url}/api/agui/run", "token": await in_database(token)}


def said(text: str) -> dict[str, Any]:
    return {"id": str(uuid4()), "role": "user", "content": text}


def kinds(done: dict[str, Any]) -> list[str]:
    return [event["type"] for event in done["events"]]


def text_of(done: dict[str, Any], role: str = "assistant") -> str:
    return "".join(one.get("content", "") for one in done["messages"] if one["role"] == role)


def run_of(event: dict[str, Any]) -> str:
    run_id: str = event["value"]["run_id"]
    return run_id


async def asked(
    door: dict[str, Any], method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An answer of the API beside AG-UI."""
    request = urllib.request.Request(
        door["url"].replace("/agui/run", path),
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {door['token']}", "Content-Type": "application/json"},
    )

    def read() -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=10) as answer:
            told: dict[str, Any] = json.loads(answer.read())
            return told

    return await asyncio.to_thread(read)


async def test_an_answer_with_a_tool_comes_once_however_often_it_is_asked_for(
    client: AguiClient, door: dict[str, Any], visitor: Person
) -> None:
    place = {**door, "threadId": str(uuid4())}
    offered = {"tools": [{"name": "paint", "description": "Paints.", "parameters": {}}]}
    first = await client.run("a", **place, add=said("What is 18.5% of 12,480?"), parameters=offered)
    again = await client.run("a", **place)
    next_one = await client.run("a", **place, add=said("hello"))
    alone = await client.run("b", **place, messages=[said("hello again")])

    for done in (first, again, next_one, alone):
        assert done["error"] is None
        assert (kinds(done)[0], kinds(done)[-1]) == ("RUN_STARTED", "RUN_FINISHED"), done["events"]
        assert done["events"][-1]["outcome"] == {"type": "success"}
    assert "308.8" in text_of(first)
    assert {"TOOL_CALL_RESULT", "REASONING_MESSAGE_CONTENT"} <= set(kinds(first))
    [unused] = [one for one in first["events"] if one.get("name") == "netra.unused"]
    assert "not called" in unused["value"][0]
    by_id = {one["id"]: one for one in first["messages"]}
    assert {one["id"]: one for one in again["messages"]} == by_id
    assert len(again["messages"]) == len(by_id)
    [thread] = await in_database(list, Thread.objects.filter(user=visitor.user))
    assert thread.external_id == place["threadId"]
    written = Message.objects.filter(thread=thread, role="user").order_by("pk")
    texts = await in_database(list, written.values_list("text", flat=True))
    assert texts == ["What is 18.5% of 12,480?", "hello", "hello again"]


async def test_an_approval_is_an_interrupt_that_any_device_sees_and_one_answers(
    client: AguiClient, door: dict[str, Any]
) -> None:
    question, place = said("/demo"), {**door, "threadId": str(uuid4())}
    waits = await client.run("phone", **place, add=question)
    [interrupt] = waits["interrupts"]
    laptop = await client.run("laptop", **place, messages=[question])
    assert [one["id"] for one in laptop["interrupts"]] == [interrupt["id"]]
    assert text_of(laptop) == text_of(waits)
    assert laptop["events"][-1]["outcome"]["type"] == "interrupt"

    yes = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}
    no = {"interruptId": interrupt["id"], "status": "cancelled"}
    done = await client.run("phone", **place, parameters={"resume": [yes]})
    late = await client.run("laptop", **place, parameters={"resume": [no]})

    assert (done["error"], done["interrupts"]) == (None, [])
    assert late["error"]["status"] == 409
    results = [one["toolCallId"] for one in done["messages"] if one["role"] == "tool"]
    assert interrupt["toolCallId"] in results
    assert len(results) == len(set(results)) == 4
    assert "You **approved** the report" in text_of(done)
    [run] = [one for one in done["events"] if one.get("name") == "netra.run"]
    stored = await asked(door, "GET", f"/runs/{run_of(run)}")
    assert text_of(done) == stored["text"]
    ids = [one["id"] for one in done["messages"]]
    assert len(ids) == len(set(ids))


async def test_who_leaves_stops_nothing_and_who_stops_is_told(
    client: AguiClient, door: dict[str, Any], visitor: Person
) -> None:
    place = {**door, "threadId": str(uuid4())}
    waits = await client.run("a", **place, add=said("/demo"))
    [started] = [one for one in waits["events"] if one.get("name") == "netra.run"]
    left, stopped = said("What is 6 * 7?"), said("hello")

    await client.run("b", **place, messages=[left], leaveAt="netra.run_queued")
    await client.begin("c", **place, messages=[stopped])
    mine = run_of(await client.event("netra.run"))
    await client.event("netra.run_queued")
    await asked(door, "POST", f"/runs/{mine}/stop")
    done = await client.done()
    await asked(door, "POST", f"/runs/{run_of(started)}/stop")
    rest = await client.run("d", **place, messages=[left])

    assert done["events"][-1]["outcome"] == {"type": "cancelled"}
    assert (rest["error"], rest["events"][-1]["outcome"]) == (None, {"type": "success"})
    assert "42" in text_of(rest)
    assert await in_database(Run.objects.filter(user=visitor.user).count) == 3


async def test_what_is_refused_is_refused_as_elsewhere(
    client: AguiClient, door: dict[str, Any], other_visitor: Person
) -> None:
    def of_another() -> tuple[str, str]:
        thread = Thread.objects.create(user=other_visitor.user)
        spent = token_of(pays(other_visitor.user))
        override_feature(
            user=other_visitor.user,
            feature="messages_minute",
            value=0,
            starts_at=timezone.now(),
            ends_at=None,
            reason="test",
            actor=None,
        )
        return thread.public_id, spent

    foreign, spent = await in_database(of_another)
    somewhere = str(uuid4())
    wrong = {
        "token": (door | {"token": "nt_" + "a" * 43, "threadId": somewhere}, 401),
        "limit": (door | {"token": spent, "threadId": somewhere}, 429),
        "thread": (door | {"threadId": foreign}, 404),
        "empty": (door | {"threadId": somewhere, "messages": []}, 422),
    }
    for name, (place, status) in wrong.items():
        done = await client.run(name, **{"messages": [said("hello")], **place})
        assert (done["error"]["status"], done["events"]) == (status, []), name


async def test_messages_are_one_count_whichever_way_they_come(
    client: AguiClient, door: dict[str, Any], shared: Servers, visitor: Person
) -> None:
    async with ChatClient(shared.base_url, token=door["token"]) as socket:
        await socket.send("What is 1 + 1?", client_id="by-socket")
    call = {"client_id": "by-call", "text": "What is 1 + 2?"}
    told = [await asked(door, "POST", "/messages", call) for _ in range(2)]
    assert [one["duplicate"] for one in told] == [False, True]
    place = {**door, "threadId": str(uuid4()), "messages": [said("What is 1 + 3?")]}
    for done in (await client.run("a", **place), await client.run("b", **place)):
        assert (done["error"], kinds(done)[-1]) == (None, "RUN_FINISHED")

    runs = Run.objects.filter(user=visitor.user)
    await in_database(lambda: wait_until(lambda: not runs.filter(ended_at=None).exists()))
    counted = UsageCounter.objects.filter(user=visitor.user)

    def count(feature: str) -> int:
        # A minute, or a month, may end in the middle.
        return sum(counted.filter(feature=feature).values_list("used", flat=True))

    counts = {name: await in_database(count, name) for name in ("messages_minute", "runs_month")}
    assert counts == {"messages_minute": 3, "runs_month": 3}


async def test_a_token_that_is_revoked_ends_the_stream_with_an_error(
    client: AguiClient, door: dict[str, Any], visitor: Person
) -> None:
    place = {**door, "threadId": str(uuid4())}
    await client.run("a", **place, add=said("/demo"))
    await client.begin("b", **place, messages=[said("hello")])
    await client.event("netra.run_queued")
    token = await in_database(ApiToken.objects.get, user=visitor.user)

    await in_database(own_tokens.revoke_token, user=visitor.user, number=token.pk)
    done = await client.done()

    assert (kinds(done)[-1], done["events"][-1]["code"]) == ("RUN_ERROR", "access_ended")
