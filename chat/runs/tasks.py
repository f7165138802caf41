"""The worker's tasks: execute a run, keep its lease, look after runs that were abandoned."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from django.db import Error as DatabaseError
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import ProcrastinateException
from procrastinate.job_context import AbortReason
from psycopg_pool import PoolTimeout

from accounts import impersonation
from billing import services as billing
from chat import approvals, dead_letters, erasure, nodes, titles, turns, uploads
from chat.agents import trial
from chat.agents.fallback import Chain, chain_of
from chat.agents.mcp.checks import Rounds
from chat.agents.titles import title_of
from chat.database import in_database
from chat.delivery import trace
from chat.delivery.log import Fenced
from chat.model_rows import TEST_TASK
from chat.runs import attempts, reaper
from chat.runs.attempts import Attempt
from chat.runs.runner import Runner
from netra import traces

logger = structlog.get_logger(__name__)

BEAT_EVERY_S: Final = 1.0
# An expired grant is in the ledger within 15 s.
HOUSEKEEPING_EVERY_S: Final = 10.0
# A mail that says "in 7 days" may be a minute late.
MAILS_EVERY_S: Final = 60.0
# What is paid is known at once by the provider's news; this is for news that could not be used.
PAYMENTS_EVERY_S: Final = 15.0
# Each server is due once a minute, and when an operator asks.
SERVERS_EVERY_S: Final = 2.0

# A task that does not heed its cancellation must not hold up Stop: its writes are fenced.
CANCELLED_WITHIN_S: Final = 0.3

# By run and attempt: a lost attempt may still be winding up beside the one that took over.
_running: dict[tuple[str, int], tuple[Runner, asyncio.Task[None]]] = {}


@app.task(name=turns.RUN_TASK, queue=turns.RUN_QUEUE, pass_context=True)
async def execute_run(context: JobContext, run_id: str, traceparent: str = "") -> None:
    """Run one attempt, if the run is to be had; ends it on every path but a lost worker."""
    with traces.within(traceparent):
        await _execute(context, run_id)


async def _execute(context: JobContext, run_id: str) -> None:
    taken = await in_database(_take, run_id)
    if taken is None:
        return
    attempt, chain = taken
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        runner = Runner(attempt, chain)
        key = (run_id, attempt.attempt)
        with traces.span("run", run_id=run_id, attempt=attempt.attempt):
            # A task of its own: a stop cancels the agent, never the code that ends the run.
            work = asyncio.create_task(runner.run())
            _running[key] = (runner, work)
            try:
                await _supervise(context, runner, work)
            except Fenced:
                logger.info("the run went on elsewhere")
            finally:
                del _running[key]
        if not context.should_abort():
            await _give_title(runner)


def _take(run_id: str) -> tuple[Attempt, Chain] | None:
    chain = chain_of(run_id)
    if chain is None:
        return None
    choice = chain.choice
    attempt = attempts.claim(run_id, agent_name=choice.agent_name, model=choice.name)
    return None if attempt is None else (attempt, chain)


@app.task(name=TEST_TASK, queue=turns.RUN_QUEUE)
async def test_model(model_id: str) -> None:
    """Try a model for an operator: here, since it is from here that it will be asked."""
    await trial.test_model(model_id)


async def _give_title(runner: Runner) -> None:
    """Call the thread by what its first answer made of it; outside the run, and not charged."""
    untitled = await in_database(titles.untitled, runner.attempt.run_id)
    if untitled is not None:
        title = await title_of(runner.choice, untitled.question, untitled.answer)
        await in_database(titles.give_title, untitled, title)


async def _supervise(context: JobContext, runner: Runner, work: asyncio.Task[None]) -> None:
    try:
        await asyncio.shield(work)
        return
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.wait({work}, timeout=CANCELLED_WITHIN_S)
    if work.done() and not work.cancelled() and work.exception() is None:
        return
    if context.abort_reason() == AbortReason.SHUTDOWN:
        # Another worker takes it at once, instead of after the lease.
        await in_database(attempts.give_back, runner.attempt)
        return
    await runner.finish("stopped")


def running_count() -> int:
    """How many runs this process executes."""
    return len(_running)


async def beat() -> None:
    """Keep the leases of this process's runs and look after abandoned ones, until cancelled."""
    await _repeat(_renew_leases, every_s=BEAT_EVERY_S)


async def keep_house() -> None:
    """What is due now and then; apart from the beat, which it must not delay."""
    await _repeat(_keep_house_once, every_s=HOUSEKEEPING_EVERY_S)


async def send_mails() -> None:
    """What is due of mails; apart from the house, which a slow mail server must not hold up."""
    await _repeat(_send_mails_once, every_s=MAILS_EVERY_S)


async def read_payments() -> None:
    """What is due of payments; apart from the rest, which a slow provider must not hold up."""
    await _repeat(_read_payments_once, every_s=PAYMENTS_EVERY_S)


async def check_servers() -> None:
    """Look at servers of tools; apart from the rest, which a slow one must not hold up."""
    await _repeat(Rounds().check_due, every_s=SERVERS_EVERY_S)


async def _repeat(work: Callable[[], Awaitable[None]], *, every_s: float) -> None:
    while True:
        try:
            await work()
        except (DatabaseError, PoolTimeout, ProcrastinateException):
            logger.warning("the database is away", work=work.__name__)
        except Exception:  # an outermost loop: without it no run is looked after any more
            logger.exception("a beat failed", work=work.__name__)
        await asyncio.sleep(every_s)


async def _renew_leases() -> None:
    mine = [runner.attempt for runner, _ in _running.values()]
    lost = await in_database(attempts.renew_leases, mine)
    for (run_id, _attempt), (_runner, work) in tuple(_running.items()):
        if run_id in lost:
            # Asked to stop, or no longer ours; which of the two, `_supervise` finds out.
            work.cancel()
    await in_database(reaper.reap)
    await in_database(approvals.expire)


async def _keep_house_once() -> None:
    await in_database(reaper.drop_orphaned_jobs)
    await in_database(billing.record_expiries)
    await in_database(billing.prune_usage)
    await in_database(uploads.drop_unsent_files)
    await in_database(dead_letters.prune)
    await in_database(trace.prune)
    await in_database(nodes.forget_dead)
    await in_database(erasure.erase_deleted)
    await in_database(erasure.empty_bin)
    await in_database(impersonation.end_expired)


async def _send_mails_once() -> None:
    await in_database(billing.send_due_reminders)
    await in_database(billing.send_usage_warnings)


async def _read_payments_once() -> None:
    await in_database(billing.act_on_waiting_events)
    await in_database(billing.read_due_customers)
    await in_database(billing.prune_events)
