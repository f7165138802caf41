"""Who may open a socket, and what it is told first."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from conformance.checks import Skipped, check, expect, expect_equal
from conformance.subject import (
    COME_BACK_LATER,
    PLACE_ASKED_EVERY_S,
    TOO_MANY_CONNECTIONS,
    WITHIN_S,
    Subject,
    answer_to,
    close_code,
)
from netra.client import ChatConnection, Closed, sign_in

# More than that are not opened to see where they end.
CONNECTIONS_MAX: Final = 50
SIGNED_OUT_WITHIN_S: Final = 2.0


@check("The client offers the subprotocol `netra.v1`, and the server agrees to it.")
async def subprotocol(subject: Subject) -> None:
    async with subject.ready() as socket:
        expect_equal(socket.subprotocol, "netra.v1")


@check("A socket that does not offer `netra.v1` is accepted and closed with 4500.")
async def no_subprotocol(subject: Subject) -> None:
    for offered in ("", "netra.v0"):
        opened = ChatConnection.open(
            subject.url, cookie=await subject.cookie(), subprotocol=offered
        )
        async with opened as socket:
            expect_equal(await close_code(socket), 4500)


@check("An `Origin` that is not exactly the server's own is closed with 4503.")
async def foreign_origin(subject: Subject) -> None:
    for origin in ("http://evil.example", "null", ""):
        opened = ChatConnection.open(subject.url, cookie=await subject.cookie(), origin=origin)
        async with opened as socket:
            expect_equal(await close_code(socket), 4503)


@check("A socket without a living session is closed with 4501.")
async def not_signed_in(subject: Subject) -> None:
    for cookie in ("", "sessionid=nonsense"):
        async with ChatConnection.open(subject.url, cookie=cookie) as socket:
            expect_equal(await close_code(socket), 4501)
            told = [frame["type"] for frame in socket.received]
            expect(set(told) <= {"welcome"}, f"a stranger was told {told}")


@check("A user who has as many connections as `concurrent_connections` allows gets 4529.")
async def too_many_connections(subject: Subject) -> None:
    async with AsyncExitStack() as places:
        ready = (await places.enter_async_context(subject.ready())).received[-1]
        limit = ready["entitlements"]["limits"]["concurrent_connections"]
        if limit is None or limit > CONNECTIONS_MAX:
            raise Skipped(f"this user may have {limit or 'any number of'} connections")
        held, code = 1, COME_BACK_LATER
        while held <= limit and code in (0, COME_BACK_LATER):
            opened = ChatConnection.open(subject.url, cookie=await subject.cookie())
            socket = await places.enter_async_context(opened)
            code = await _refused_with(socket)
            if code == COME_BACK_LATER:
                # Some that were closed just now may be counted still.
                await asyncio.sleep(PLACE_ASKED_EVERY_S)
            held += code == 0
        expect_equal(code, TOO_MANY_CONNECTIONS)


async def _refused_with(socket: ChatConnection) -> int:
    """The code that a new connection is closed with; 0 for one that becomes ready."""
    try:
        await socket.until("ready", within_s=WITHIN_S)
    except Closed as closed:
        return closed.code
    return 0


@check("Signing out closes the open sockets of that session within 2 s: 4501.")
async def signed_out(subject: Subject) -> None:
    person = subject.person
    cookie = await asyncio.to_thread(
        sign_in, subject.url, email=person.email, password=person.password
    )
    async with (
        subject.ready() as other,
        ChatConnection.open(subject.url, cookie=cookie) as socket,
    ):
        await socket.until("ready", within_s=WITHIN_S)
        await asyncio.to_thread(subject.sign_out, cookie)
        async with asyncio.timeout(SIGNED_OUT_WITHIN_S):
            expect_equal(await close_code(socket), 4501)
        # Another session of the same user goes on.
        await other.put(type="ping")
        await other.until("pong")


@check("`welcome` comes first and holds nothing personal; `ready` comes once, after it.")
async def welcome_then_ready(subject: Subject) -> None:
    async with subject.ready() as socket:
        welcome, ready = socket.received[0], socket.received[-1]
        expect_equal([frame["type"] for frame in socket.received], ["welcome", "ready"])
        expect_equal(set(welcome), {"type", "connection_id", "limits", "heartbeat_s"})
        expect(welcome["limits"]["frame"] >= 65_536, welcome["limits"])
        expect(welcome["limits"]["text"] >= 10_000, welcome["limits"])
        expect_equal(ready["user"]["email"], subject.person.email)
        expect_equal(set(ready["services"]), {"database", "bus", "runs"})
        wanted = {"user", "entitlements", "limits", "services", "active_runs"}
        expect(wanted <= set(ready), f"`ready` has {sorted(ready)}")


@check("Frames sent before `ready` are kept and answered after it, in order.")
async def early_frames(subject: Subject) -> None:
    # Beside it another connection proves that there is a place.
    async with subject.ready():
        opened = ChatConnection.open(subject.url, cookie=await subject.cookie())
        async with opened as socket:
            early = [await socket.stop("run_1_abcdef") for _number in range(5)]
            await answer_to(socket, early[-1])
            told = [frame["type"] for frame in socket.received]
            expect(told.index("ready") < told.index("error"), f"the order was {told}")
            answered = [frame["client_id"] for frame in socket.received if "client_id" in frame]
            expect_equal(answered, early)
