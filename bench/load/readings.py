"""What processes, database and bus have done so far, to be subtracted."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.db import connection

from bench import machine

_DATABASE: Final = """
    SELECT
        pg_stat_get_db_xact_commit(oid) + pg_stat_get_db_xact_rollback(oid),
        pg_stat_get_db_tuples_inserted(oid) + pg_stat_get_db_tuples_updated(oid)
            + pg_stat_get_db_tuples_deleted(oid),
        pg_stat_get_db_tuples_fetched(oid),
        pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'),
        (SELECT sum(calls) FROM pg_stat_statements),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
    FROM pg_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process and all that descend from it; shared memory is counted once among them."""

    cpu_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    transactions: int
    rows_written: int
    rows_fetched: int
    wal_bytes: int
    statements: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """`in_bytes` came to it, `out_bytes` left it for all its clients together."""

    commands: int
    in_bytes: int
    out_bytes: int
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    at: float
    processes: Mapping[str, Process]
    database: Database
    bus: Bus


def make_countable() -> None:
    """Let the database count statements; its library must have been loaded at the start."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def engines() -> dict[str, int]:
    """The processes of database and bus, which run on this machine, by name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    return {"PostgreSQL": _parent(backend), "Valkey": int(_bus_info()["process_id"])}


def system(processes: Mapping[str, int]) -> System:
    return System(
        at=time.monotonic(),
        processes={name: _process(root) for name, root in processes.items()},
        database=_database(),
        bus=_bus(),
    )


def computed_s(root: int) -> float:
    """Seconds that a process and all that descend from it have computed."""
    return sum(map(_cpu_s, _all_of(root)))


def _process(root: int) -> Process:
    return Process(
        cpu_s=computed_s(root), memory_bytes=sum(map(_proportional_bytes, _all_of(root)))
    )


def _database() -> Database:
    with connection.cursor() as cursor:
        cursor.execute(_DATABASE)
        transactions, written, fetched, wal, statements, sessions = map(int, cursor.fetchone())
    return Database(
        transactions=transactions,
        rows_written=written,
        rows_fetched=fetched,
        wal_bytes=wal,
        statements=statements,
        sessions=sessions,
    )


def _bus() -> Bus:
    info = _bus_info()
    return Bus(
        commands=int(info["total_commands_processed"]),
        in_bytes=int(info["total_net_input_bytes"]),
        out_bytes=int(info["total_net_output_bytes"]),
        memory_bytes=int(info["used_memory"]),
    )


def _bus_info() -> dict[str, str]:
    bus = redis.Redis.from_url(settings.REDIS_URL)
    try:
        info: dict[str, str] = bus.info()
    finally:
        bus.close()
    return info


def _all_of(root: int) -> list[int]:
    # The servers descend from the process that measures, which is meant alone.
    return [root] if root == os.getpid() else [root, *machine.descendants(root)]


def _cpu_s(process: int) -> float:
    """With that of children that have ended, as a database's sessions do."""
    fields = _stat(process)
    return sum(map(int, fields[11:15])) / machine.TICKS_A_SECOND


def _parent(process: int) -> int:
    return int(_stat(process)[1])


def _stat(process: int) -> list[str]:
    """The fields of proc(5) from the third on; zeros for a process that has just ended."""
    try:
        text = (machine.PROC / str(process) / "stat").read_text("ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ["0"] * 50
    return text.rpartition(")")[2].split()


def _proportional_bytes(process: int) -> int:
    try:
        text = Path(machine.PROC / str(process) / "smaps_rollup").read_text("ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    [line] = [line for line in text.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) * 1024
