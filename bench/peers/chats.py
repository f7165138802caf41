"""A hundred answers of a model at a time: by Netra, which stores them, and by Chainlit."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from bench import machine, servers, streams
from bench.load.readings import computed_s, engines
from bench.peers import chainlit_chat, model_server
from bench.peers.chainlit_chat import App, ChainlitChat
from bench.people import Person, unlimited_people
from bench.table import Rival, Row, quantile
from chat.database import in_database
from netra import env

CHATS: Final = 100
# Fast enough that answers overlap, and below what two cores compute of Netra's.
SPREAD_S: Final = 10.0
WARMED_BY: Final = 8
ENTERED_AT_ONCE: Final = 20
QUESTION: Final = "Tell me."
# An answer takes two seconds; whatever takes so much longer has come to a stop.
ENDS_WITHIN_S: Final = 45.0


class Answer(Protocol):
    """What both sides tell of an answer; `took` is 1 where it came at the model's pace."""

    @property
    def is_whole(self) -> bool: ...

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How one gets a user's socket, and the processes that answer; Chainlit has no stores."""

    name: str
    enter: Callable[[Person], Awaitable[Chat]]
    processes: Sequence[int]
    stores: Sequence[int] = ()


Play = Callable[[Sequence[Chat]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """Of many answers: milliseconds to the first text, the time of a stream, and computing."""

    first_p50_ms: float
    first_p99_ms: float
    took_p99: float
    answer_cpu_ms: float
    stored_cpu_ms: float
    broken: int


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, CHATS)
    stores = list((await in_database(engines)).values())
    with ExitStack() as stack:
        model = stack.enter_context(model_server.server())
        url = f"http://127.0.0.1:{model.port}/v1"
        sides = [
            stack.enter_context(_netra(url, stores)),
            *(stack.enter_context(_chainlit(app, url)) for app in chainlit_chat.APPS),
        ]
        for side in sides:
            # The first answers of a process import what later ones find there.
            await _streamed(side, crowd[:WARMED_BY], _at_once)
        found: list[Row] = []
        for name, play, repeats in PLAYS:
            turns = [[await _streamed(side, crowd, play) for side in sides] for _ in range(repeats)]
            netra, *theirs = map(list, zip(*turns, strict=True))
            for side, streamed in zip(sides[1:], theirs, strict=True):
                found += _rows(f"{CHATS} answers, {name}", netra, side.name, streamed)
    return found


@contextmanager
def _netra(model_url: str, stores: Sequence[int]) -> Iterator[Side]:
    with ExitStack() as stack:
        model = env.override(NETRA_MODEL_URL=model_url, NETRA_MODEL_NAME="bench")
        stack.enter_context(model)
        server = stack.enter_context(servers.web("netra"))
        workers = [stack.enter_context(servers.worker(server)) for _ in range(streams.WORKERS)]

        async def enter(person: Person) -> Chat:
            return await streams.Reader.enter(server, person, question=QUESTION)

        yield Side(name="netra", enter=enter, processes=[server.pid, *workers], stores=stores)


@contextmanager
def _chainlit(app: App, model_url: str) -> Iterator[Side]:
    with chainlit_chat.server(app, model_url=model_url) as server:

        async def enter(_person: Person) -> Chat:
            return await ChainlitChat.enter(server)

        yield Side(name=app, enter=enter, processes=[server.pid])


async def _streamed(side: Side, crowd: Sequence[Person], play: Play) -> Streamed:
    """Raises TimeoutError where not all answers end."""
    chats = await _entered(side, crowd)
    before_s = sum(map(machine.cpu_s, side.processes))
    stores_before_s = sum(map(computed_s, side.stores))
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await play(chats)
    finally:
        for chat in chats:
            chat.leave()
    cpu_s = sum(map(machine.cpu_s, side.processes)) - before_s
    stores_s = sum(map(computed_s, side.stores)) - stores_before_s
    answers = [chat.answers[-1] for chat in chats]
    first = [answer.first_token_ms for answer in answers]
    return Streamed(
        first_p50_ms=quantile(first, 0.5),
        first_p99_ms=quantile(first, 0.99),
        took_p99=quantile([answer.took for answer in answers], 0.99),
        answer_cpu_ms=1000 * cpu_s / len(answers),
        stored_cpu_ms=1000 * (cpu_s + stores_s) / len(answers),
        broken=sum(not answer.is_whole for answer in answers),
    )


async def _entered(side: Side, crowd: Sequence[Person]) -> list[Chat]:
    room = asyncio.Semaphore(ENTERED_AT_ONCE)

    async def enter(person: Person) -> Chat:
        async with room:
            return await side.enter(person)

    return await asyncio.gather(*map(enter, crowd))


async def _at_once(chats: Sequence[Chat]) -> None:
    """All ask in the same moment."""
    await asyncio.gather(*(chat.ask() for chat in chats))


async def _spread(chats: Sequence[Chat]) -> None:
    """One asks after the other, in even steps."""

    async def ask(number: int, chat: Chat) -> None:
        await asyncio.sleep(number * SPREAD_S / len(chats))
        await chat.ask()

    await asyncio.gather(*(ask(number, chat) for number, chat in enumerate(chats)))


PLAYS: Final[tuple[tuple[str, Play, int], ...]] = (
    ("all at once", _at_once, 3),
    (f"spread over {SPREAD_S:.0f} s", _spread, 2),
)


def _rows(name: str, netra: list[Streamed], peer: str, theirs: list[Streamed]) -> list[Row]:
    figures = (
        ("first text, p50", "ms", "first_p50_ms"),
        ("first text, p99", "ms", "first_p99_ms"),
        ("time of a stream, p99", "of the ideal", "took_p99"),
        ("computing for an answer", "ms", "answer_cpu_ms"),
        ("the same with its stores", "ms", "stored_cpu_ms"),
        ("not whole", "answers", "broken"),
    )
    return [
        Row(
            name=f"{name}: {what}", unit=unit,
            netra=[getattr(one, figure) for one in netra],
            beside=Rival(name=peer, values=[getattr(one, figure) for one in theirs]),
        )
        for what, unit, figure in figures
    ]  # fmt: skip
