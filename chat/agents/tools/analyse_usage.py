"""The tool that analyses an LLM usage export of the thread."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from threading import Event

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.data_sets import choose
from chat.agents.tools.registry import ToolCall, ToolFault, tool
from chat.agents.usage.analysis import Export, analyse
from chat.agents.usage.report import Focus, UsageReport
from chat.agents.usage.selection import Narrowing, UnknownName
from chat.agents.usage.table import BYTES_MAX, UnreadableData

# Threads of Python share one core: more at once would only all be late, and each holds a file.
ANALYSTS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="analyst")

ANOTHER_FORM = "Attach or paste the data in another form, and I'll try once more."
TERMS_MAX = 10
TERM_CHARS_MAX = 100


class UsageQuestion(BaseModel):
    """What to analyse."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(
        default="",
        max_length=200,
        description="Id or name of an attached file or paste; empty for the newest data set.",
    )
    focus: Focus = Field(
        default=Focus.SUMMARY,
        description="What the question is about; it decides which charts are drawn.",
    )
    only: list[str] = Field(
        default=[],
        max_length=TERMS_MAX,
        description="Models, users or projects to restrict the analysis to; empty for all rows.",
    )
    since: date | None = Field(default=None, description="First day (UTC), inclusive.")
    until: date | None = Field(default=None, description="Last day (UTC), inclusive.")


class Abandoned(Exception):
    """Nobody waits for this analysis any more."""


@tool(replayable=True)
async def analyse_usage(call: ToolCall, question: UsageQuestion) -> UsageReport:
    """Analyse an LLM usage export (CSV, TSV, JSON or JSON lines) attached to or pasted into this
    conversation: exact spend in total and by model, day, user and project, tokens, latency
    percentiles (p50, p95, p99), spikes and outliers, what switching, caching and batching would
    save at list prices, and charts that the page draws. It can be restricted to models, users,
    projects and days. Call it for every question about such data; do not compute yourself.
    """
    chosen = choose(call.context, question.source)
    if chosen.size > BYTES_MAX:
        raise ToolFault("too_large", f"{chosen.name} is larger than the 20 MiB I can read.")
    await call.progress(f"Reading {chosen.name} ({_size(chosen.size)})")
    export = Export(id=chosen.id, name=chosen.name, data=await chosen.read())
    await call.progress("Adding up the rows")
    narrowing = Narrowing(
        only=tuple(term[:TERM_CHARS_MAX] for term in question.only),
        since=question.since,
        until=question.until,
    )
    left = Event()

    def check() -> None:
        if left.is_set():
            raise Abandoned

    work = partial(
        analyse, export, now=call.context.now, focus=question.focus, narrowing=narrowing,
        check=check,
    )  # fmt: skip
    try:
        # A large file takes seconds of arithmetic, which must not hold up the other runs.
        return await asyncio.get_running_loop().run_in_executor(ANALYSTS, work)
    except UnreadableData as unreadable:
        raise ToolFault("unreadable_data", f"{unreadable.message} {ANOTHER_FORM}") from None
    except UnknownName as unknown:
        raise ToolFault("unknown_name", unknown.message) from None
    finally:
        # A stop or a timeout ends the thread's work, too, within some milliseconds.
        left.set()


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} bytes"
    if size < 1024 * 1024:
        return f"{size / 1024:.0f} KiB"
    return f"{size / 1024 / 1024:.1f} MiB"
