"""What web and worker processes alike tell of themselves."""

from collections.abc import Iterator
from typing import Final

from django.db import connections
from prometheus_client.core import Metric

from chat.delivery import bell
from netra.metrics.families import counter, counters, gauge, gauges, histogram
from netra.tally import TALLY, Labelled

_MS_A_SECOND: Final = 1000.0


def process_families() -> Iterator[Metric]:
    yield histogram(
        "netra_event_loop_lag_seconds", "How late the event loop woke a timer.", TALLY.loop_lags
    )
    yield counters(
        "netra_runs_ended", "Runs that this process ended, by how.", "state", TALLY.runs_ended
    )
    yield counters(
        "netra_history_reads",
        "Reads of history where a replica is configured, by who answered.",
        "from",
        TALLY.history_reads,
    )
    yield from _bell()
    yield from _pool()


def _bell() -> Iterator[Metric]:
    ringer = bell.attached()
    dropped, waiting = (0, 0) if ringer is None else (ringer.dropped, ringer.waiting)
    yield counter(
        "netra_bell_dropped",
        "Doorbells that were not rung: the bus was away or slow. Readers heal by the log.",
        dropped,
    )
    yield gauge("netra_bell_waiting", "Doorbells that wait for the bus.", waiting)


def _pool() -> Iterator[Metric]:
    # None where it is switched off, as for tests.
    pool = getattr(connections["default"], "pool", None)
    stats: dict[str, int] = {} if pool is None else pool.get_stats()
    size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
    yield gauges(
        "netra_database_pool_connections",
        "Connections to PostgreSQL that the pool holds.",
        "state",
        {"idle": idle, "used": size - idle},
    )
    yield gauge(
        "netra_database_pool_connections_max",
        "Connections that the pool may hold.",
        stats.get("pool_max", 0),
    )
    yield gauge(
        "netra_database_pool_waiting",
        "Threads that wait for a connection.",
        stats.get("requests_waiting", 0),
    )
    yield counter(
        "netra_database_pool_requests",
        "Times that a connection was asked for.",
        stats.get("requests_num", 0),
    )
    yield counter(
        "netra_database_pool_wait_seconds",
        "Time that was spent waiting for a connection.",
        stats.get("requests_wait_ms", 0) / _MS_A_SECOND,
    )
    yield counters(
        "netra_database_pool_failures",
        "Requests and connections that failed.",
        "of",
        _failed(stats),
    )


def _failed(stats: dict[str, int]) -> Labelled:
    failed = Labelled()
    failed.add("request", stats.get("requests_errors", 0))
    failed.add("connect", stats.get("connections_errors", 0))
    failed.add("lost", stats.get("connections_lost", 0))
    return failed
