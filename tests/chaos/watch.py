"""What is looked at all through a storm: silence, memory, and what the database says."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import psycopg
from django.conf import settings

from tests.chaos.people import Chatter
from tests.chaos.plan import Step
from tests.chaos.witness import Witness
from tests.chaos.world import World

LOOKS_EVERY_S: Final = 0.1
WEIGHS_EVERY_S: Final = 1.0
ASKS_EVERY_S: Final = 2.0
MIB: Final = 1024 * 1024
KEPT_MAX: Final = 100

# Each gives rows only where something is that must never be, at any moment of a storm.
NEVER: Final = {
    "a log has a gap": """
        SELECT thread.public_id FROM chat_thread thread JOIN chat_event event
            ON event.thread_id = thread.id
        GROUP BY thread.id HAVING count(*) <> thread.head OR max(event.seq) <> thread.head
            OR count(DISTINCT event.seq) <> thread.head
        """,
    "a run has ended twice": """
        SELECT run_id FROM chat_event WHERE type = 'agent_completed'
        GROUP BY run_id HAVING count(*) > 1
        """,
    "a run has ended without its event, or the other way round": """
        SELECT run.public_id FROM chat_run run LEFT JOIN chat_event event
            ON event.run_id = run.public_id AND event.type = 'agent_completed'
        WHERE (run.ended_at IS NULL) <> (event.id IS NULL)
        """,
    "a text is in the thread of another user": """
        SELECT message.public_id FROM chat_message message JOIN chat_thread thread
            ON thread.id = message.thread_id WHERE message.user_id <> thread.user_id
        """,
    "a quota was passed, or does not add up": """
        SELECT counter.user_id FROM billing_usagecounter counter LEFT JOIN (
            SELECT user_id, feature, period_start,
                sum(amount) FILTER (WHERE state = 'settled') AS used,
                sum(amount) FILTER (WHERE state = 'held') AS reserved
            FROM billing_reservation GROUP BY 1, 2, 3
        ) ledger USING (user_id, feature, period_start)
        WHERE counter.used <> coalesce(ledger.used, 0)
            OR counter.reserved <> coalesce(ledger.reserved, 0)
            OR counter.used + counter.reserved > counter.limit
        """,
}


@dataclass(slots=True, kw_only=True)
class Row:
    """What clients saw of one fault, until the next one began."""

    step: Step
    began_s: float
    took_s: float = 0.0
    # By user: the longest silence that began meanwhile, also where it lasted beyond.
    silences_s: dict[int, float] = field(default_factory=dict)
    sockets: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    memory_mib: int = 0
    faults: int = 0

    @property
    def silence_s(self) -> tuple[float, float]:
        """The longest silence of the user in the middle, and of the worst off."""
        silences_s = self.silences_s.values()
        return (median(silences_s), max(silences_s)) if silences_s else (0.0, 0.0)


class Watch:
    """Looks at everything again and again; what must not be, it keeps in words."""

    def __init__(self, world: World, chatters: Sequence[Chatter], witness: Witness) -> None:
        self.faults: list[str] = []
        self.questions = 0
        self._world = world
        self._chatters = chatters
        self._witness = witness
        now = time.monotonic()
        self._row: Row | None = None
        # What each user saw last, since when, and what was being done at that moment.
        self._sights: list[tuple[object, float, Row | None]] = [
            (chatter.sight(), now, None) for chatter in chatters
        ]
        self._sockets = 0
        self._memory = 0

    async def look(self) -> None:
        """Notice how long each user who waits for something has been shown nothing."""
        while True:
            await asyncio.sleep(LOOKS_EVERY_S)
            now = time.monotonic()
            for number, chatter in enumerate(self._chatters):
                seen, since, row = self._sights[number]
                sight = chatter.sight()
                if sight != seen or not chatter.is_waiting:
                    self._sights[number] = (sight, now, self._row)
                elif row is not None:
                    row.silences_s[number] = max(row.silences_s.get(number, 0.0), now - since)

    async def weigh(self) -> None:
        """Notice how much memory the processes take, and whether one is gone by itself."""
        while True:
            for member in self._world.members:
                member.weigh()
                if member.has_ended_itself():
                    self.fault(f"{member.name} has ended by itself")
            self._memory = sum(one.resident_bytes for one in self._world.members) // MIB
            await asyncio.sleep(WEIGHS_EVERY_S)

    async def ask(self) -> None:
        """Ask the database for what must never be, whenever it answers."""
        while True:
            await asyncio.sleep(ASKS_EVERY_S)
            for words in await asyncio.to_thread(self._forbidden):
                self.fault(words)

    def _forbidden(self) -> list[str]:
        found = []
        try:
            with psycopg.connect(settings.DATABASE_URL, connect_timeout=5) as session:
                for words, query in NEVER.items():
                    rows = session.execute(query).fetchmany(3)
                    self.questions += 1
                    found += [f"{words}: {row[0]}" for row in rows]
        except psycopg.OperationalError:
            return found
        return found

    def fault(self, words: str) -> None:
        if words not in self.faults and len(self.faults) < KEPT_MAX:
            self.faults.append(words)

    def begin(self, step: Step, at_s: float) -> Row:
        """A fault begins: which sockets end from now on is told of it."""
        self._witness.take_ended()
        self._sockets = self._witness.sockets
        self._row = Row(step=step, began_s=at_s)
        return self._row

    def end(self, row: Row) -> None:
        row.sockets = self._witness.sockets - self._sockets
        row.codes = self._witness.take_ended()
        row.memory_mib = self._memory
        row.faults = len(self.faults) + len(self._witness.faults)
