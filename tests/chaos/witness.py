"""Everything that passes between the clients and the servers, seen from the wire."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec

from chat.protocol.codes import CloseCode
from tests.fakes.fault_proxy import Onlooker
from tests.fakes.relay import Link
from tests.fakes.socket_frames import Frame

CLOSE: Final = 0x88
LOST: Final = 1006
# What docs/protocol.md names, those that have a meaning of their own for each server included.
DOCUMENTED: Final = frozenset({*CloseCode, *(code.private for code in CloseCode), LOST, 1009})
MARK: Final = re.compile(rb"(?<![0-9A-Za-z])8(\d{3})\d{6}(?![0-9A-Za-z])")
COOKIE: Final = re.compile(rb"\r\ncookie: [^\r\n]*?sessionid=(\w+)", re.IGNORECASE)
ASKS_AGAIN: Final = frozenset({"subscribe", "unsubscribe", "send", "edit"})
KEPT_MAX: Final = 100


def mark(user: int, number: int) -> int:
    """A number that only this user writes, and that the answers to it repeat."""
    return 8_000_000_000 + user * 1_000_000 + number


class _Event(msgspec.Struct):
    seq: int


class _Heard(msgspec.Struct):
    type: str = ""
    thread_id: str = ""
    seq: int = 0
    events: tuple[_Event, ...] = ()


@dataclass(slots=True)
class Wire:
    """One socket: whose it is, how far each thread has come on it, how it ended."""

    user: int
    heads: dict[str, int] = field(default_factory=dict)
    # How often the client has asked for a thread, so that its events may begin anew somewhere.
    asked: Counter[str] = field(default_factory=Counter)
    code: int = LOST


class _Said(msgspec.Struct):
    thread_id: str | None = None


class Witness(Onlooker):
    """What was seen on all sockets together."""

    def __init__(self) -> None:
        # The number of the user by the key of their session.
        self.users: dict[str, int] = {}
        self.sockets = 0
        self.frames = 0
        self.codes: Counter[int] = Counter()
        # What must not be, in words.
        self.faults: list[str] = []
        # Since somebody asked last: how sockets ended.
        self._ended: Counter[int] = Counter()
        self._wires: dict[Link, Wire] = {}

    def take_ended(self) -> Counter[int]:
        """The codes of the sockets that have ended since the last call."""
        ended, self._ended = self._ended, Counter()
        return ended

    def fault(self, words: str) -> None:
        if len(self.faults) < KEPT_MAX:
            self.faults.append(words)

    def opened(self, link: Link, head: bytes) -> None:
        cookie = COOKIE.search(head)
        assert cookie is not None, "a socket of nobody"
        self._wires[link] = Wire(self.users[cookie[1].decode()])
        self.sockets += 1

    def heard(self, link: Link, frame: Frame) -> None:
        wire = self._wires.get(link)
        if wire is not None:
            self.look(wire, frame)

    def look(self, wire: Wire, frame: Frame) -> None:
        """Look at one frame of a server."""
        self.frames += 1
        if frame.raw[0] == CLOSE:
            wire.code = int.from_bytes(frame.payload[:2])
            if wire.code not in DOCUMENTED:
                self.fault(f"a socket was closed with {wire.code}, which no document knows")
            return
        for found in MARK.finditer(frame.payload):
            if int(found[1]) != wire.user:
                self.fault(f"user {wire.user} was sent a text of user {int(found[1])}")
        if frame.kind in ("events", "snapshot"):
            self._follow(wire, msgspec.json.decode(frame.payload, type=_Heard))

    def _follow(self, wire: Wire, heard: _Heard) -> None:
        """A server sends each event of a thread once and in order, unless it is asked again."""
        thread = heard.thread_id
        if heard.type == "snapshot":
            wire.heads[thread] = heard.seq
            return
        seqs = [event.seq for event in heard.events]
        expected = wire.heads.get(thread, seqs[0] - 1) + 1
        if seqs[0] != expected and wire.asked[thread]:
            wire.asked[thread] -= 1
            expected = seqs[0]
        if seqs != list(range(expected, expected + len(seqs))):
            self.fault(f"{thread} went on with {seqs} where {expected} was next")
        wire.heads[thread] = seqs[-1]

    def said(self, link: Link, frame: Frame) -> None:
        wire = self._wires[link]
        if frame.raw[0] == CLOSE and wire.code == LOST:
            wire.code = int.from_bytes(frame.payload[:2])
        if frame.kind in ASKS_AGAIN:
            said = msgspec.json.decode(frame.payload, type=_Said)
            wire.asked.update(wire.heads if said.thread_id is None else {said.thread_id})

    def ended(self, link: Link) -> None:
        code = self._wires.pop(link).code
        self.codes[code] += 1
        self._ended[code] += 1
