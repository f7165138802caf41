"""Ten thousand hostile frames: each is answered or ignored, and nothing else happens."""

import asyncio
import json
import random
import string
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chat.database import in_database
from chat.models import DeadLetter
from chat.protocol.codes import CloseCode, ErrorCode
from netra import env
from netra.client import ChatConnection
from netra.client.connection import open_socket
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

FRAMES = 10_000
LAST_ID = "the-last-of-all"
SECRET = "what-only-ada-may-read"
FIELDS = (
    "type", "client_id", "thread_id", "run_id", "text", "after_seq", "heads", "bytes", "mode",
    "files", "__class__", "$where", "é", "",
)  # fmt: skip
TYPES = (
    "send", "subscribe", "unsubscribe", "stop", "seen", "typing", "ping", "edit", "switch",
    "regenerate", "approve", "welcome", "ready", "events", "SEND", "send ", "__init__",
)  # fmt: skip
ANSWERS = {
    "welcome", "ready", "error", "pong", "ack", "events", "delta", "snapshot", "threads", "state",
    "account", "typing",
}  # fmt: skip
# After these a client may come again; the first two are what RFC 6455 asks for.
CLOSES = {1007, 1009, CloseCode.TOO_FAST.value}


# What may stand where an id, a text, a position or an object does, and is taken for one.
IDS = (
    "\0", "x", "é" * 64, "thread_1_\0bcdef", "run_1_abcdef\n", "msg_1_" + "a" * 32, "../x", "%s%n",
    "';DROP TABLE x;--",
)  # fmt: skip
TEXTS = (
    "x" * 10_000, "😀" * 10_000, "e\u0301" * 5_000, "\x01\x7f\x85\u2028", "\ufffe\uffff", "\u200b",
    "‮", "%s%n" * 9, "<script>alert(1)</script>",
)  # fmt: skip
FRAMES_OF_ALL_TYPES = (
    ("send", "client_id", "text"), ("send", "client_id", "text", "thread_id", "mode"),
    ("send", "client_id", "text", "files", "model"), ("edit", "client_id", "message_id", "text"),
    ("regenerate", "client_id", "run_id", "model"), ("stop", "client_id", "run_id"),
    ("advance", "client_id", "run_id"), ("switch", "client_id", "run_id"),
    ("switch", "client_id", "message_id"),
    ("approve", "client_id", "run_id", "call_id", "decision", "args"),
    ("subscribe", "thread_id", "after_seq"), ("unsubscribe", "thread_id"), ("typing", "thread_id"),
    ("seen", "heads", "bytes"), ("ping",),
)  # fmt: skip
SEQS = (0, 1, 2**31, 2**63 - 1)
OBJECTS: tuple[object, ...] = (
    None,
    {},
    {"\0": "\0"},
    {"a": 10**300},
    json.loads('{"a":' * 300 + "1" + "}" * 300),
)


class Fuzz:
    """Makes frames that a careless, a broken or a hostile client would send."""

    def __init__(self, seed: int, *, own: dict[str, str], foreign: dict[str, str]) -> None:
        self.chance = random.Random(seed)
        self.foreign = foreign
        self.own = own
        self.ids = (*own.values(), *foreign.values(), *IDS)

    def frames(self, count: int) -> Iterator[str | bytes]:
        # Those that fit are the dear ones: the database is asked about each.
        kinds = (*[self.shaped] * 5, self.fitting, *[self.mangled, self.noise, self.odd] * 2)
        for _ in range(count):
            yield self.chance.choice(kinds)()

    def value(self, depth: int = 0) -> object:
        chance = self.chance
        makers: list[Callable[[], object]] = [
            lambda: None, lambda: True, lambda: -1, lambda: 2**63, lambda: 10**400, lambda: 1e308,
            lambda: -0.0, lambda: "", lambda: "\0", lambda: "\ud800", lambda: "'; DROP TABLE x;--",
            lambda: "<script>alert(1)</script>", lambda: "{{7*7}}", lambda: "../../etc/passwd",
            lambda: "%s%n" * 9, lambda: "x" * chance.choice([1, 64, 65, 10_000, 10_001]),
            lambda: chance.choice(TYPES), lambda: chance.choice(list(self.foreign.values())),
            lambda: "thread_1_" + "a" * chance.randint(0, 40), lambda: "‮" + "😀" * 20,
        ]  # fmt: skip
        if depth < 4:
            makers += [
                lambda: [self.value(depth + 1) for _ in range(chance.randint(0, 4))],
                lambda: {chance.choice(FIELDS): self.value(depth + 1) for _ in range(3)},
            ]
        return chance.choice(makers)()

    def fitting(self) -> str:
        """A frame in which every field is what it must be: it is looked up, or even done."""
        pick, chance = self.chance.choice, self.chance
        frame = pick(FRAMES_OF_ALL_TYPES)
        made: dict[str, object] = {
            "client_id": pick(("c1", "c2", "." * 64, f"n{chance.random()}")),
            "text": pick(TEXTS), "after_seq": pick((None, *SEQS)), "bytes": pick(SEQS),
            "heads": {pick(self.ids): pick(SEQS) for _ in range(pick((0, 1, 20)))},
            "files": [pick(self.ids) for _ in range(pick((0, 0, 1, 10)))],
            "model": pick((None, None, pick(self.ids))), "args": pick(OBJECTS),
            "decision": pick(("approve", "deny")), "mode": pick(("queue", "interrupt")),
        }  # fmt: skip
        for name, mine in self.own.items():
            made[name] = pick((mine, pick(self.ids)))
        fields = {name: made.get(name, pick(self.ids)) for name in frame[1:]}
        return json.dumps({"type": frame[0], **fields}, ensure_ascii=pick((True, False)))

    def shaped(self) -> str:
        """An object with a known type and whatever fields."""
        fields = self.chance.sample(FIELDS, self.chance.randint(0, 6))
        frame = {"type": self.chance.choice(TYPES)} | {name: self.value() for name in fields}
        if self.chance.random() < 0.7:
            frame["type"] = self.chance.choice(TYPES)
        return json.dumps(frame)

    def mangled(self) -> str:
        text = list(self.shaped())
        for _ in range(self.chance.randint(1, 5)):
            text[self.chance.randrange(len(text))] = self.chance.choice(string.printable)
        return "".join(text)

    def noise(self) -> str | bytes:
        raw = self.chance.randbytes(self.chance.choice([0, 1, 10, 1000]))
        return raw if self.chance.random() < 0.5 else raw.decode("latin-1")

    def odd(self) -> str:
        return self.chance.choice(
            (
                "[" * 50_000, "{" * 500, '{"a":' * 5_000, "NaN", "-Infinity", "null", "[]",
                '""', "1",
                '{"type":"ping","x":' + "9" * 20_000 + "}", '{"type":"ping"}{"type":"ping"}',
                '{"type":"send","type":"ping"}', "\ufeff{}", '{"type":"ping",}', "x" * 70_000,
                '{"type":"send","client_id":"a","text":"\\ud83d"}', '{"type":null}', "{'a':1}",
            )
        )  # fmt: skip


async def hurl(socket: ClientConnection, frames: list[str | bytes], answers: list[str]) -> int:
    """Send what is left of `frames` until the server closes; gives how many went out."""
    sent = 0
    closes: list[int | None] = []

    async def read() -> None:
        async for answer in socket:
            answers.append(answer if isinstance(answer, str) else repr(answer))
            if LAST_ID in answers[-1]:
                return

    reading = asyncio.create_task(read())
    try:
        for frame in frames:
            await socket.send(frame)
            sent += 1
        # One after the other they are answered, this one last.
        await socket.send(json.dumps({"type": "stop", "client_id": LAST_ID, "run_id": "x"}))
        async with asyncio.timeout(30):
            await reading
    except ConnectionClosed as closed:
        closes.append(closed.rcvd.code if closed.rcvd else None)
        sent += 1
    finally:
        await socket.close()
        await asyncio.gather(reading, return_exceptions=True)
    assert set(closes) <= CLOSES, "a hostile frame must not kill the connection unsaid"
    return sent


def assert_answers_are_ours(answers: list[str]) -> Counter[str]:
    codes: Counter[str] = Counter()
    for answer in answers:
        assert SECRET not in answer
        assert "Traceback" not in answer
        assert ".py" not in answer
        frame = json.loads(answer)
        assert frame["type"] in ANSWERS
        if frame["type"] == "error":
            codes[ErrorCode(frame["code"])] += 1
    return codes


async def ids_of_a_question(chat: ChatConnection, text: str) -> dict[str, str]:
    await chat.until("ready")
    await chat.send(text)
    ack = await chat.until("ack")
    return {name: ack[name] for name in ("thread_id", "run_id", "message_id")}


async def test_ten_thousand_hostile_frames_get_answers_and_nothing_else(
    shared: Servers, visitor: Person, other_visitor: Person
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as ada:
        foreign = await ids_of_a_question(ada, SECRET)
        cookie = other_visitor.cookie(shared)
        async with ChatConnection.open(shared.base_url, cookie=cookie) as eve:
            own = await ids_of_a_question(eve, "hello")
        fuzz = Fuzz(env.integer("CHAOS_SEED", 7), own=own, foreign=foreign)
        frames = list(fuzz.frames(FRAMES))
        answers: list[str] = []
        while frames:
            async with open_socket(shared.base_url, cookie=cookie) as socket:
                del frames[: await hurl(socket, frames[:2_000], answers)]
        codes = assert_answers_are_ours(answers)
        assert {"invalid_json", "invalid_frame", "unknown_type", "not_found"} <= codes.keys()
        # Hundreds came as far as the database, which took offence at none.
        assert codes["not_found"] > FRAMES / 50
        assert not {"failed", "unavailable"} & codes.keys()
        assert not await in_database(DeadLetter.objects.filter(user=other_visitor.user).exists)
        # The same process serves on, and Ada's connection never noticed.
        await ada.put(type="ping")
        assert (await ada.until("pong"))["heads"].keys() == {foreign["thread_id"]}
        said = [event["data"].get("text") for event in ada.events() if "text" in event["data"]]
        assert SECRET in said
