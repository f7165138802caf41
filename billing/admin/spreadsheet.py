"""Accounts as a CSV file, written while it is sent."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from billing import figures, selectors
from billing.entitlements import Entitlements
from billing.models import Account

if TYPE_CHECKING:
    from accounts.models import User

ROWS_A_PIECE: Final = 500
HEADINGS: Final = (
    *("public_id", "email", "plan", "plan_without_trials", "why", "trial_ends_at"),
    *("runs_this_month", "runs_allowed", "mailbox", "verified_at", "joined_at"),
)
# A cell that begins so is a formula to a spreadsheet, and an address may begin so.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def answer(accounts: QuerySet[Account], *, actor: "User", query: str) -> StreamingHttpResponse:
    """The file, a piece at a time; who took it, and what it was filtered by, is recorded."""
    LogEntry.objects.create(
        user_id=actor.pk,
        content_type=ContentType.objects.get_for_model(Account, for_concrete_model=False),
        object_repr="CSV export",
        action_flag=CHANGE,
        change_message=f"Exported accounts: {query or 'all'}",
    )
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="accounts-{timezone.now():%Y-%m-%d}.csv"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(_pieces(accounts), headers=headers)


def safe(value: object) -> str:
    """A cell that no spreadsheet reads as a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _pieces(accounts: QuerySet[Account]) -> AsyncIterator[bytes]:
    yield _lines([HEADINGS])
    last = 0
    while True:
        # On the request's own thread, whose connection ends with the request.
        rows = await sync_to_async(_rows_after)(accounts, last)
        if not rows:
            return
        last = rows[-1][0]
        yield _lines(cells for _, cells in rows)


def _rows_after(accounts: QuerySet[Account], last: int) -> list[tuple[int, tuple[Any, ...]]]:
    """The next rows by key, so that a change while the file is sent shifts nothing."""
    piece = list(accounts.filter(pk__gt=last).order_by("pk")[:ROWS_A_PIECE])
    now, keys = timezone.now(), [account.pk for account in piece]
    entitled = selectors.entitlements_of_all(keys, at=now)
    runs = figures.runs_of(keys, at=now)
    return [
        (account.pk, _cells(account, entitled[account.pk], runs.get(account.pk, 0)))
        for account in piece
    ]


def _cells(account: Account, entitled: Entitlements, runs: int) -> tuple[Any, ...]:
    trial, allowed = entitled.trial, entitled.limits[figures.QUOTA]
    return (
        *(account.public_id, account.email, entitled.tier, entitled.base_tier, entitled.why),
        *(trial and trial.ends_at, runs, "unlimited" if allowed is None else allowed),
        *(account.mailbox_kind, account.verified_at, account.date_joined),
    )


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode()
