"""How one value looks in a table of the admin."""

from datetime import datetime
from typing import Any, Final

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.models import Run

# What a cell shows of a long text, and what a list shows of a message.
CELL_CHARS: Final = 2000
OPENING_CHARS: Final = 120
NOTHING: Final = "–"

Cell = str | int | SafeString


def address(row: Model) -> str:
    """The page of a row, named by its public id."""
    name = f"admin:chat_{row._meta.model_name}_change"
    return reverse(name, args=[quote(str(row))])


def link(row: Model | None) -> Cell:
    if row is None:
        return NOTHING
    return format_html('<a href="{}">{}</a>', address(row), row)


def moment(at: datetime | None) -> str:
    """UTC to the millisecond, as in logs and on the wire."""
    if at is None:
        return NOTHING
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}"


def text(shown: str) -> SafeString:
    """A text that was read up to one character more than is shown."""
    return format_html("<pre>{}</pre>", _cut(shown, CELL_CHARS))


def opening(shown: str) -> str:
    return _cut(" ".join(shown.split()), OPENING_CHARS)


def span(begin: datetime | None, end: datetime | None) -> str:
    if begin is None or end is None:
        return NOTHING
    return duration((end - begin).total_seconds())


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    return f"{minutes // 60} h {minutes % 60} min"


def latency(begin: datetime, end: datetime) -> str:
    """Milliseconds while they are few; machines whose clocks differ are not shown as prophets."""
    seconds = max(0.0, (end - begin).total_seconds())
    if seconds >= 1:
        return duration(seconds)
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def run_span(run: Run) -> str:
    return span(run.started_at, run.ended_at)


def fault(run: Run) -> str:
    error: dict[str, Any] = run.error or {}
    return f"{error.get('code', '?')}: {error.get('message', '')}" if error else NOTHING


def _cut(shown: str, chars: int) -> str:
    return shown if len(shown) <= chars else f"{shown[:chars]}…"
