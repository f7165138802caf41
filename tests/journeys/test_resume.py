"""Whatever is lost, doubled, late, cut or killed: a client ends up with exactly the log."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import pytest

from billing.models import TierLimit
from chat.database import in_database
from chat.models import Event, Message, Run, Thread
from netra import env
from tests.chat.run_invariants import Seen, assert_all
from tests.fakes.bell_proxy import BellProxy
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.openai_server import Answer, CallTool, FakeOpenAI, Say
from tests.journeys.conftest import Person
from tests.journeys.resuming import Resuming, Sight, resuming_page, resuming_program
from tests.journeys.storms import Plan, Scene
from tests.servers import Servers

pytestmark = pytest.mark.asyncio

SETTLED_WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.5
ASK_EVERY_S: Final = (1.5, 4.0)
ANSWERS: Final = 2000
# A thread takes 50.
WAITING_MAX: Final = 15
# Characters of one, two and four bytes, of which the last are two units to JavaScript.
LETTERS: Final = "aé🜂 "


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


def answers(chance: random.Random) -> Iterator[Answer]:
    """Texts that no second attempt says again, between them calls of a tool."""
    for number in range(ANSWERS):
        if chance.random() < 0.2:
            yield CallTool("calculate", {"expression": f"{number} + 1"}, call_id=f"call_{number}")
            continue
        text = "".join(chance.choices(LETTERS, k=chance.randrange(5, 300)))
        thinking = chance.choice(("", f"Thought {number}."))
        yield Say(f"{number}: {text}", thinking=thinking, pause_s=0.02)


@asynccontextmanager
async def scene(environment: dict[str, str], seed: int) -> AsyncIterator[Scene]:
    """Everything running, in calm weather."""
    async with BellProxy(environment["REDIS_URL"], seed=seed) as bus:
        one, other = (Servers(environment | {"REDIS_URL": bus.url}) for _ in range(2))
        try:
            await asyncio.gather(asyncio.to_thread(one.start), asyncio.to_thread(other.start_web))
            async with FaultProxy(one.port, seed=seed) as network:
                yield Scene((one, other), network, bus)
        finally:
            one.stop()
            other.stop()


async def chat(client: Resuming, chance: random.Random, over: asyncio.Event) -> list[str]:
    """Ask one thing after another until the storm is over, and one more; gives what was asked."""
    asked: list[str] = []
    is_over = False
    while not is_over:
        is_over = over.is_set()
        await room()
        asked.append(f"Question {chance.getrandbits(64)}: {''.join(chance.choices(LETTERS, k=20))}")
        await client.ask(asked[-1])
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), chance.uniform(*ASK_EVERY_S))
    return asked


async def room() -> None:
    """Wait while many runs wait: on a slow machine people would ask more than a thread takes."""
    waiting = Run.objects.filter(state="queued")
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while await in_database(waiting.count) > WAITING_MAX:
            await asyncio.sleep(LOOK_EVERY_S)


async def join(client: Resuming, opener: Resuming) -> None:
    """Follow the thread that another client of the same person has begun."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while (thread_id := await opener.thread_id()) is None:
            await asyncio.sleep(0.1)
        await client.follow(thread_id)


async def settled(client: Resuming) -> Sight:
    """What the client has once everything was sent and answered and has arrived."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while True:
            await client.wake()
            await asyncio.sleep(LOOK_EVERY_S)
            sight = await client.look()
            if sight is not None and sight.seq == await in_database(final_head, sight.thread_id):
                return sight


def final_head(thread_id: str) -> int | None:
    """The head of a thread in which no run is under way."""
    if Run.objects.filter(thread__public_id=thread_id, ended_at=None).exists():
        return None
    return Thread.objects.values_list("head", flat=True).get(public_id=thread_id)


def assert_is_the_log(sight: Sight, asked: list[str]) -> None:
    log = Event.objects.filter(thread__public_id=sight.thread_id).order_by("seq")
    rows = list(log.values_list("seq", "type", "run_id"))
    assert [row[0] for row in rows] == list(range(1, sight.seq + 1))
    seqs = [seq for seq, _, _ in sight.applied]
    assert seqs == sorted(set(seqs)), "each event once, in order"
    left_out = set(range(1, sight.seq + 1)) - set(seqs)
    assert max(left_out, default=0) <= sight.snapshot_seq, "an event is missing"
    assert sight.applied == [row for row in rows if row[0] not in left_out]
    messages = Message.objects.filter(thread__public_id=sight.thread_id).order_by("seq")
    questions = messages.filter(role="user")
    assert sorted(questions.values_list("text", flat=True)) == sorted(asked), "stored once each"
    assert sight.messages == list(questions.values_list("public_id", "text"))
    stored = messages.filter(role="assistant").values_list("run__public_id", "run__state", "text")
    assert sight.runs == {run_id: (state, text) for run_id, state, text in stored}


async def endure(
    environment: dict[str, str], people: list[Person], model: FakeOpenAI, plan: Plan
) -> None:
    """Let people chat in a storm, each on the page and by program; all of them get all of it."""
    print(plan)
    model.will(*answers(random.Random(plan.seed)))
    variables = {"NETRA_MODEL_URL": model.url, "NETRA_MODEL_NAME": "storyteller"}
    await in_database(TierLimit.objects.update, value=None)
    async with scene(environment | variables, plan.seed) as stage, AsyncExitStack() as stack:
        clients: list[Resuming] = []
        for number, person in enumerate(people):
            cookie = await asyncio.to_thread(person.cookie, stage.webs[0])
            url, user_id = stage.network.base_url, person.user.public_id
            pair = (
                resuming_page(url, cookie=cookie, user_id=user_id),
                resuming_program(url, cookie=cookie),
            )
            # The first of a pair opens the thread: the page of one person, the program of the next.
            clients += [
                await stack.enter_async_context(one) for one in (pair[::-1] if number % 2 else pair)
            ]
        asked = await chat_through(stage, clients, plan)
        sights = [await settled(client) for client in clients]
        print(dict(stage.network.counts), dict(stage.bus.counts))
    for number, sight in enumerate(sights):
        first = number - number % 2
        theirs = asked[first] + asked[first + 1]
        print(sight.seq, sight.snapshot_seq, Counter(status for status, _ in sight.runs.values()))
        await in_database(assert_is_the_log, sight, theirs)
    await in_database(assert_runs_hold, people)


def assert_runs_hold(people: list[Person]) -> None:
    """Each run has one end, its tools were called once, and it was charged once."""
    assert_all(Seen.of([person.user for person in people]))


async def chat_through(stage: Scene, clients: list[Resuming], plan: Plan) -> list[list[str]]:
    """Everybody chats until the storm is over; gives what each client asked."""
    over = asyncio.Event()
    chance = random.Random(plan.seed)

    async def take_part(client: Resuming, opener: Resuming) -> list[str]:
        if client is not opener:
            await join(client, opener)
        return await chat(client, chance, over)

    async with asyncio.TaskGroup() as group:
        chats = [
            group.create_task(take_part(client, clients[number - number % 2]))
            for number, client in enumerate(clients)
        ]
        await stage.storm(plan)
        stage.clear()
        over.set()
    return [chat.result() for chat in chats]


async def test_a_short_storm_loses_nothing(
    server_environment: dict[str, str], make_person: Callable[[str], Person], model: FakeOpenAI
) -> None:
    people = await in_database(lambda: [make_person(name) for name in ("ada", "eve")])
    await endure(server_environment, people, model, Plan.drawn(1, rounds=1))


@pytest.mark.chaos
async def test_a_long_storm_loses_nothing(
    server_environment: dict[str, str], make_person: Callable[[str], Person], model: FakeOpenAI
) -> None:
    people = await in_database(lambda: [make_person(f"person{number}") for number in range(4)])
    seed = env.integer("CHAOS_SEED", 7)
    await endure(server_environment, people, model, Plan.drawn(seed, rounds=8))
