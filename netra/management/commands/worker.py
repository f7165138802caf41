"""`manage.py worker`: executes agent runs until told to stop."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from psycopg_pool import PoolTimeout

from chat.agents import models
from chat.delivery import bell, trace
from chat.runs import tasks
from chat.turns import RUN_QUEUE
from netra import traces
from netra.lag import watch_lag
from netra.metrics.port import serve_metrics

logger = structlog.get_logger(__name__)

HEARTBEAT_S = 1.0
# A worker that missed ten heartbeats is dead; its runs were taken over long before.
STALLED_AFTER_S = 10.0
# What a run may still take to end after SIGTERM; others are handed to another worker.
GRACE_S = 3.0
RINGS_OUT_WITHIN_S = 1.0
LISTEN_AGAIN_S = 0.5
BEGINS_AGAIN_AFTER_S = 1.0
METRICS = "netra.metrics.worker"
BEATS = (
    tasks.beat,
    tasks.keep_house,
    tasks.send_mails,
    tasks.read_payments,
    tasks.check_servers,
    watch_lag,
)


class Command(BaseCommand):
    help = "Execute agent runs until SIGTERM or Ctrl-C."

    def handle(self, *_args: Any, **_options: Any) -> None:
        with contextlib.suppress(DatabaseError, PoolTimeout):
            # Without a database it starts all the same; then the first run imports what it needs.
            models.prepare()
        # What was imported stays: the collector need not walk it again.
        gc.collect()
        gc.freeze()
        # A run makes some ten thousand objects that go with it.
        gc.set_threshold(10_000, 20, 20)
        traces.begin("netra-worker", endpoint=settings.OTEL_EXPORTER_OTLP_ENDPOINT)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_work())
        finally:
            traces.end()


def _steadily(listen: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Listen again after an outage: the library gives up when its first reconnect fails.

    Without it runs would wait for the next poll, and stops for the next beat, ever after.
    """

    async def listen_on(*arguments: Any, **options: Any) -> None:
        while True:
            try:
                await listen(*arguments, **options)
            except (ConnectorException, psycopg.OperationalError):
                await asyncio.sleep(LISTEN_AGAIN_S)

    return listen_on


async def _work() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    ringer = bell.attach()
    beats = [asyncio.create_task(beat()) for beat in BEATS]
    if settings.NETRA_METRICS_PORT:
        host, port = settings.NETRA_METRICS_HOST, settings.NETRA_METRICS_PORT
        beats.append(asyncio.create_task(serve_metrics(METRICS, host=host, port=port)))
    try:
        while not asked.is_set():
            await _take_jobs_until(asked)
    finally:
        for beat in beats:
            beat.cancel()
        await asyncio.gather(*beats, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            # A frozen bus must not keep the process: what it missed, the log has.
            async with asyncio.timeout(RINGS_OUT_WITHIN_S):
                await ringer.drained()
                await trace.current().write()


async def _take_jobs_until(asked: asyncio.Event) -> None:
    """Take jobs until asked to stop, or until the database has been away for half a minute.

    The library ends its worker then, with or without an error; whoever calls begins a new one.
    """
    jobs = asyncio.create_task(_take_jobs())
    stop = asyncio.create_task(asked.wait())
    await asyncio.wait({jobs, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    # It ends in order: what it executes has its grace.
    jobs.cancel()
    try:
        await jobs
    except asyncio.CancelledError:
        return
    except (ConnectorException, psycopg.OperationalError) as error:
        why = str(error.__cause__ or error).partition("\n")[0]
        logger.warning("the worker lost its queue and begins again", error=why)
    if not asked.is_set():
        await asyncio.sleep(BEGINS_AGAIN_AFTER_S)


async def _take_jobs() -> None:
    # An app of its own: defers inside tasks stay with Django's connection and transactions.
    connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]  # Django's has it
    connector.listen_notify = _steadily(connector.listen_notify)
    worker = app.with_connector(connector)
    async with worker.open_async():
        await worker.run_worker_async(
            queues=[RUN_QUEUE],
            concurrency=settings.NETRA_WORKER_CONCURRENCY,
            delete_jobs="always",
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=STALLED_AFTER_S,
            shutdown_graceful_timeout=GRACE_S,
            install_signal_handlers=False,
        )
