"""Servers of tools looked at each minute: are they there, and what do they offer?"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from django.db import transaction
from django.db.models.functions import Now

from chat.agents.mcp.asking import ServerFault, ask
from chat.agents.mcp.listing import ListedTool, Listing, listing_of, offered_name
from chat.database import in_database
from chat.mcp_rows import CHECKED_EVERY, TOLD_CHARS_MAX, McpServer, McpTool

logger = structlog.get_logger(__name__)

# A program may have to be unpacked when it starts for the first time.
CHECK_S: Final = 20.0
CHECKED_AT_ONCE_MAX: Final = 10
# One that hangs must not hold up the others.
SLOW_AFTER_S: Final = 1.0
TOO_SLOW: Final = f"It did not answer within {CHECK_S:g} seconds."


class Rounds:
    """The checks of one worker; a slow one goes on behind the others."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    async def check_due(self) -> None:
        """Look at the servers whose time has come, each by one worker only."""
        due = await in_database(_take_due)
        self._under_way.update(asyncio.create_task(check(server)) for server in due)
        if not self._under_way:
            return
        done, self._under_way = await asyncio.wait(self._under_way, timeout=SLOW_AFTER_S)
        for task in done:
            task.result()


async def check(server: McpServer) -> None:
    """Ask a server what it offers, and write down what came of it."""
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_S):
            listing = await ask(server, listing_of)
    except TimeoutError:
        await in_database(_store_fault, server, TOO_SLOW)
    except ServerFault as fault:
        await in_database(_store_fault, server, fault.problem)
    else:
        latency_ms = int((time.monotonic() - began_s) * 1000)
        await in_database(_store, server, listing, latency_ms=latency_ms)


def _take_due() -> list[McpServer]:
    with transaction.atomic():
        due = McpServer.objects.filter(is_enabled=True, check_due_at__lte=Now())
        rows = list(due.select_for_update(skip_locked=True)[:CHECKED_AT_ONCE_MAX])
        if rows:
            taken = McpServer.objects.filter(pk__in=[row.pk for row in rows])
            taken.update(check_due_at=Now() + CHECKED_EVERY)
    return rows


def _store_fault(server: McpServer, problem: str) -> None:
    if server.is_well:
        logger.warning("a tool server is away", server=server.name, problem=problem)
    McpServer.objects.filter(pk=server.pk).update(
        is_well=False, checked_at=Now(), latency_ms=None, told=problem[:TOLD_CHARS_MAX]
    )


def _store(server: McpServer, listing: Listing, *, latency_ms: int) -> None:
    left_out = listing.left_out
    told = f"It has {left_out} more that cannot be offered." if left_out else ""
    with transaction.atomic():
        # Changed or deleted while it was asked: the next check has the last word.
        same = McpServer.objects.select_for_update().filter(
            pk=server.pk, url=server.url, program=server.program
        )
        if not same.update(is_well=True, checked_at=Now(), latency_ms=latency_ms, told=told):
            return
        _store_tools(server, listing.tools)


def _store_tools(server: McpServer, listed: Sequence[ListedTool]) -> None:
    known = {row.name: row for row in McpTool.objects.filter(server=server)}
    for tool in listed:
        row = known.pop(tool.name, None)
        if row is None:
            _add(server, tool)
        elif _told_by(row) != tool or not row.is_listed:
            _renew(row, tool)
    gone = [row.pk for row in known.values() if row.is_listed]
    if gone:
        McpTool.objects.filter(pk__in=gone).update(is_listed=False)


def _add(server: McpServer, tool: ListedTool) -> None:
    McpTool.objects.create(
        server=server,
        name=tool.name,
        offered_as=offered_name(server.name, tool.name),
        description=tool.description,
        schema=tool.schema,
        is_read_only=tool.is_read_only,
        needs_approval=not (tool.is_read_only and server.trusts_hints),
    )


def _renew(row: McpTool, tool: ListedTool) -> None:
    """A tool that is not what it was: whoever let it run without asking has seen another one."""
    is_other = _told_by(row) != tool
    row.description, row.schema = tool.description, tool.schema
    row.is_read_only, row.is_listed = tool.is_read_only, True
    row.needs_approval = row.needs_approval or is_other
    changes = ["description", "schema", "is_read_only", "is_listed", "needs_approval"]
    row.save(update_fields=changes)
    if is_other:
        McpTool.objects.filter(pk=row.pk).update(changed_at=Now())


def _told_by(row: McpTool) -> ListedTool:
    return ListedTool(
        name=row.name,
        description=row.description,
        schema=row.schema,
        is_read_only=row.is_read_only,
    )
