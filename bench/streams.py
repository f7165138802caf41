"""Many answers stream at once, from one web and two worker processes."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

import msgspec

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Row, Wanted, quantile
from bench.wire import Socket
from chat.agents.pace import tokens_of
from chat.database import in_database
from netra import env

WORKERS: Final = 2
TOKENS_PER_S: Final = 25
STREAMS: Final = (50, 100)
# What one that asks again and again waits for between two answers, and how often it asks.
ANSWERS_EACH: Final = 3
QUESTION: Final = """Where does the money go?

timestamp,model,input_tokens,output_tokens,cost_usd,latency_ms
2026-11-01T10:00:00Z,gpt-4o,1000,500,0.75,900
2026-11-01T11:00:00Z,gpt-4o-mini,2000,100,0.05,300
2026-11-02T10:00:00Z,gpt-4o,3000,900,1.20,1800
"""
ENDS_WITHIN_S: Final = 180.0
CONFIRMED_EVERY_S: Final = 1.0


class Answer:
    """One answer as its socket sees it; `gaps` counts what does not join."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.sent_at = time.perf_counter()
        self.started_at = self.first_at = self.last_at = self.ended_at = 0.0
        self.flows = asyncio.Event()
        self.run_id = ""
        self.status = ""
        self.text = ""
        self.gaps = 0

    @property
    def is_whole(self) -> bool:
        return not self.gaps and self.status == "completed"

    @property
    def first_token_ms(self) -> float:
        return 1000 * (self.first_at - self.sent_at)

    @property
    def started_ms(self) -> float:
        return 1000 * (self.started_at - self.sent_at)

    @property
    def took(self) -> float:
        """How long it streamed, beside an ideal stream."""
        return (self.last_at - self.first_at) * TOKENS_PER_S / (len(tokens_of(self.text)) - 1)


class Reader:
    """One user's socket, which asks in one thread, one question after the other."""

    def __init__(self, socket: Socket, *, question: str = QUESTION) -> None:
        self.answers: list[Answer] = []
        self._question = question
        self._socket = socket
        self._thread_id: str | None = None
        self._seq = 0
        socket.on_frame = self._on_frame

    @staticmethod
    async def enter(server: Server, person: Person, *, question: str = QUESTION) -> "Reader":
        socket = await Socket.open(server.port, cookie=person.cookie)
        await socket.until("ready")
        return Reader(socket, question=question)

    async def ask(self) -> None:
        """Ask, and wait for the end of the answer."""
        await self.begin().ended.wait()

    def begin(self) -> Answer:
        """Ask; gives the answer that will come."""
        answer = Answer()
        self.answers.append(answer)
        self._socket.send(
            type="send", client_id=_new_id(), thread_id=self._thread_id, text=self._question
        )
        return answer

    def stop(self, answer: Answer) -> None:
        self._socket.send(type="stop", client_id=_new_id(), run_id=answer.run_id)

    def confirm(self) -> None:
        if self._thread_id is not None:
            heads = {self._thread_id: self._seq}
            self._socket.send(type="seen", heads=heads, bytes=self._socket.bytes)

    def leave(self) -> None:
        self._socket.close()

    def _on_frame(self, data: bytes) -> None:
        frame = msgspec.json.decode(data)
        if frame["type"] == "delta":
            answer = self.answers[-1]
            answer.last_at = time.perf_counter()
            answer.first_at = answer.first_at or answer.last_at
            answer.flows.set()
            # Of a thread's first answer the beginning may come twice: as it goes, and as it stands.
            answer.gaps += frame["offset"] > len(answer.text)
            answer.text = answer.text[: frame["offset"]] + frame["text"]
        elif frame["type"] == "events":
            self._thread_id = frame["thread_id"]
            for event in frame["events"]:
                self._on_event(event, self.answers[-1])

    def _on_event(self, event: dict[str, Any], answer: Answer) -> None:
        answer.gaps += event["seq"] != self._seq + 1
        self._seq = event["seq"]
        data = event["data"]
        if event["type"] == "agent_started":
            answer.started_at, answer.run_id = time.perf_counter(), event["run_id"]
        elif event["type"] == "message_created" and data["role"] == "assistant":
            answer.gaps += data["text"] != answer.text
        elif event["type"] == "agent_completed":
            answer.ended_at, answer.status = time.perf_counter(), data["status"]
            answer.ended.set()


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, max(STREAMS))
    found: list[Row] = []
    with ExitStack() as stack:
        stack.enter_context(env.override(NETRA_ASSISTANT_TOKENS_PER_S=str(TOKENS_PER_S)))
        server = stack.enter_context(servers.web("netra"))
        for _ in range(WORKERS):
            stack.enter_context(servers.worker(server))
        # The first runs of a process import what later ones find there.
        pause_s = await _alone(server, crowd[:8])
        for count in STREAMS:
            found += _rows(count, await _steady(server, crowd[:count], pause_s / count))
    return found


def _rows(count: int, answers: Sequence[Answer]) -> list[Row]:
    first = [answer.first_token_ms for answer in answers]
    started = [answer.started_ms for answer in answers]
    took = [answer.took for answer in answers]
    most = tuple(Wanted(bound="most", value=value) for value in (600, 1.15, 0))
    return [
        Row(
            name=f"{count} answers at {TOKENS_PER_S} tokens/s at a time: `agent_started`, p50",
            unit="ms", netra=[quantile(started, 0.5)],
        ),
        Row(name="first token, p50", unit="ms", netra=[quantile(first, 0.5)]),
        Row(
            name="first token, p99", unit="ms", netra=[quantile(first, 0.99)], wanted=most[:1]
        ),
        Row(
            name="time of a stream, p99", unit="of the ideal", netra=[quantile(took, 0.99)],
            wanted=most[1:2],
        ),
        Row(
            name="gaps", unit="in all",
            netra=[sum(answer.gaps + (answer.status != "completed") for answer in answers)],
            wanted=most[2:],
        ),
    ]  # fmt: skip


def _new_id() -> str:
    """An id that no other frame has, also of another reader of the same person."""
    return secrets.token_hex(8)


async def _alone(server: Server, crowd: Sequence[Person]) -> float:
    """A few ask at once, to warm up; gives how long an answer takes."""
    readers = [await Reader.enter(server, person) for person in crowd]
    async with asyncio.timeout(ENDS_WITHIN_S):
        await asyncio.gather(*(reader.ask() for reader in readers))
    for reader in readers:
        reader.leave()
    return max(answer.last_at - answer.first_at for one in readers for answer in one.answers)


async def _steady(server: Server, crowd: Sequence[Person], apart_s: float) -> list[Answer]:
    """One begins after the other, until all stream; the answers that began while all did."""
    readers = [await Reader.enter(server, person) for person in crowd]
    confirming = asyncio.create_task(_confirm(readers))
    asking = []
    async with asyncio.timeout(ENDS_WITHIN_S):
        for reader in readers:
            asking.append(asyncio.create_task(_ask_on(reader)))
            await asyncio.sleep(apart_s)
        await asyncio.gather(*asking)
    confirming.cancel()
    for reader in readers:
        reader.leave()
    # The first answers began while fewer streamed, and the last ended so.
    return [answer for reader in readers for answer in reader.answers[1:-1]]


async def _ask_on(reader: Reader) -> None:
    for _ in range(ANSWERS_EACH):
        await reader.ask()


async def _confirm(readers: Sequence[Reader]) -> None:
    while True:
        await asyncio.sleep(CONFIRMED_EVERY_S)
        for reader in readers:
            reader.confirm()
