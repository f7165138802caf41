"""Every section of the bench by name, measured one after the other."""

import sys
import time
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


async def measure(names: Sequence[str]) -> None:
    """Measure the sections of these names, and print each row when it is known."""
    started = time.monotonic()
    lines = [*machine.description(await in_database(_engines)), table.heading()]
    print("\n".join(lines), flush=True)
    for name in names:
        begun = time.monotonic()
        rows = await SECTIONS[name]()
        print("\n".join(row.line() for row in rows), flush=True)
        print(f"{name} took {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(f"took {time.monotonic() - started:.0f} s")


def _engines() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return [f"PostgreSQL {cursor.fetchone()[0]}"]
