"""A hundred answers of a model at a time: by Netra, which stores them, and by Chainlit."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from django.conf import settings

from bench import machine, servers, streams
from bench.peers import socket_io
from bench.peers.installed import HERE, chainlit_program
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Rival, Row, quantile
from bench.wire import Socket
from chat.database import in_database
from netra import env

CHATS: Final = 100
# As chainlit_app.py, which another Python runs, has them.
TOKENS: Final = 50
TOKENS_PER_S: Final = 25
REPEATS: Final = 3
# Of those that ask again and again, the answers that began while all streamed.
ANSWERS_EACH: Final = 3
WARMED_BY: Final = 8
ENDS_WITHIN_S: Final = 120.0
PATH: Final = "/ws/socket.io/?EIO=4&transport=websocket"
PING: Final = b"2"
PONG: Final = b"3"


class Answer(Protocol):
    """What both sides tell of an answer; `took` is 1 where it came at the model's pace."""

    @property
    def first_token_ms(self) -> float: ...

    @property
    def took(self) -> float: ...


class Chat(Protocol):
    """One user's socket, which asks one question after the other."""

    @property
    def answers(self) -> Sequence[Answer]: ...

    async def ask(self) -> None: ...

    def leave(self) -> None: ...


Enter = Callable[[], Awaitable[list[Chat]]]


@dataclass(slots=True)
class ChainlitAnswer:
    sent_at: float
    first_at: float = 0.0
    last_at: float = 0.0
    tokens: int = 0

    @property
    def first_token_ms(self) -> float:
        return 1000 * (self.first_at - self.sent_at)

    @property
    def took(self) -> float:
        return (self.last_at - self.first_at) * TOKENS_PER_S / (TOKENS - 1)


class ChainlitChat:
    """Speaks to Chainlit as its page does, by WebSocket alone."""

    def __init__(self, socket: Socket) -> None:
        self.answers: list[ChainlitAnswer] = []
        self._socket = socket
        self._ended = asyncio.Event()
        socket.on_frame = self._on_frame

    @staticmethod
    async def enter(server: Server) -> "ChainlitChat":
        socket = await socket_io.engine(server, PATH)
        visitor = {"clientType": "webapp", "sessionId": secrets.token_hex(16), "userEnv": "{}"}
        socket.send_text(socket_io.CONNECT + json.dumps(visitor).encode())
        await socket.until_text(socket_io.CONNECTED)
        socket.send_text(b'42["connection_successful"]')
        return ChainlitChat(socket)

    async def ask(self) -> None:
        """Ask, and wait for the end of the answer."""
        step = {
            "id": str(uuid.uuid4()),
            "name": "user",
            "type": "user_message",
            "createdAt": datetime.now(UTC).isoformat(),
        }
        said: dict[str, Any] = {"message": step | {"output": "Tell me."}, "fileReferences": []}
        self._ended.clear()
        self.answers.append(ChainlitAnswer(time.perf_counter()))
        self._socket.send_text(b"42" + json.dumps(["client_message", said]).encode())
        await self._ended.wait()

    def leave(self) -> None:
        self._socket.close()

    def _on_frame(self, frame: bytes) -> None:
        if frame == PING:
            self._socket.send_text(PONG)
        elif frame.startswith((b'42["stream_start"', b'42["stream_token"')):
            answer = self.answers[-1]
            answer.last_at = time.perf_counter()
            answer.first_at = answer.first_at or answer.last_at
            answer.tokens += 1
            if answer.tokens == TOKENS:
                self._ended.set()


@dataclass(frozen=True, slots=True)
class Streamed:
    """Of many answers: milliseconds to the first text, the time of a stream, and computing."""

    first_p50_ms: float
    first_p99_ms: float
    took_p99: float
    answer_cpu_ms: float


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, CHATS)
    with ExitStack() as stack:
        processes, ours = _netra(stack, crowd)
        chainlit = stack.enter_context(_chainlit())
        sides: list[tuple[Enter, list[int]]] = [
            (ours, processes),
            (lambda: _entered(chainlit), [chainlit.pid]),
        ]
        for enter, _processes in sides:
            # The first answers of a process import what later ones find there.
            chats = await enter()
            async with asyncio.timeout(ENDS_WITHIN_S):
                await _at_once(chats[:WARMED_BY])
            _leave(chats)
        found: list[Row] = []
        for name, play in (("all at once", _at_once), ("one after the other", _in_turn)):
            turns = [
                [await _streamed(enter, play, processes) for enter, processes in sides]
                for _ in range(REPEATS)
            ]
            netra, theirs = (list(repeats) for repeats in zip(*turns, strict=True))
            found += _rows(f"{CHATS} answers, {name}", netra, theirs)
    return found


def _netra(stack: ExitStack, crowd: Sequence[Person]) -> tuple[list[int], Enter]:
    pace = env.override(NETRA_ASSISTANT_TOKENS_PER_S=str(TOKENS_PER_S))
    stack.enter_context(pace)
    server = stack.enter_context(servers.web("netra"))
    workers = [stack.enter_context(servers.worker(server)) for _ in range(streams.WORKERS)]

    async def enter() -> list[Chat]:
        return [await streams.Reader.enter(server, person) for person in crowd]

    return [server.pid, *workers], enter


@contextmanager
def _chainlit() -> Iterator[Server]:
    app = str(HERE / "chainlit_app.py")
    argv = [str(chainlit_program()), "run", app, "--headless", "--host", "127.0.0.1"]
    # It writes its settings where it is told that it lives, and would store in our database.
    with (
        env.override(CHAINLIT_APP_ROOT=str(settings.VAR_DIR), DATABASE_URL=None),
        servers.peer("chainlit", [*argv, "--port", "{port}"]) as running,
    ):
        yield running


async def _entered(server: Server) -> list[Chat]:
    return [await ChainlitChat.enter(server) for _ in range(CHATS)]


async def _streamed(
    enter: Enter, play: Callable[[Sequence[Chat]], Awaitable[list[Answer]]], processes: list[int]
) -> Streamed:
    chats = await enter()
    before_s = sum(map(machine.cpu_s, processes))
    async with asyncio.timeout(ENDS_WITHIN_S):
        answers = await play(chats)
    cpu_s = sum(map(machine.cpu_s, processes)) - before_s
    asked = sum(len(chat.answers) for chat in chats)
    _leave(chats)
    first = [answer.first_token_ms for answer in answers]
    return Streamed(
        first_p50_ms=quantile(first, 0.5),
        first_p99_ms=quantile(first, 0.99),
        took_p99=quantile([answer.took for answer in answers], 0.99),
        answer_cpu_ms=1000 * cpu_s / asked,
    )


async def _at_once(chats: Sequence[Chat]) -> list[Answer]:
    """All ask in the same moment."""
    await asyncio.gather(*(chat.ask() for chat in chats))
    return [chat.answers[-1] for chat in chats]


async def _in_turn(chats: Sequence[Chat]) -> list[Answer]:
    """One begins after the other, until all stream; the answers that began while all did."""

    async def ask_on(chat: Chat) -> None:
        for _ in range(ANSWERS_EACH):
            await chat.ask()

    asking = []
    for chat in chats:
        asking.append(asyncio.create_task(ask_on(chat)))
        await asyncio.sleep(TOKENS / TOKENS_PER_S / len(chats))
    await asyncio.gather(*asking)
    return [answer for chat in chats for answer in chat.answers[1:-1]]


def _leave(chats: Sequence[Chat]) -> None:
    for chat in chats:
        chat.leave()


def _rows(name: str, netra: list[Streamed], theirs: list[Streamed]) -> list[Row]:
    figures = (
        ("first text, p50", "ms", "first_p50_ms"),
        ("first text, p99", "ms", "first_p99_ms"),
        ("time of a stream, p99", "of the ideal", "took_p99"),
        ("computing for an answer", "ms", "answer_cpu_ms"),
    )
    return [
        Row(
            name=f"{name}: {what}", unit=unit,
            netra=[getattr(one, figure) for one in netra],
            beside=Rival(name="chainlit", values=[getattr(one, figure) for one in theirs]),
        )
        for what, unit, figure in figures
    ]  # fmt: skip
