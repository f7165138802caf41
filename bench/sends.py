"""Durable sends acknowledged a second, and what bare psycopg makes of the same rows."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from django.conf import settings
from psycopg import AsyncConnection

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Rival, Row
from bench.wire import Socket
from chat.database import in_database
from chat.models import Thread
from chat.protocol.events import MessageCreated, encode_data
from chat.services import RUN_FEATURE, RUN_QUEUE, RUN_TASK
from netra.ids import MessageID, RunID

TEXT: Final = "What is 6 * 7?"
PEOPLE: Final = 50
REPEATS: Final = 3
RUN_S: Final = 3.0
# A thread takes fifty waiting runs, and nobody runs them here.
SENDS_A_THREAD: Final = 40

# Every row that one send writes, in as few statements as they take.
_STATEMENTS: Final = (
    """
    WITH head AS (
        UPDATE chat_thread SET head = head + 1, updated_at = now() WHERE id = %(thread)s
        RETURNING id, head
    )
    INSERT INTO chat_event (thread_id, seq, type, ts, data)
    SELECT id, head, 'message_created', now(), %(data)s FROM head
    """,
    """
    INSERT INTO billing_reservation
        (key, user_id, feature, period_start, amount, state, lapses_at, created_at)
    VALUES (%(run)s, %(user)s, %(feature)s, date_trunc('month', now()), 1, 'held',
        now() + interval '45 s', now())
    """,
    """
    INSERT INTO billing_usagecounter (user_id, feature, period_start, used, reserved, "limit")
    VALUES (%(user)s, %(feature)s, date_trunc('month', now()), 0, 1, 50000)
    ON CONFLICT (user_id, feature, period_start)
    DO UPDATE SET reserved = billing_usagecounter.reserved + 1
    """,
    """
    WITH job AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
        VALUES (%(queue)s, %(task)s, 0, jsonb_build_object('run_id', %(run)s::text)) RETURNING id
    ), run AS (
        INSERT INTO chat_run (public_id, thread_id, user_id, state, attempt, handovers, trigger,
            agent_name, model, job_id, partial_text, history, history_length, usage, created_at)
        SELECT %(run)s, %(thread)s, %(user)s, 'queued', 0, 0, 'send', '', '', id, '', '', 0, '{}',
            now() FROM job RETURNING id
    )
    INSERT INTO chat_message (public_id, thread_id, user_id, run_id, role, text, seq, client_id,
        request_digest, created_at)
    SELECT %(message)s, %(thread)s, %(user)s, run.id, 'user', %(text)s, thread.head, %(message)s,
        '', now()
    FROM run, chat_thread AS thread WHERE thread.id = %(thread)s
    """,
)


# One message stored by one connection, the number-th of it.
Step = Callable[[int], Awaitable[None]]


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, PEOPLE)
    with servers.web("netra") as netra:
        pairs = [
            (await sends_a_second(netra, crowd), await inserts_a_second(crowd))
            for _ in range(REPEATS)
        ]
    ours, bare = map(list, zip(*pairs, strict=True))
    rival = Rival(name="bare", values=bare)
    return [Row(name="durable sends acknowledged", unit="1/s", netra=ours, beside=rival)]


async def sends_a_second(server: Server, people: Sequence[Person]) -> float:
    """One socket a person, each with one send under way; counted when its ack is there."""
    sockets = [await _ready(server, person) for person in people]
    rate = await _rate([_sender(socket) for socket in sockets])
    for socket in sockets:
        socket.close()
    return rate


async def inserts_a_second(people: Sequence[Person]) -> float:
    """The same rows by as many connections, a transaction a message."""
    connections = [
        await AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) for _ in people
    ]
    threads = [await in_database(person.new_thread) for person in people]
    steps = [
        _inserter(connection, thread)
        for connection, thread in zip(connections, threads, strict=True)
    ]
    rate = await _rate(steps)
    for connection in connections:
        await connection.close()
    return rate


async def _ready(server: Server, person: Person) -> Socket:
    socket = await Socket.open(server.port, cookie=person.cookie)
    await socket.until("ready")
    return socket


def _sender(socket: Socket) -> Step:
    thread_id: str | None = None

    async def send(number: int) -> None:
        nonlocal thread_id
        wanted = None if number % SENDS_A_THREAD == 0 else thread_id
        client_id = secrets.token_hex(12)
        socket.send(type="send", client_id=client_id, thread_id=wanted, text=TEXT)
        ack = msgspec.json.decode(await socket.until("ack"))
        thread_id = ack["thread_id"]

    return send


def _inserter(connection: AsyncConnection[Any], thread: Thread) -> Step:
    async def insert(_number: int) -> None:
        message_id = MessageID.new()
        data = encode_data(MessageCreated(message_id=message_id, role="user", text=TEXT))
        values = {
            "thread": thread.pk,
            "user": thread.user_id,
            "message": str(message_id),
            "run": str(RunID.new()),
            "text": TEXT,
            "data": data,
            "feature": RUN_FEATURE,
            "queue": RUN_QUEUE,
            "task": RUN_TASK,
        }
        async with connection.transaction():
            for statement in _STATEMENTS:
                await connection.execute(statement, values)

    return insert


async def _rate(steps: Sequence[Step]) -> float:
    """Steps a second that all connections end together."""
    deadline = time.perf_counter() + RUN_S

    async def repeat(step: Step) -> int:
        number = 0
        while time.perf_counter() < deadline:
            await step(number)
            number += 1
        return number

    started = time.perf_counter()
    done = await asyncio.gather(*map(repeat, steps))
    return sum(done) / (time.perf_counter() - started)
