"""The sockets that are open now, in all web processes."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.apps.registry import Apps
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from msgspec import Struct

from accounts.models import User
from chat.admin import cells
from chat.admin.confirmation import Confirmation, reason_form
from chat.admin.web_nodes import node_lines
from chat.connection import census
from chat.connection.census import ConnectionRow
from chat.delivery import bell
from chat.receivers import FAIL_CONNECTIONS, VIEW_CONNECTIONS

ROWS_A_PAGE: Final = 100
LIST: Final = "admin:chat_connections_changelist"


class Connections(Model):
    """A place in the admin for what has no table; with a registry of its own it needs none."""

    class Meta:
        apps = Apps()
        app_label = "chat"
        verbose_name = verbose_name_plural = "live connections"


if TYPE_CHECKING:
    AdminOfConnections = admin.ModelAdmin[Connections]
else:  # Django's own class takes no parameter
    AdminOfConnections = admin.ModelAdmin


class Line(Struct, frozen=True, kw_only=True):
    """A connection in the table, its times as seen at the moment of reading."""

    row: ConnectionRow
    open_for: str
    in_state_for: str
    written_ago: str


class Choice(Struct, frozen=True, kw_only=True):
    """A value to filter by, and how many connections have it."""

    value: str
    count: int
    is_chosen: bool


@admin.register(Connections)
class ConnectionsAdmin(AdminOfConnections):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(f"chat.{VIEW_CONNECTIONS}")

    def has_fail_permission(self, request: HttpRequest) -> bool:
        may_fail = request.user.has_perm(f"chat.{FAIL_CONNECTIONS}")
        return may_fail and self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.changelist_view)
        fail = self.admin_site.admin_view(self.fail_view)
        return [
            path("", page, name="chat_connections_changelist"),
            path("<str:connection_id>/fail/", fail, name="chat_connections_fail"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The table, narrowed by `q` (every word somewhere in a row), `state` and `node`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query, state, node = (request.GET.get(name, "").strip() for name in ("q", "state", "node"))
        reading = census.read()
        found = [row for row in reading.rows if _matches(row, query)]
        rows = [row for row in found if state in ("", row.state) and node in ("", row.node)]
        page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Live connections",
            "reading": reading,
            "limit": census.ROWS_READ_MAX,
            "query": query,
            "states": _choices((row.state for row in found), state),
            "nodes": _choices((row.node for row in found), node),
            "page": page,
            "lines": [_line(row, reading.as_of) for row in page],
            "node_lines": node_lines(),
            "may_fail": self.has_fail_permission(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/chat/connections/change_list.html", context)

    def fail_view(self, request: HttpRequest, connection_id: str) -> HttpResponse:
        """Ask for a reason, then have the connection's process fail it."""
        if not self.has_fail_permission(request):
            raise PermissionDenied
        row = census.find(connection_id)
        if row is None:
            words = "This connection is no longer open, or the bus is away."
            self.message_user(request, words, messages.WARNING)
            return redirect(LIST)
        form = reason_form(request)
        if not form.is_valid():
            return _fail_page(row).page(request, self.admin_site.each_context(request), form)
        assert isinstance(request.user, User)
        _fail(row, operator=request.user, reason=form.cleaned_data["reason"])
        words = f"{row.connection_id} is told to fail; its client comes back by itself."
        self.message_user(request, words, messages.SUCCESS)
        return redirect(LIST)


def _fail_page(row: ConnectionRow) -> Confirmation:
    back = reverse(LIST)
    return Confirmation(
        title="Make a connection fail",
        explanation="It is closed as failed, with your reason in its history. Its client is told "
        "to come back later, opens a new connection and goes on where it was: nothing is lost.",
        headers=("user", "connection", "state", "node"),
        rows=[(row.email or "not known yet", row.connection_id, row.state, row.node)],
        submit="Make it fail",
        back=back,
        trail=(("Live connections", back),),
    )


def _fail(row: ConnectionRow, *, operator: User, reason: str) -> None:
    """Write down who failed what and why, in the history of its user, and ring its process."""
    user = User.objects.filter(public_id=row.user_id).first() if row.user_id else None
    with transaction.atomic():
        LogEntry.objects.create(
            user=operator,
            content_type=ContentType.objects.get_for_model(User) if user else None,
            object_id=str(user.pk) if user else None,
            object_repr=row.connection_id,
            action_flag=CHANGE,
            change_message=f"Made connection {row.connection_id} fail: {reason}",
        )
        order = bell.ForceFail(node=row.node, connection_id=row.connection_id, reason=reason)
        transaction.on_commit(lambda: bell.ring(order))


def _matches(row: ConnectionRow, query: str) -> bool:
    names = (row.email, row.user_id, row.connection_id, row.state, row.node)
    text = " ".join(name for name in names if name).casefold()
    return all(word in text for word in query.casefold().split())


def _choices(values: Iterable[str], chosen: str) -> list[Choice]:
    counts = Counter(values)
    if chosen:
        counts.setdefault(chosen, 0)
    return [
        Choice(value=value, count=count, is_chosen=value == chosen)
        for value, count in sorted(counts.items())
    ]


def _line(row: ConnectionRow, as_of: datetime) -> Line:
    return Line(
        row=row,
        open_for=_since(row.opened_at, as_of),
        in_state_for=_since(row.since, as_of),
        written_ago=_since(row.written_at, as_of),
    )


def _since(moment: datetime, as_of: datetime) -> str:
    # Another machine's clock may be ahead of this one.
    return cells.duration(max(0.0, (as_of - moment).total_seconds()))
