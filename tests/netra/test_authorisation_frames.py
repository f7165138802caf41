"""Every frame of `netra.v1` by everybody who may open a socket, over WebSocket and over HTTP."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final, get_args

import msgspec
import pytest
from django.conf import settings
from django.test import AsyncClient
from django.utils import timezone

from accounts.models import TokenScope, User
from chat.database import in_database
from chat.models import Message
from chat.protocol.codes import CloseCode
from chat.protocol.frames import AnyClientFrame
from tests.chat.api_people import token_of
from tests.chat.sockets import Socket, session_of, web_process
from tests.netra.knocking import Scene, browser_of, person, scene, token_without_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

# Who gets no further than the welcome, and with which code.
SHOWN_OUT: Final[Mapping[str, CloseCode]] = {
    "nobody": CloseCode.NOT_SIGNED_IN,
    "suspended": CloseCode.SUSPENDED,
    "unpaid": CloseCode.FORBIDDEN,
}
# `late` has not verified an address in time. The writer comes last: what it may, it does.
ROLES: Final = ("other", "late", "reader", "looking", "owner", "writer")
_GONE, _ONLY_READS, _TAKEN = "not_found", "read_only", "ack"
_MAY_WRITE: Final = (_GONE, _GONE, _ONLY_READS, _ONLY_READS, _TAKEN, _TAKEN)
# The snapshot follows in its own time.
_MAY_READ: Final = (_GONE, _GONE, "", "", "", "")
_SILENCE: Final = ("",) * 6
# What each is answered about what is the owner's.
ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "subscribe": _MAY_READ,
    "typing": (_GONE, _GONE, _ONLY_READS, _ONLY_READS, "", ""),
    "seen": _SILENCE,
    "ping": ("pong",) * 6,
    "send": (_GONE, "verify_email", _ONLY_READS, _ONLY_READS, _TAKEN, _TAKEN),
    "edit": _MAY_WRITE,
    "regenerate": _MAY_WRITE,
    "switch": _MAY_WRITE,
    "approve": (_GONE, _GONE, _ONLY_READS, _ONLY_READS, _GONE, _GONE),  # nothing waits
    "advance": _MAY_WRITE,
    "stop": _MAY_WRITE,
    "unsubscribe": _SILENCE,
}
# Of Django's own client.
ORIGIN: Final = {"origin": "http://testserver"}
BARRIER: Final = {"type": "stop", "client_id": "barrier", "run_id": "run_1_nobody"}


def frames(ids: Mapping[str, str], role: str) -> list[dict[str, Any]]:
    thread, run, question = (
        {"thread_id": ids["thread_id"]},
        {"run_id": ids["run_id"]},
        {"message_id": ids["message_id"]},
    )
    named: dict[str, dict[str, Any]] = {
        "subscribe": thread,
        "typing": thread,
        "seen": {"heads": {ids["thread_id"]: 1}, "bytes": 1},
        "ping": {},
        "send": {"client_id": f"{role}-1", "text": "hello"} | thread,
        "edit": {"client_id": f"{role}-2", "text": "other words"} | question,
        "regenerate": {"client_id": f"{role}-3"} | run,
        "switch": {"client_id": f"{role}-4"} | run,
        "approve": {"client_id": f"{role}-5", "call_id": "call-1", "decision": "approve"} | run,
        "advance": {"client_id": f"{role}-7"} | run,
        "stop": {"client_id": f"{role}-6"} | run,
        "unsubscribe": thread,
    }
    return [{"type": kind, **fields} for kind, fields in named.items()]


def headers_of(role: str, world: Scene) -> dict[str, str]:
    """What makes a socket of that role: the cookie of a session, or a token."""
    match role:
        case "nobody":
            return {}
        case "reader":
            return {"authorization": f"Bearer {token_of(world.owner, TokenScope.READ)}"}
        case "writer":
            return {"authorization": f"Bearer {token_of(world.owner)}"}
        case "unpaid":
            return {"authorization": f"Bearer {token_without_plan()}"}
        case "late":
            late = person("late", is_verified=False)
            joined = timezone.now() - timedelta(days=8)
            User.objects.filter(pk=late.pk).update(date_joined=joined)
            return {"cookie": cookie(session_of(late))}
    return {"cookie": cookie(browser_of(role, world).cookies[settings.SESSION_COOKIE_NAME].value)}


def cookie(session_key: str) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={session_key}"


async def answer(socket: Socket, frame: dict[str, Any]) -> str:
    """The first thing that comes before what is answered to a frame after it."""
    await socket.send(**frame)
    await socket.send(**BARRIER)
    heard = ""
    while True:
        output = msgspec.json.decode((await socket.output())["text"])
        if output.get("client_id") == "barrier":
            return heard
        if not heard and output["type"] in ("ack", "error", "pong"):
            heard = output.get("code") or output["type"]


def texts() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


async def test_each_frame_is_answered_to_whom_it_is_for() -> None:
    assert {kind.__struct_config__.tag for kind in get_args(AnyClientFrame)} == set(ANSWERS)
    world = await in_database(scene)
    found: dict[tuple[str, str], str] = {}
    async with web_process():
        for role in ROLES:
            before = await in_database(texts)
            socket = Socket("", headers=await in_database(headers_of, role, world))
            await socket.open()
            await socket.frame("ready")
            for frame in frames(world.ids, role):
                found[frame["type"], role] = await answer(socket, frame)
            await socket.leave()
            assert (await in_database(texts) == before) == (role not in ("owner", "writer"))
    assert found == {
        (kind, role): told
        for kind, row in ANSWERS.items()
        for role, told in zip(ROLES, row, strict=True)
    }


async def messages(headers: dict[str, str]) -> AsyncGenerator[dict[str, Any]]:
    """What comes over the event stream of a socket over HTTP."""
    response: Any = await AsyncClient().post("/api/socket/", headers=ORIGIN | headers)
    async for piece in response:
        for line in piece.decode().splitlines():
            if line.startswith("data: "):
                yield msgspec.json.decode(line.removeprefix("data: "))


async def post_frames(at: str, frames: str, headers: dict[str, str]) -> int:
    response = await AsyncClient().post(
        at, frames, content_type="text/plain", headers=ORIGIN | headers
    )
    status: int = response.status_code
    return status


async def test_who_may_not_come_in_is_told_why_over_either_road() -> None:
    world = await in_database(scene)
    async with web_process():
        for role, code in SHOWN_OUT.items():
            headers = await in_database(headers_of, role, world)
            socket = Socket("", headers=headers)
            await socket.open()
            assert (role, await socket.close_code()) == (role, code)
            await socket.leave()
            told = [message async for message in messages(headers)]
            assert (role, told[-1]["code"]) == (role, code)


async def test_a_connection_over_http_takes_frames_from_who_opened_it_alone() -> None:
    world = await in_database(scene)
    frame = msgspec.json.encode(frames(world.ids, "owner")[4], enc_hook=str).decode()
    strangers: dict[str, dict[str, str]] = {
        role: await in_database(headers_of, role, world) for role in ("nobody", "other", "reader")
    }
    async with web_process():
        before = await in_database(texts)
        for opener in ("owner", "writer"):
            own = await in_database(headers_of, opener, world)
            async with aclosing(messages(own)) as stream:
                at = f"/api/socket/{(await anext(stream))['connection_id']}/"
                for role, theirs in strangers.items():
                    assert (role, await post_frames(at, frame, theirs)) == (role, 410)
                assert await post_frames(at, '{"type":"ping"}', own) == 204
                while (await anext(stream))["type"] != "pong":
                    pass
        assert await in_database(texts) == before
