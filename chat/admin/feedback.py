"""What users think of answers: read, and never changed here."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.admin import cells
from chat.admin.cells import NOTHING, Cell
from chat.admin.conversations import Lookups, ReadOnlyAdmin
from chat.admin.usage import ModelFilter
from chat.models import Feedback
from netra.ids import RunID, ThreadID, UserID


class AnswerModelFilter(ModelFilter):
    """By the model that wrote the answer."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        model = self.value()
        return queryset if model is None else queryset.filter(run__model=model)


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = (
        "given",
        "rating",
        "reason",
        "opening",
        "model_name",
        "answer_page",
        "user_name",
    )
    list_filter = ("rating", "reason", AnswerModelFilter)
    list_display_links = ("given",)
    date_hierarchy = "updated_at"
    ordering = ("-updated_at",)
    search_fields = ("comment", "run__user__email")
    search_help_text = "Run, thread or user id, words of the comment, part of the user's address"
    id_lookups: ClassVar[Lookups] = {
        RunID: "run__public_id",
        ThreadID: "run__thread__public_id",
        UserID: "run__user__public_id",
    }
    fields = ("given", "rating", "reason", "comment", "model_name", "answer_page", "user_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feedback]:
        rows = Feedback.objects.select_related("run__user")
        return rows.defer("run__partial_text", "run__history")

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return ChangeList  # it has no public id

    @admin.display(description="given", ordering="updated_at")
    def given(self, feedback: Feedback) -> str:
        return cells.moment(feedback.updated_at)

    @admin.display(description="comment")
    def opening(self, feedback: Feedback) -> str:
        return cells.opening(feedback.comment) or NOTHING

    @admin.display(description="model", ordering="run__model")
    def model_name(self, feedback: Feedback) -> str:
        return feedback.run.model or NOTHING

    @admin.display(description="answer")
    def answer_page(self, feedback: Feedback) -> Cell:
        return cells.link(feedback.run)

    @admin.display(description="user")
    def user_name(self, feedback: Feedback) -> str:
        return feedback.run.user.email
