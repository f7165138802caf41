"""What a worker tells of its runs."""

from collections.abc import Iterator

from django.conf import settings
from prometheus_client.core import Metric

from chat.runs import tasks
from netra.metrics.families import counters, gauge, histogram
from netra.tally import TALLY


def own_families() -> Iterator[Metric]:
    yield gauge("netra_worker_runs", "Runs that this worker executes.", tasks.running_count())
    yield gauge(
        "netra_worker_runs_max",
        "Runs that it executes at most.",
        settings.NETRA_WORKER_CONCURRENCY,
    )
    yield histogram(
        "netra_run_wait_seconds", "From the message to the run's first attempt.", TALLY.runs_waited
    )
    yield histogram(
        "netra_run_first_text_seconds",
        "From the beginning of an attempt to its first text.",
        TALLY.first_texts,
    )
    yield histogram(
        "netra_run_seconds", "From the first attempt to the end of a run.", TALLY.runs_took
    )
    yield counters(
        "netra_runs_reaped",
        "Runs that nobody looked after any more.",
        "how",
        TALLY.runs_reaped,
    )
