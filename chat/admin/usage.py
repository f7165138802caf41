"""What users used, by day and model: looked at, and never changed here."""

from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.admin import cells
from chat.admin.cells import NOTHING
from chat.admin.conversations import AnyAdmin, Lookups, ReadOnlyAdmin
from chat.models import DailyUsage
from netra.ids import UserID

MODELS_OFFERED_MAX: Final = 50


class ModelFilter(admin.SimpleListFilter):
    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        named = DailyUsage.objects.order_by("model").values_list("model", flat=True).distinct()
        return [(model, model or NOTHING) for model in named[:MODELS_OFFERED_MAX]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        model = self.value()
        return queryset if model is None else queryset.filter(model=model)


@admin.register(DailyUsage)
class DailyUsageAdmin(ReadOnlyAdmin):
    list_display = (
        "day",
        "user",
        "model",
        "runs",
        "requests",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "cost",
        "unpriced_requests",
        "worked",
    )
    # There is nothing on a page of its own that the list does not say.
    list_display_links = None
    list_filter = (("day", admin.DateFieldListFilter), ModelFilter)
    date_hierarchy = "day"
    ordering = ("-day", "-pk")
    search_fields = ("user__email",)
    search_help_text = "User id, part of the user's address"
    id_lookups: ClassVar[Lookups] = {UserID: "user__public_id"}
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[DailyUsage]:
        return DailyUsage.objects.select_related("user")

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return ChangeList  # a day has no public id

    @admin.display(description="cost, USD", ordering="cost_usd")
    def cost(self, usage: DailyUsage) -> str:
        if usage.requests == usage.unpriced_requests:
            return NOTHING
        return f"{usage.cost_usd:.6f}"

    @admin.display(description="worked", ordering="elapsed_ms")
    def worked(self, usage: DailyUsage) -> str:
        return cells.duration(usage.elapsed_ms / 1000)
