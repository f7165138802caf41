"""The way of one message, from the log to the clients that confirmed it."""

from datetime import timedelta
from typing import Final

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from chat.admin import cells
from chat.admin.cells import NOTHING, Cell
from chat.admin.related import Related
from chat.delivery import trace
from chat.models import DeliveryKind, DeliveryStep, Message

# A user's sockets and their reconnects; more than these tell nothing new.
STEPS_MAX: Final = 500
# Steps are written up to this long after they were taken.
WRITTEN_WITHIN: Final = timedelta(seconds=3)

_Row = tuple[Cell, ...]


def _steps(message: Message) -> list[_Row]:
    """One row for what happened to all, one for each connection that had it."""
    stored = message.created_at
    taken = DeliveryStep.objects.filter(thread_id=message.thread.public_id, seq=message.seq)
    by_kind: dict[str, dict[str, DeliveryStep]] = {kind: {} for kind in DeliveryKind}
    for step in taken.order_by("at", "pk")[:STEPS_MAX]:
        by_kind[step.step][step.connection_id] = step
    published = by_kind[DeliveryKind.PUBLISHED].get("")
    sent, confirmed = by_kind[DeliveryKind.SENT], by_kind[DeliveryKind.ACKNOWLEDGED]
    rows: list[_Row] = [("stored", NOTHING, NOTHING, cells.moment(stored), NOTHING, NOTHING)]
    if published is not None:
        rows.append(("published", "whoever follows", *_when(message, published), NOTHING))
    for connection_id, step in sent.items():
        answer = confirmed.pop(connection_id, None)
        after = "not yet" if answer is None else cells.latency(stored, answer.at)
        rows.append(("sent", _connection(connection_id), *_when(message, step), after))
    for connection_id, step in confirmed.items():
        # Its sending was not written, for whatever reason.
        after = cells.latency(stored, step.at)
        named = _connection(connection_id), step.node
        rows.append(("confirmed", *named, NOTHING, NOTHING, after))
    if len(rows) - (published is not None) == 1:
        rows.append(("not sent", _why_not(message), NOTHING, NOTHING, NOTHING, NOTHING))
    return rows


def _when(message: Message, step: DeliveryStep) -> tuple[str, str, str]:
    return step.node, cells.moment(step.at), cells.latency(message.created_at, step.at)


def _connection(connection_id: str) -> Cell:
    page = reverse("admin:chat_connections_changelist")
    return format_html('<a href="{}?q={}">{}</a>', page, connection_id, connection_id)


def _why_not(message: Message) -> str:
    age = timezone.now() - message.created_at
    if age > trace.KEPT_FOR:
        return f"no longer known: steps are kept for {trace.KEPT_FOR.days} days"
    if age < WRITTEN_WITHIN:
        return "nothing is known yet: steps are written within seconds"
    return "not followed by any connection"


def _cells(row: _Row) -> _Row:
    return row


DELIVERY: Final = Related(
    name="delivery",
    title="Delivery",
    permission="chat.view_deliverystep",
    headers=("step", "connection", "node", "time", "after storing", "confirmed after storing"),
    rows_of=_steps,
    cells_of=_cells,
)
