"""Threads, messages, runs and files: looked at, found by id, and never changed here."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat

from chat.admin import cells, related
from chat.admin.cells import NOTHING, Cell
from chat.admin.deliveries import DELIVERY
from chat.admin.related import Related
from chat.models import File, Message, Run, Thread, public_id
from chat.runs.lifecycle import UNFINISHED
from netra.ids import FileID, MessageID, PublicID, RunID, ThreadID, UserID
from netra.replica import read_history

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:  # Django's own class takes no parameter
    AnyAdmin = admin.ModelAdmin

# By which columns a row is found for an id of that kind.
Lookups = Mapping[type[PublicID], str | tuple[str, ...]]


class PublicIDList(ChangeList):
    """A list of history whose links name public ids."""

    def get_results(self, request: HttpRequest) -> None:
        read_history(self._read, request)

    def _read(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Now, and not when the page is written.
        self.result_list = list(self.result_list)

    def url_for_result(self, result: Model) -> str:
        return cells.address(result)


class ReadOnlyAdmin(AnyAdmin):
    """What users said is theirs: operators may read it, and nothing else."""

    change_form_template = "admin/chat/change_form.html"
    list_per_page = related.ROWS_A_PAGE
    show_full_result_count = False
    # A whole id is looked up by its index; any other text is searched for.
    id_lookups: ClassVar[Lookups] = {}
    related: ClassVar[tuple[Related, ...]] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return PublicIDList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """By public id, as our links say it, or by key, as Django's do."""
        if "_" in object_id and hasattr(self.model, "public_id"):
            return self.get_queryset(request).filter(public_id=object_id).first()
        return super().get_object(request, object_id, from_field)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for kind, lookups in self.id_lookups.items():
            known = public_id(kind, search_term.strip())
            if known is not None:
                columns = (lookups,) if isinstance(lookups, str) else lookups
                found = reduce(or_, (Q((column, known)) for column in columns))
                return queryset.filter(found), len(columns) > 1
        return super().get_search_results(request, queryset, search_term)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        may_see = [one for one in self.related if request.user.has_perm(one.permission)]
        context["tables"] = [one.table(request, obj) for one in may_see]
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description="created", ordering="created_at")
    def created(self, row: Thread | Message | Run | File) -> str:
        return cells.moment(row.created_at)

    @admin.display(description="thread")
    def thread_page(self, row: Message | Run) -> Cell:
        return cells.link(row.thread)

    @admin.display(description="run")
    def run_page(self, message: Message) -> Cell:
        return cells.link(message.run)

    @admin.display(description="message")
    def message_page(self, file: File) -> Cell:
        return cells.link(file.message)


class RunningFilter(admin.SimpleListFilter):
    title = "running"
    parameter_name = "running"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [("1", "running or queued"), ("0", "at rest")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {"1": True, "0": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(unfinished=wanted)


@admin.register(Thread)
class ThreadAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "title", "user", "head", "messages", "updated", "running")
    list_filter = (RunningFilter,)
    ordering = ("-updated_at",)
    search_fields = ("title", "user__email")
    search_help_text = "Thread or user id, words of the title, part of the user's address"
    id_lookups: ClassVar[Lookups] = {ThreadID: "public_id", UserID: "user__public_id"}
    fields = (
        "public_id",
        "title",
        "user",
        "head",
        "messages",
        "running",
        "created",
        "updated",
        "deleted",
    )
    related = (related.RUNS, related.MESSAGES, related.THREAD_EVENTS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Thread]:
        messages = Message.objects.filter(thread=OuterRef("pk")).order_by().values("thread")
        unfinished = Run.objects.filter(thread=OuterRef("pk"), state__in=sorted(UNFINISHED))
        return Thread.objects.select_related("user").annotate(
            # Counted for the rows of one page, where a join would count the whole table.
            message_count=Coalesce(Subquery(messages.annotate(n=Count("pk")).values("n")), 0),
            unfinished=Exists(unfinished),
        )

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, thread: Thread) -> str:
        return cells.moment(thread.updated_at)

    @admin.display(description="deleted, removed from")
    def deleted(self, thread: Thread) -> str:
        return cells.moment(thread.purge_at)

    @admin.display(description="messages")
    def messages(self, thread: Any) -> int:
        return int(thread.message_count)

    @admin.display(boolean=True, description="running")
    def running(self, thread: Any) -> bool:
        return bool(thread.unfinished)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "created", "user", "role", "opening", "thread_page", "run_page")
    list_filter = ("role",)
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    search_fields = ("user__email",)
    search_help_text = "Message, thread, run or user id, part of the user's address"
    id_lookups: ClassVar[Lookups] = {
        MessageID: "public_id",
        ThreadID: "thread__public_id",
        RunID: ("run__public_id", "answers__public_id"),
        UserID: "user__public_id",
    }
    fields = (
        "public_id",
        "thread_page",
        "run_page",
        "user",
        "role",
        "seq",
        "client_id",
        "created",
        "text",
    )
    related = (related.FILES, DELIVERY)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        messages = Message.objects.select_related("user", "thread", "run")
        return related.with_opening(messages.defer("run__partial_text", "run__history"))

    @admin.display(description="text")
    def opening(self, message: Any) -> str:
        return cells.opening(message.opening)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = (
        "public_id",
        "created",
        "user",
        "state",
        "took",
        "fault",
        "attempt",
        "model_name",
        "waited",
        "thread_page",
    )
    list_filter = ("state",)
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    search_fields = ("user__email", "model")
    search_help_text = "Run, thread, message or user id, part of the user's address, the model"
    id_lookups: ClassVar[Lookups] = {
        RunID: "public_id",
        ThreadID: "thread__public_id",
        MessageID: ("question__public_id", "messages__public_id"),
        UserID: "user__public_id",
    }
    fields = (
        "public_id",
        "thread_page",
        "question_page",
        "user",
        "state",
        "attempt",
        "trigger",
        "agent_name",
        "model_name",
        "usage",
        "fault",
        "created",
        "started",
        "ended",
        "waited",
        "took",
        "stop_asked",
        "lease",
        "job_id",
    )
    related = (related.TOOL_CALLS, related.RUN_EVENTS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        # Answers and histories are long; a list of runs must not read them.
        runs = Run.objects.select_related("user", "thread", "question")
        return runs.defer("partial_text", "history", "question__text")

    @admin.display(description="question")
    def question_page(self, run: Run) -> Cell:
        return cells.link(run.question)

    @admin.display(description="model", ordering="model")
    def model_name(self, run: Run) -> str:
        return run.model or NOTHING

    @admin.display(description="started")
    def started(self, run: Run) -> str:
        return cells.moment(run.started_at)

    @admin.display(description="ended")
    def ended(self, run: Run) -> str:
        return cells.moment(run.ended_at)

    @admin.display(description="lease until")
    def lease(self, run: Run) -> str:
        return cells.moment(run.lease_until)

    @admin.display(description="stop asked")
    def stop_asked(self, run: Run) -> str:
        return cells.moment(run.cancel_requested_at)

    @admin.display(description="waited")
    def waited(self, run: Run) -> str:
        return cells.span(run.created_at, run.started_at)

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        return cells.run_span(run)

    @admin.display(description="error")
    def fault(self, run: Run) -> str:
        return cells.fault(run)


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    list_display = ("public_id", "created", "name", "size", "user", "message_page")
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    search_fields = ("name", "user__email")
    search_help_text = "File, message or user id, the file's name, part of the user's address"
    id_lookups: ClassVar[Lookups] = {
        FileID: "public_id",
        MessageID: "message__public_id",
        UserID: "user__public_id",
    }
    fields = ("public_id", "name", "size", "user", "message_page", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[File]:
        return File.objects.select_related("user", "message").defer("message__text")

    @admin.display(description="size", ordering="bytes")
    def size(self, file: File) -> str:
        return filesizeformat(file.bytes)
