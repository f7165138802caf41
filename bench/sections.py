"""Every section of the bench by name, measured one after the other."""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from django.db import connection

from bench import (
    analysis,
    api,
    arrivals,
    daphne,
    deliveries,
    entitlements,
    first_event,
    idle,
    machine,
    memory,
    outage,
    page,
    resume,
    sends,
    stalled,
    startup,
    stops,
    streams,
    table,
)
from bench.peers import chats, connects, echoes, fan_out, resumes
from bench.table import Row
from chat.database import in_database

SECTIONS: Final[Mapping[str, Callable[[], Awaitable[list[Row]]]]] = MappingProxyType(
    {
        "deliveries": deliveries.rows,
        "setup": arrivals.rows,
        "resume": resume.rows,
        "outage": outage.rows,
        "stalled": stalled.rows,
        "memory": memory.rows,
        "idle": idle.rows,
        "first": first_event.rows,
        "streams": streams.rows,
        "stops": stops.rows,
        "analysis": analysis.rows,
        "sends": sends.rows,
        "api": api.rows,
        "entitlements": entitlements.rows,
        "page": page.rows,
        "startup": startup.rows,
        "daphne": daphne.rows,
    }
)


# Measured only when asked for: they install other people's programs.
PEERS: Final[Mapping[str, Callable[[], Awaitable[list[Row]]]]] = MappingProxyType(
    {
        "peers-fan-out": fan_out.rows,
        "peers-echo": echoes.rows,
        "peers-connect": connects.rows,
        "peers-resume": resumes.rows,
        "peers-chat": chats.rows,
    }
)


# The longest takes three minutes, several times as long on a busy machine.
ENDS_WITHIN_S: Final = 900.0


def sections_of(names: Sequence[str]) -> list[str]:
    """What is meant by these names: all without one, and those of the peers by `peers`."""
    if not names:
        return list(SECTIONS)
    return [one for name in names for one in (PEERS if name == "peers" else [name])]


async def measure(names: Sequence[str]) -> bool:
    """Measure the sections of these names, and print each row when it is known; did all end?"""
    started = time.monotonic()
    ended = True
    lines = [*machine.description(await in_database(_engines)), table.heading()]
    print("\n".join(lines), flush=True)
    for name in names:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                rows = await {**SECTIONS, **PEERS}[name]()
        # Whatever it is, the other sections' figures are not lost for it.
        except Exception:
            traceback.print_exc()
            ended = False
            continue
        print("\n".join(row.line() for row in rows), flush=True)
        print(f"{name} took {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(f"took {time.monotonic() - started:.0f} s")
    return ended


def _engines() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return [f"PostgreSQL {cursor.fetchone()[0]}"]
