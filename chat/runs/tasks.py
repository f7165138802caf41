"""The worker's tasks: execute a run, keep its lease, look after runs that were abandoned."""

import asyncio
from typing import Final

import structlog
from django.db import Error as DatabaseError
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.job_context import AbortReason
from psycopg_pool import PoolTimeout

from billing import services as billing
from chat import services
from chat.agents.models import current_model
from chat.database import in_database
from chat.delivery.log import Fenced
from chat.runs import attempts, reaper
from chat.runs.runner import Runner

logger = structlog.get_logger(__name__)

BEAT_EVERY_S: Final = 1.0
# Reservations lapse after 45 s, and an expired grant is in the ledger within 15 s.
THOROUGH_EVERY_BEATS: Final = 10

_running: dict[str, tuple[Runner, asyncio.Task[None]]] = {}


@app.task(name=services.RUN_TASK, queue=services.RUN_QUEUE, pass_context=True)
async def execute_run(context: JobContext, run_id: str) -> None:
    """Run one attempt, if the run is to be had; ends it on every path but a lost worker."""
    choice = current_model()
    attempt = await in_database(
        attempts.claim, run_id, agent_name=choice.agent_name, model=choice.name
    )
    if attempt is None:
        return
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        runner = Runner(attempt, choice)
        # A task of its own: a stop cancels the agent, never the code that ends the run.
        work = asyncio.create_task(runner.run())
        _running[run_id] = (runner, work)
        try:
            await _supervise(context, runner, work)
        except Fenced:
            logger.info("the run went on elsewhere")
        finally:
            del _running[run_id]


async def _supervise(context: JobContext, runner: Runner, work: asyncio.Task[None]) -> None:
    try:
        await asyncio.shield(work)
        return
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled() and work.exception() is None:
        return
    if context.abort_reason() == AbortReason.SHUTDOWN:
        # Another worker takes it at once, instead of after the lease.
        await in_database(attempts.give_back, runner.attempt)
        return
    await runner.finish("stopped")


async def beat() -> None:
    """Keep the leases of this process's runs and look after abandoned ones, until cancelled."""
    beats = 0
    while True:
        try:
            await _beat_once(thorough=beats % THOROUGH_EVERY_BEATS == 0)
        except (DatabaseError, PoolTimeout):
            logger.warning("the database is away; leases are not renewed")
        beats += 1
        await asyncio.sleep(BEAT_EVERY_S)


async def _beat_once(*, thorough: bool) -> None:
    mine = [runner.attempt for runner, _ in _running.values()]
    lost = await in_database(attempts.renew_leases, mine)
    for run_id in lost & _running.keys():
        # Asked to stop, or no longer ours; which of the two, `_supervise` finds out.
        _running[run_id][1].cancel()
    await in_database(reaper.reap)
    if thorough:
        await in_database(reaper.renew_reservations)
        await in_database(reaper.drop_orphaned_jobs)
        await in_database(billing.record_expiries)
        await in_database(billing.prune_usage)
        await in_database(services.drop_unsent_files)
