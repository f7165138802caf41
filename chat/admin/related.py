"""Rows that an object's page shows below it, a page of them at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from msgspec import Struct

from chat.admin import cells
from chat.admin.cells import CELL_CHARS, NOTHING, OPENING_CHARS, Cell
from chat.models import Event, File, Message, Run, Thread, ToolCall

ROWS_A_PAGE: Final = 50


class Table(Struct, frozen=True, kw_only=True):
    """One page of rows, and the addresses of the pages around it by what they are called."""

    name: str
    title: str
    headers: tuple[str, ...]
    page: Page[Any]
    others: list[tuple[str, str]]
    rows: list[tuple[Cell, ...]]


class Related(Struct, frozen=True, kw_only=True):
    """Which rows an object's page shows, to whom, and how."""

    name: str
    title: str
    permission: str
    headers: tuple[str, ...]
    rows_of: Callable[[Any], QuerySet[Any] | Sequence[Any]]
    cells_of: Callable[[Any], tuple[Cell, ...]]

    def table(self, request: HttpRequest, owner: Model) -> Table:
        page = Paginator(self.rows_of(owner), ROWS_A_PAGE).get_page(request.GET.get(self.name))
        return Table(
            name=self.name,
            title=self.title,
            headers=self.headers,
            page=page,
            others=_others(request, self.name, page),
            rows=[self.cells_of(row) for row in page],
        )


def _others(request: HttpRequest, name: str, page: Page[Any]) -> list[tuple[str, str]]:
    number, last = page.number, page.paginator.num_pages
    numbers = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}
    parameters = request.GET.copy()
    others = []
    for label, other in numbers.items():
        if 1 <= other <= last and other != number:
            parameters[name] = str(other)
            others.append((label, f"?{parameters.urlencode()}#{name}"))
    return others


def with_opening(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Only the beginning of each text: a page of whole ones could be half a megabyte."""
    return messages.defer("text").annotate(opening=Left("text", OPENING_CHARS + 1))


def _messages(thread: Thread) -> QuerySet[Message]:
    return with_opening(Message.objects.filter(thread=thread)).order_by("-seq")


def _message_cells(message: Any) -> tuple[Cell, ...]:
    at = cells.moment(message.created_at)
    return message.seq, at, cells.link(message), message.role, cells.opening(message.opening)


def _runs(thread: Thread) -> QuerySet[Run]:
    return Run.objects.filter(thread=thread).defer("partial_text", "history").order_by("-pk")


def _run_cells(run: Run) -> tuple[Cell, ...]:
    at = cells.moment(run.created_at)
    told = run.model or NOTHING, cells.run_span(run), cells.fault(run)
    return at, cells.link(run), run.state, run.attempt, *told


def _thread_events(thread: Thread) -> QuerySet[Event]:
    events = Event.objects.filter(thread=thread).order_by("seq")
    return events.defer("data").annotate(shown=Left("data", CELL_CHARS + 1))


def _run_events(run: Run) -> QuerySet[Event]:
    return _thread_events(run.thread).filter(run_id=run.public_id)


def _event_cells(event: Any) -> tuple[Cell, ...]:
    agent = event.agent_name or NOTHING
    return event.seq, cells.moment(event.ts), event.type, agent, cells.text(event.shown)


def _tool_calls(run: Run) -> QuerySet[ToolCall]:
    calls = ToolCall.objects.filter(run=run).defer("args", "result").order_by("pk")
    return calls.annotate(
        args_shown=Left("args", CELL_CHARS + 1), result_shown=Left("result", CELL_CHARS + 1)
    )


def _tool_call_cells(call: Any) -> tuple[Cell, ...]:
    names = call.call_id, call.tool_name, call.status
    took = NOTHING if call.elapsed_ms is None else cells.duration(call.elapsed_ms / 1000)
    outcome = str(call.error) if call.error else call.result_shown
    at = cells.moment(call.started_at)
    return at, *names, took, cells.text(call.args_shown), cells.text(outcome)


def _files(message: Message) -> QuerySet[File]:
    return File.objects.filter(message=message).order_by("pk")


def _file_cells(file: File) -> tuple[Cell, ...]:
    return cells.link(file), file.name, file.bytes


RUNS: Final = Related(
    name="runs",
    title="Runs, newest first",
    permission="chat.view_run",
    headers=("asked", "run", "state", "attempt", "model", "took", "error"),
    rows_of=_runs,
    cells_of=_run_cells,
)
MESSAGES: Final = Related(
    name="messages",
    title="Messages, newest first",
    permission="chat.view_message",
    headers=("seq", "time", "message", "role", "text"),
    rows_of=_messages,
    cells_of=_message_cells,
)
THREAD_EVENTS: Final = Related(
    name="events",
    title="Events",
    permission="chat.view_event",
    headers=("seq", "time", "type", "agent", "data"),
    rows_of=_thread_events,
    cells_of=_event_cells,
)
RUN_EVENTS: Final = Related(
    name="events",
    title="Events",
    permission="chat.view_event",
    headers=THREAD_EVENTS.headers,
    rows_of=_run_events,
    cells_of=_event_cells,
)
TOOL_CALLS: Final = Related(
    name="tool_calls",
    title="Tool calls",
    permission="chat.view_toolcall",
    headers=("started", "call", "tool", "status", "took", "arguments", "result"),
    rows_of=_tool_calls,
    cells_of=_tool_call_cells,
)
FILES: Final = Related(
    name="files",
    title="Files",
    permission="chat.view_file",
    headers=("file", "name", "bytes"),
    rows_of=_files,
    cells_of=_file_cells,
)
