"""The web processes, as their page of connections shows them."""

from datetime import timedelta
from typing import Any, Final

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from msgspec import Struct

from chat import nodes
from chat.admin import cells
from chat.models import Node

NODES_SHOWN_MAX: Final = 200


class NodeLine(Struct, frozen=True, kw_only=True):
    """A web process in the table, its times by the database's clock."""

    name: str
    state: str
    connections: int
    up_for: str
    beat_ago: str


def node_lines() -> list[NodeLine]:
    """All that beat within the hour, those that fell silent included, by name."""
    aged = Node.objects.annotate(
        age=ExpressionWrapper(Now() - F("started_at"), output_field=DurationField()),
        silence=ExpressionWrapper(Now() - F("beat_at"), output_field=DurationField()),
    )
    return [_line(node) for node in aged.order_by("name")[:NODES_SHOWN_MAX]]


def _line(node: Any) -> NodeLine:
    return NodeLine(
        name=node.name,
        state=_state(node, node.silence),
        connections=node.connections,
        up_for=cells.duration(node.age.total_seconds()),
        beat_ago=cells.duration(max(0.0, node.silence.total_seconds())),
    )


def _state(node: Node, silence: timedelta) -> str:
    if silence > nodes.DEAD_AFTER:
        return "silent"
    if node.draining:
        return "draining"
    return "asked to drain" if node.drain_requested_at else "open"
