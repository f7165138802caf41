"""The tool that analyses an LLM usage export of the thread."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.data_sets import choose
from chat.agents.tools.registry import ToolCall, ToolFault, tool
from chat.agents.usage.analysis import analyse
from chat.agents.usage.reading import BYTES_MAX, UnreadableData
from chat.agents.usage.report import UsageReport

# Threads of Python share one core: more at once would only all be late, and each holds a file.
ANALYSTS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="analyst")


class UsageQuestion(BaseModel):
    """What to analyse."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(
        default="",
        max_length=200,
        description="Id or name of an attached file or paste; empty for the newest data set.",
    )


@tool(replayable=True)
async def analyse_usage(call: ToolCall, question: UsageQuestion) -> UsageReport:
    """Analyse an LLM usage export (CSV, TSV, JSON or JSON lines) attached to or pasted into this
    conversation: exact spend in total and by model, day, user and project, tokens, latency
    percentiles (p50, p95, p99), spikes and outliers, and what switching, caching and batching
    would save at list prices. Call it for every question about such data; do not compute yourself.
    """
    chosen = choose(call.context, question.source)
    if chosen.size > BYTES_MAX:
        raise ToolFault("too_large", f"{chosen.name} is larger than the 20 MiB I can read.")
    await call.progress(f"Reading {chosen.name} ({_size(chosen.size)})")
    data = await chosen.read()
    await call.progress("Adding up the rows")
    try:
        # A large file takes a second of arithmetic, which must not hold up the other runs.
        work = partial(analyse, data, source_id=chosen.id, name=chosen.name, now=call.context.now)
        return await asyncio.get_running_loop().run_in_executor(ANALYSTS, work)
    except UnreadableData as unreadable:
        raise ToolFault("unreadable_data", unreadable.message) from None


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} bytes"
    if size < 1024 * 1024:
        return f"{size / 1024:.0f} KiB"
    return f"{size / 1024 / 1024:.1f} MiB"
