"""What RFC 6455 leaves to the careless: each is answered as it says, and the process serves on."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from chat.database import in_database
from chat.protocol.codes import CloseCode
from chat.protocol.frames import FRAME_BYTES_MAX, SUBPROTOCOL
from netra.http import HEAD_BYTES_MAX, HEAD_WITHIN_S
from netra.management.commands.web import PING_ANSWERED_WITHIN_S, PING_EVERY_S
from netra.websocket import FRAMES_PER_MESSAGE_MAX
from tests.chat.api_people import pays
from tests.fakes.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawSocket,
    frame,
    raw_socket,
)
from tests.journeys.conftest import Person
from tests.servers import Servers
from tools import node

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

ASK: Final = b'{"type":"ping"}'
ANSWER: Final = b'{"type":"pong"'
NO_UTF8: Final = b"\xc3\x28"
MESSAGE_BYTES_MAX: Final = 1024 * 1024
WS_CLIENT: Final = Path(__file__).resolve().parents[1] / "fakes" / "ws_client.mjs"
BROKEN: Final = (1002, 1007, 1009)
ODD_LENGTH: Final = "a length that is longer than it must be"
Parts = Sequence[bytes]


def pieces(payload: bytes, *sizes: int) -> list[bytes]:
    """A text in several frames of these sizes; the rest is in the last one."""
    cuts = [sum(sizes[:number]) for number in range(len(sizes) + 1)]
    parts = [payload[a:b] for a, b in zip(cuts, [*cuts[1:], None], strict=True)]
    return [
        frame(CONTINUATION if number else TEXT, part, is_last=number == len(sizes))
        for number, part in enumerate(parts)
    ]


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason)


# What is well formed, however oddly: it is answered.
TAKEN: Final[Mapping[str, Parts]] = {
    "two fragments": pieces(ASK, 5),
    "a frame for each byte": pieces(ASK, *[1] * len(ASK)),
    "empty fragments": pieces(ASK, 0, 0, 5, 0),
    "a byte at a time": [bytes([one]) for one in frame(TEXT, ASK)],
    ODD_LENGTH: [b"\x81\xfe\x00\x0f" + bytes(4) + ASK],
    "a pong that nobody asked for": [frame(PONG, b"?"), frame(TEXT, ASK)],
    "a ping between fragments": [pieces(ASK, 5)[0], frame(PING, b"x" * 125), pieces(ASK, 5)[1]],
    "all in one packet": [b"".join([frame(PING), *pieces(ASK, 3, 3)])],
}
# What the protocol takes and ours does not: an error frame, and the connection stays.
REFUSED: Final[Mapping[str, tuple[bytes, str]]] = {
    "binary": (frame(BINARY, ASK), "invalid_frame"),
    "an empty text": (frame(TEXT), "invalid_json"),
    "a large text": (frame(TEXT, b"x" * (FRAME_BYTES_MAX + 1)), "frame_too_large"),
    "the largest text": (frame(TEXT, b"x" * MESSAGE_BYTES_MAX), "frame_too_large"),
}
# What the protocol forbids, and the close code that says so.
CLOSED: Final[Mapping[str, tuple[Parts, int]]] = {
    "no UTF-8": ([frame(TEXT, NO_UTF8)], 1007),
    "no UTF-8, cut in two": (pieces(NO_UTF8, 1), 1007),
    "half a surrogate pair": ([frame(TEXT, b"\xed\xa0\x80")], 1007),
    "a character that is cut off": ([frame(TEXT, b"\xf0\x9f")], 1007),
    "no mask": ([frame(TEXT, ASK, is_masked=False)], 1002),
    **{f"reserved bit {bit}": ([frame(TEXT, ASK, reserved=bit)], 1002) for bit in (1, 2, 4)},
    **{f"opcode {code:#x}": ([frame(code)], 1002) for code in (3, 7, 0xB, 0xF)},
    "nothing to continue": ([frame(CONTINUATION, ASK)], 1002),
    "a text within a text": ([pieces(ASK, 5)[0], frame(TEXT, ASK)], 1002),
    "a ping that is too long": ([frame(PING, b"x" * 126)], 1002),
    "a ping in fragments": ([frame(PING, b"x", is_last=False)], 1002),
    "a close that is too long": ([close(1000, b"x" * 124)], 1002),
    "half a close code": ([frame(CLOSE, b"\x03")], 1002),
    **{f"close code {code}": ([close(code)], 1002) for code in (0, 999, 1005, 1006, 5000)},
    "a reason that is no UTF-8": ([close(1000, NO_UTF8)], 1007),
    "something else than WebSocket": ([b"GET / HTTP/1.1\r\n\r\n"], 1002),
    "a message over the limit": ([frame(TEXT, b"x" * (MESSAGE_BYTES_MAX + 1))], 1009),
    "one over the limit in parts": (pieces(b"x" * (MESSAGE_BYTES_MAX + 1), 1 << 19, 1 << 19), 1009),
    "a length that nobody could send": ([frame(TEXT, length=1 << 62)], 1009),
    # Good-bye is answered with the same.
    **{f"a good-bye of {code}": ([close(code)], code) for code in (1000, 1001, 3000, 4999)},
    "a good-bye without a code": ([frame(CLOSE)], 0),
    "more after good-bye": ([close(1000), frame(TEXT, ASK)], 1000),
}
ENDLESS: Final = [
    frame(TEXT, is_last=False),
    frame(CONTINUATION, is_last=False) * (FRAMES_PER_MESSAGE_MAX + 1),
]

# Headers of the handshake, with what it is answered, and the close code where it is taken.
HANDSHAKES: Final[Mapping[str, tuple[dict[str, str], int, int | None]]] = {
    "no subprotocol": ({"Sec-WebSocket-Protocol": ""}, 101, CloseCode.PROTOCOL_ERROR),
    "another one": ({"Sec-WebSocket-Protocol": "netra.v2"}, 101, CloseCode.PROTOCOL_ERROR),
    "a foreign page": ({"Origin": "http://evil.example"}, 101, CloseCode.FORBIDDEN),
    "a foreign host": ({"Host": "evil.example"}, 101, CloseCode.FORBIDDEN),
    "no session": ({"Cookie": ""}, 101, CloseCode.NOT_SIGNED_IN),
    "ours among others": ({"Sec-WebSocket-Protocol": f"x, {SUBPROTOCOL}"}, 101, None),
    "compression": ({"Sec-WebSocket-Extensions": "permessage-deflate"}, 101, None),
    "odd compression": (
        {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99"}, 101, None,
    ),
    "no key": ({"Sec-WebSocket-Key": ""}, 400, None),
    "a key that is none": ({"Sec-WebSocket-Key": "abc"}, 400, None),
    "an old version": ({"Sec-WebSocket-Version": "12"}, 400, None),
    "no version": ({"Sec-WebSocket-Version": ""}, 400, None),
    "no upgrade": ({"Connection": "close"}, 404, None),
    "a line that is too long": ({"X-Long": "x" * 9000}, 431, None),
    "a head that is too long": ({f"X-{n}": "x" * 8000 for n in range(90)}, 431, None),
    "too many lines": ({f"X-{n}": "x" for n in range(200)}, 431, None),
}  # fmt: skip


@pytest_asyncio.fixture
async def payer(visitor: Person) -> Person:
    """Somebody with room for more than three connections at once."""
    await in_database(pays, visitor.user)
    return visitor


async def ready(socket: RawSocket) -> None:
    await socket.until(TEXT, b'{"type":"ready"')


async def write(socket: RawSocket, parts: Parts) -> None:
    for part in parts:
        socket.write(part)
        # A packet for each, as far as that is ours to say.
        await asyncio.sleep(0)


async def assert_serves(servers: Servers, cookie: str) -> None:
    """The same process takes a new client, who notices nothing."""
    async with raw_socket(servers.port, cookie) as socket:
        await ready(socket)
        socket.write(frame(TEXT, ASK))
        await socket.until(TEXT, ANSWER)


async def assert_edges(servers: Servers, cookie: str, *, is_daphne: bool = False) -> None:
    """daphne drops whoever breaks a rule without a word, and says 1000 to every good-bye."""
    async with raw_socket(servers.port, cookie) as socket:
        await ready(socket)
        for name, parts in TAKEN.items():
            if is_daphne and name == ODD_LENGTH:
                continue
            await write(socket, parts)
            assert (name, (await socket.until(TEXT, ANSWER))[:14]) == (name, ANSWER)
        assert (PONG, b"x" * 125) in socket.frames
        for name, (part, problem) in REFUSED.items():
            await write(socket, [part])
            told = await socket.until(TEXT, b'{"type":"error"')
            assert (name, problem.encode() in told) == (name, True)
    for name, (parts, code) in CLOSED.items():
        async with raw_socket(servers.port, cookie) as socket:
            await ready(socket)
            await write(socket, parts)
            of_daphne = None if code in BROKEN else 1000
            wanted = of_daphne if is_daphne else code
            assert (name, await socket.close_code()) == (name, wanted)
            assert (name, await socket.next()) == (name, None)
    await assert_serves(servers, cookie)


async def test_each_edge_of_the_protocol_is_answered(shared: Servers, payer: Person) -> None:
    await assert_edges(shared, payer.cookie(shared))


@pytest.mark.chaos
async def test_each_edge_is_answered_by_either_server(either: Servers, payer: Person) -> None:
    is_daphne = either.environment.get("NETRA_SERVER") == "daphne"
    await assert_edges(either, payer.cookie(either), is_daphne=is_daphne)


@pytest.mark.chaos
async def test_who_sends_a_head_byte_by_byte_is_cut_off_in_time(shared: Servers) -> None:
    began = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
    for number in range(2000):
        writer.write(b"GET / HTTP/1.1\r\nX: "[number : number + 1] or b"x")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
                break
    assert abs(asyncio.get_running_loop().time() - began - HEAD_WITHIN_S) < 5
    writer.transport.abort()


async def test_a_handshake_is_taken_or_refused_in_words(shared: Servers, payer: Person) -> None:
    cookie = payer.cookie(shared)
    for name, (changes, status, code) in HANDSHAKES.items():
        async with raw_socket(shared.port, cookie, changes) as socket:
            line = socket.head.partition("\r\n")[0]
            assert (name, line.split()[1]) == (name, str(status))
            assert "permessage-deflate" not in socket.head
            if code is not None:
                assert (name, await socket.close_code()) == (name, code)
    async with raw_socket(shared.port, cookie, path="/ws/nothing/") as socket:
        assert " 403 " in socket.head.partition("\r\n")[0]
    await assert_serves(shared, cookie)


async def test_what_has_no_end_is_ended(shared: Servers, payer: Person) -> None:
    cookie = payer.cookie(shared)
    async with raw_socket(shared.port, cookie) as socket:
        await ready(socket)
        await write(socket, ENDLESS)
        assert await socket.close_code() == 1009
    reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
    writer.write(b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * (HEAD_BYTES_MAX * 8))
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    writer.transport.abort()
    await assert_serves(shared, cookie)


async def test_half_open_and_vanished_clients_hold_nothing_up(
    shared: Servers, payer: Person
) -> None:
    cookie = payer.cookie(shared)
    # As many as there are places, and more.
    for _ in range(3):
        async with raw_socket(shared.port, cookie) as cut, raw_socket(shared.port, cookie) as half:
            await ready(cut)
            await ready(half)
            cut.write(frame(TEXT, ASK)[:3])
            half.write(pieces(ASK, 5)[0])
            half.writer.write_eof()
    await assert_serves(shared, cookie)


@pytest.mark.chaos
async def test_the_client_of_ws_is_told_the_same(shared: Servers, payer: Person) -> None:
    await asyncio.to_thread(node.install_packages)
    url = f"ws://127.0.0.1:{shared.port}/ws/chat/"
    process = await asyncio.create_subprocess_exec(
        *(str(node.node()), str(WS_CLIENT), url, shared.base_url, payer.cookie(shared)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        told, _ = await process.communicate()
    assert json.loads(told) == {
        "fragments": ANSWER.decode(),
        "ping": "payload",
        "extensions": "",
        "good-bye": 4321,
        "too large": 1009,
        "no UTF-8": 1007,
    }


@pytest.mark.chaos
async def test_who_answers_no_ping_is_let_go_within_a_minute(
    either: Servers, payer: Person
) -> None:
    loop = asyncio.get_running_loop()
    async with raw_socket(either.port, payer.cookie(either)) as socket:
        await ready(socket)
        began = loop.time()
        times: list[float] = []
        async with asyncio.timeout(PING_EVERY_S + PING_ANSWERED_WITHIN_S + 10):
            with contextlib.suppress(ConnectionError):
                while await socket.reader.read(2**16):
                    times.append(loop.time() - began)
        ended = loop.time() - began
    # The first may be the protocol's own `pong`, which comes by 20 to 30 s.
    assert abs(times[0] - PING_EVERY_S) < 6
    assert abs(ended - PING_EVERY_S - PING_ANSWERED_WITHIN_S) < 6
    await assert_serves(either, payer.cookie(either))


async def parts_of_a_ping() -> AsyncIterator[str]:
    for part in ('{"type"', ':"ping"', "}"):
        yield part


async def test_the_client_of_websockets_is_told_the_same(shared: Servers, payer: Person) -> None:
    url = f"ws://127.0.0.1:{shared.port}/ws/chat/"
    cookie = {"Cookie": payer.cookie(shared)}
    async with websocket(
        url,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        origin=Origin(shared.base_url),
        additional_headers=cookie,
    ) as socket:
        await socket.send(parts_of_a_ping())
        await asyncio.wait_for(await socket.ping(b"payload"), 10)
        await socket.send("x" * (MESSAGE_BYTES_MAX + 1))
        await asyncio.wait_for(socket.wait_closed(), 10)
        assert socket.close_code == 1009
    with pytest.raises(InvalidStatus):
        await websocket(url.replace("chat", "nothing"), additional_headers=cookie)
