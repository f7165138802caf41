"""Durable sends acknowledged a second, and what bare psycopg makes of the same rows."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from django.conf import settings
from psycopg import AsyncConnection

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Rival, Row, Wanted
from bench.wire import Socket
from chat.database import in_database
from chat.protocol.events import MessageCreated, encode_data
from chat.questions import MESSAGE_FEATURE, RUN_FEATURE
from chat.turns import RUN_QUEUE, RUN_TASK, SLOT_FEATURE
from netra.ids import MessageID, RunID, ThreadID

TEXT: Final = "What is 6 * 7?"
PEOPLE: Final = 50
REPEATS: Final = 3
RUN_S: Final = 3.0
FEATURES: Final = [RUN_FEATURE, MESSAGE_FEATURE, SLOT_FEATURE]

# Every row that one send to a new thread writes, in as few statements as they take.
_STATEMENTS: Final = (
    """
    WITH thread AS (
        INSERT INTO chat_thread (public_id, user_id, title, model_choice, head, read_seq, tip_id,
            created_at, updated_at)
        VALUES (%(thread)s, %(user)s, %(text)s, '', 1, 1,
            nextval(pg_get_serial_sequence('chat_run', 'id')), now(), now())
        RETURNING id
    )
    INSERT INTO chat_event (thread_id, seq, type, ts, data)
    SELECT id, 1, 'message_created', now(), %(data)s FROM thread
    """,
    """
    INSERT INTO billing_reservation
        (key, user_id, feature, period_start, amount, state, lapses_at, created_at)
    SELECT feature || %(run)s, %(user)s, feature, date_trunc('month', now()), 1, 'held',
        NULL, now()
    FROM unnest(%(features)s::text[]) AS feature
    """,
    """
    INSERT INTO billing_usagecounter (user_id, feature, period_start, used, reserved, "limit")
    SELECT %(user)s, feature, date_trunc('month', now()), 0, 1, 50000
    FROM unnest(%(features)s::text[]) AS feature
    ON CONFLICT (user_id, feature, period_start)
    DO UPDATE SET reserved = billing_usagecounter.reserved + 1
    """,
    """
    WITH job AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
        VALUES (%(queue)s, %(task)s, 0, jsonb_build_object('run_id', %(run)s::text)) RETURNING id
    ), thread AS (
        SELECT id FROM chat_thread WHERE public_id = %(thread)s
    ), message AS (
        INSERT INTO chat_message (public_id, thread_id, user_id, role, text, seq, client_id,
            request_digest, created_at)
        SELECT %(message)s, id, %(user)s, 'user', %(text)s, 1, %(message)s, '', now()
        FROM thread RETURNING id, thread_id
    )
    INSERT INTO chat_run (id, public_id, thread_id, user_id, state, attempt, handovers, waits,
        trigger, question_id, precedence, agent_name, model, job_id, partial_text, history,
        history_length, usage, created_at)
    SELECT currval(pg_get_serial_sequence('chat_run', 'id')), %(run)s, message.thread_id, %(user)s,
        'queued', 0, 0, 0, 'send', message.id, 0, '', '', job.id, '', '', 0, '{}', now()
    FROM job, message
    """,
)


# One message stored by one connection.
Step = Callable[[], Awaitable[None]]


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, PEOPLE)
    with servers.web("netra") as netra:
        pairs = [
            (await sends_a_second(netra, crowd), await inserts_a_second(crowd))
            for _ in range(REPEATS)
        ]
    ours, bare = map(list, zip(*pairs, strict=True))
    rival = Rival(name="bare", values=bare)
    wanted = (Wanted(bound="least", value=0.5, of="ratio"),)
    name = "durable sends acknowledged"
    return [Row(name=name, unit="1/s", netra=ours, beside=rival, wanted=wanted)]


async def sends_a_second(server: Server, people: Sequence[Person]) -> float:
    """One socket a person, each with one send under way; counted when its ack is there."""
    sockets = [await _ready(server, person) for person in people]
    found = await rate([_sender(socket) for socket in sockets])
    for socket in sockets:
        socket.close()
    return found


async def inserts_a_second(people: Sequence[Person]) -> float:
    """The same rows by as many connections, a transaction a message."""
    connections = [
        await AsyncConnection.connect(settings.DATABASE_URL, autocommit=True) for _ in people
    ]
    steps = [
        _inserter(connection, person)
        for connection, person in zip(connections, people, strict=True)
    ]
    found = await rate(steps)
    for connection in connections:
        await connection.close()
    return found


async def _ready(server: Server, person: Person) -> Socket:
    socket = await Socket.open(server.port, cookie=person.cookie)
    await socket.until("ready")
    return socket


def _sender(socket: Socket) -> Step:
    async def send() -> None:
        client_id = secrets.token_hex(12)
        socket.send(type="send", client_id=client_id, thread_id=None, text=TEXT)
        await socket.until("ack")

    return send


def _inserter(connection: AsyncConnection[Any], person: Person) -> Step:
    async def insert() -> None:
        message_id = MessageID.new()
        data = encode_data(MessageCreated(message_id=message_id, role="user", text=TEXT))
        values = {
            "thread": str(ThreadID.new()),
            "user": person.user.pk,
            "message": str(message_id),
            "run": str(RunID.new()),
            "text": TEXT,
            "data": data,
            "features": FEATURES,
            "queue": RUN_QUEUE,
            "task": RUN_TASK,
        }
        async with connection.transaction():
            for statement in _STATEMENTS:
                await connection.execute(statement, values)

    return insert


async def rate(steps: Sequence[Step]) -> float:
    """Steps a second that all connections end together."""
    deadline = time.perf_counter() + RUN_S

    async def repeat(step: Step) -> int:
        number = 0
        while time.perf_counter() < deadline:
            await step()
            number += 1
        return number

    started = time.perf_counter()
    done = await asyncio.gather(*map(repeat, steps))
    return sum(done) / (time.perf_counter() - started)
