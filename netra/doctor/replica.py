"""The replica that reads of history may go to: there, a replica, of ours, and not far behind."""

import time
from typing import Any, Final

import psycopg
from django.db import connections

from netra.doctor.database import session, told
from netra.doctor.findings import Finding, Findings, fine, problem, warning
from netra.replica import ALIAS, POSITION

COMES_WITHIN_S: Final = 1.0
_WHOSE: Final = "SELECT system_identifier FROM pg_control_system()"
_BEHIND: Final = "SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())::bigint"


def check_replica() -> Findings:
    if ALIAS not in connections:
        return
    try:
        with session() as primary, session(ALIAS) as replica:
            yield _check(primary, replica)
    except psycopg.Error as error:
        yield warning(
            "replica",
            told(error),
            "The primary answers alone. Start the replica, or correct DATABASE_REPLICA_URL.",
        )


def _check(primary: psycopg.Connection[Any], replica: psycopg.Connection[Any]) -> Finding:
    if replica.execute("SELECT pg_is_in_recovery()").fetchone() != (True,):
        return problem(
            "replica",
            "it takes writes, so it is none, or was promoted",
            "Name a standby in DATABASE_REPLICA_URL, and in DATABASE_URL what is the primary now.",
        )
    if primary.execute(_WHOSE).fetchone() != replica.execute(_WHOSE).fetchone():
        return problem(
            "replica",
            "it is of another database",
            "Name in DATABASE_REPLICA_URL a standby that streams from DATABASE_URL.",
        )
    behind = _bytes_behind(primary, replica)
    if behind > 0:
        return warning(
            "replica",
            f"{behind:,} bytes behind after {COMES_WITHIN_S:.0f} s",
            "The primary answers instead. See pg_stat_replication there, and the replica's log.",
        )
    return fine("replica", "it streams and keeps up")


def _bytes_behind(primary: psycopg.Connection[Any], replica: psycopg.Connection[Any]) -> int:
    """How much it has yet to replay of what was there a moment ago."""
    position = primary.execute(POSITION).fetchone()
    deadline = time.monotonic() + COMES_WITHIN_S
    while True:
        row = replica.execute(_BEHIND, position).fetchone()
        behind: int = 0 if row is None else row[0]
        if behind <= 0 or time.monotonic() > deadline:
            return behind
        time.sleep(0.02)
