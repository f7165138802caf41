"""What the database knows of the whole deployment, asked when somebody looks.

Every process tells the same; a graph takes the maximum over all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.db import connection, transaction
from prometheus_client.core import Metric

from chat.nodes import DEAD_AFTER
from chat.selectors import WORKER_SILENCE_S
from netra.metrics.families import gauge, gauges

# A look must not load a database that is slow already.
ANSWERED_WITHIN_MS: Final = 1000

# One visit: `what`, `label`, `value`. Each part has an index, or a table that stays small.
_FACTS: Final = """
SELECT 'runs', state, count(*)::float8 FROM chat_run
 WHERE state IN ('queued', 'running', 'waiting') GROUP BY state
UNION ALL
SELECT 'run_ages', state, greatest(0, extract(epoch FROM now() - min(created_at)))::float8
  FROM chat_run WHERE state IN ('queued', 'running', 'waiting') GROUP BY state
UNION ALL
SELECT 'jobs', status::text, count(*) FROM procrastinate_jobs
 WHERE status IN ('todo', 'doing') GROUP BY status
UNION ALL
SELECT 'holds', feature, count(*) FROM billing_reservation WHERE state = 'held' GROUP BY feature
UNION ALL
SELECT 'letters', '', count(*) FROM chat_deadletter WHERE state = 'waiting'
UNION ALL
SELECT 'payments', state, count(*) FROM billing_webhookevent
 WHERE state IN ('waiting', 'failed') GROUP BY state
UNION ALL
SELECT 'nodes', '', count(*) FROM chat_node WHERE beat_at > now() - make_interval(secs => %(dead)s)
UNION ALL
SELECT 'workers', '', count(*) FROM procrastinate_workers
 WHERE last_heartbeat > now() - make_interval(secs => %(silent)s)
UNION ALL
SELECT 'sessions', '', count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
UNION ALL
SELECT 'sessions_max', '', current_setting('max_connections')::float8
"""


@dataclass(slots=True)
class Facts:
    """What was found, by subject and label; `found` is false where the database did not answer."""

    found: bool = False
    _values: dict[str, dict[str, float]] = field(default_factory=dict)

    def put(self, what: str, label: str, value: float) -> None:
        self._values.setdefault(what, {})[label] = value

    def of(self, what: str) -> Mapping[str, float]:
        return self._values.get(what, {})

    def all_of(self, what: str, *labels: str) -> dict[str, float]:
        """With a zero for each of these labels that was not found."""
        return dict.fromkeys(labels, 0.0) | dict(self.of(what))

    def one(self, what: str) -> float:
        return self.of(what).get("", 0.0)


def read_facts() -> Facts:
    """Ask the database; raises what Django raises when it is away or too slow."""
    facts = Facts(found=True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {ANSWERED_WITHIN_MS}")
        cursor.execute(_FACTS, {"dead": DEAD_AFTER.total_seconds(), "silent": WORKER_SILENCE_S})
        for what, label, value in cursor.fetchall():
            facts.put(what, label, value)
    return facts


def deployment_families(facts: Facts) -> Iterator[Metric]:
    yield gauge(
        "netra_database_answers", "Whether the database told what follows.", float(facts.found)
    )
    if facts.found:
        yield from _work(facts)
        yield from _machinery(facts)


def _work(facts: Facts) -> Iterator[Metric]:
    states = ("queued", "running", "waiting")
    yield gauges("netra_runs", "Runs that have not ended.", "state", facts.all_of("runs", *states))
    yield gauges(
        "netra_run_oldest_seconds",
        "Age of the oldest run in a state, since its message.",
        "state",
        facts.all_of("run_ages", *states),
    )
    yield gauges(
        "netra_jobs", "Jobs of the queue.", "status", facts.all_of("jobs", "todo", "doing")
    )
    yield gauges("netra_holds", "Amounts of a limit that are held.", "limit", facts.of("holds"))
    yield gauge(
        "netra_dead_letters", "Frames that wait for an operator's decision.", facts.one("letters")
    )
    yield gauges(
        "netra_payment_events",
        "News of the payment provider not acted upon yet, and given up.",
        "state",
        facts.all_of("payments", "waiting", "failed"),
    )


def _machinery(facts: Facts) -> Iterator[Metric]:
    yield gauge("netra_web_processes", "Web processes that beat.", facts.one("nodes"))
    yield gauge("netra_worker_processes", "Workers that beat.", facts.one("workers"))
    yield gauge("netra_database_sessions", "Sessions of PostgreSQL.", facts.one("sessions"))
    yield gauge(
        "netra_database_sessions_max", "Sessions it takes at most.", facts.one("sessions_max")
    )
