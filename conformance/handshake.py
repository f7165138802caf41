"""Who may open a socket, and what it is told first."""

from conformance.checks import check, expect, expect_equal
from conformance.subject import Subject, answer_to, close_code
from netra.client import ChatConnection


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
