"""Clocks: leases are the database's, but ages, codes and tokens are read by every machine's own."""

import time
from datetime import UTC, datetime
from typing import Final

import psycopg
import redis
from django.conf import settings

from chat.delivery.shards import client_of
from netra.doctor.bus import WITHIN_S, whose
from netra.doctor.database import session
from netra.doctor.findings import Finding, Findings, fine, problem, warning

# Looks back for revoked access reach ten seconds.
PROBLEM_FROM_S: Final = 5.0
WARNING_FROM_S: Final = 1.0


def check_clocks() -> Findings:
    try:
        with session() as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            yield compared("database", row[0].timestamp(), ours=time.time())
    except psycopg.Error:
        pass  # said already, by the check of the database
    for shard in settings.BUS:
        try:
            with client_of(
                shard, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S
            ) as client:
                seconds, micros = client.time()
                yield compared(whose(shard), seconds + micros / 1e6, ours=time.time())
        except (redis.RedisError, OSError):
            pass  # said already, by the check of the bus


def compared(whose: str, theirs: float, *, ours: float) -> Finding:
    name, apart_s = f"clock of the {whose}", abs(theirs - ours)
    if apart_s < WARNING_FROM_S:
        return fine(name, f"{apart_s * 1000:.0f} ms apart")
    found = f"{apart_s:.1f} s apart; here it is {datetime.fromtimestamp(ours, UTC):%H:%M:%S} UTC"
    advice = "Let all machines follow the same time servers (chrony, systemd-timesyncd)."
    judged = problem if apart_s >= PROBLEM_FROM_S else warning
    return judged(name, found, advice)
