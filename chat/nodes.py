"""The web processes as the database knows them: who beats, who is to drain, who is gone."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now
from msgspec import Struct

from chat.models import Node

# A node beats once a second. After this it is dead, and what its sockets held is free again.
DEAD_AFTER: Final = timedelta(seconds=5)
# Before that, this long without a beat leaves the question open: hardly more than between two
# beats, since whoever lost a connection is back at once, and must not be refused for good.
SUSPECT_AFTER: Final = timedelta(seconds=1.2)
FORGOTTEN_AFTER: Final = timedelta(hours=1)
FORGOTTEN_AT_ONCE_MAX: Final = 500

_BEAT: Final = """
INSERT INTO chat_node (name, connections, draining, started_at, beat_at)
VALUES (%(name)s, %(connections)s, %(draining)s, now(), now())
ON CONFLICT (name) DO UPDATE SET
    connections = excluded.connections, draining = excluded.draining, beat_at = excluded.beat_at
RETURNING drain_requested_at IS NOT NULL
"""


class Silence(Struct, frozen=True, kw_only=True):
    """Which of some nodes are surely gone, and which have only missed a beat."""

    dead: frozenset[str]
    suspect: frozenset[str]


def beat(*, name: str, connections: int, draining: bool) -> bool:
    """Write a node's sign of life; answers whether an operator wants it drained."""
    with connection.cursor() as cursor:
        values: dict[str, str | int | bool] = {
            "name": name,
            "connections": connections,
            "draining": draining,
        }
        cursor.execute(_BEAT, values)
        [drain] = cursor.fetchone()
    return bool(drain)


def depart(*, name: str) -> None:
    """Take the row of a node that ends in order."""
    Node.objects.filter(name=name).delete()


def alive() -> QuerySet[Node]:
    """The nodes that beat, oldest first."""
    return Node.objects.filter(beat_at__gt=Now() - DEAD_AFTER).order_by("started_at")


def silence(names: Collection[str]) -> Silence:
    """How long nodes have been silent; one without a row is dead."""
    rows = Node.objects.filter(name__in=names).annotate(
        age=ExpressionWrapper(Now() - F("beat_at"), output_field=DurationField())
    )
    ages = dict(rows.values_list("name", "age"))
    dead = frozenset(name for name in names if name not in ages or ages[name] > DEAD_AFTER)
    suspect = frozenset(name for name, age in ages.items() if age > SUSPECT_AFTER)
    return Silence(dead=dead, suspect=suspect - dead)


def request_drain(names: Collection[str] | None = None) -> int:
    """Ask nodes, all without `names`, to send their clients away; gives how many were asked."""
    return _chosen(names).update(drain_requested_at=Now())


def busy(names: Collection[str]) -> list[Node]:
    """Those of the nodes that still have connections, or have not heard of their drain."""
    asked = alive().filter(name__in=names)
    return list(asked.filter(Q(draining=False) | Q(connections__gt=0)))


def cancel_drain(names: Collection[str] | None = None) -> int:
    """Let drained nodes take connections again; gives how many."""
    return _chosen(names).update(drain_requested_at=None)


def forget_dead() -> int:
    """Drop rows of nodes long gone, some at a time; gives how many."""
    old = Node.objects.filter(beat_at__lt=Now() - FORGOTTEN_AFTER)
    names = list(old.values_list("name", flat=True)[:FORGOTTEN_AT_ONCE_MAX])
    return Node.objects.filter(name__in=names).delete()[0]


def _chosen(names: Collection[str] | None) -> QuerySet[Node]:
    return alive() if names is None else alive().filter(name__in=names)
