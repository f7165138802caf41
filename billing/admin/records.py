"""The ledger, usage and reservations, to be read."""

from django.contrib import admin

from billing.admin.readonly import ACCOUNT_SEARCH, FoundByAccount, ReadOnly
from billing.models import Reservation, TierChange, UsageCounter, UsageWarning
from billing.periods import ALWAYS


@admin.register(TierChange)
class TierChangeAdmin(FoundByAccount, ReadOnly):
    date_hierarchy = "at"
    ordering = ("-at", "-seq")
    list_display = ("user", "seq", "before", "after", "cause", "actor", "at", "request_id")
    list_filter = ("cause", "after", "before")
    list_select_related = ("user", "actor")
    list_per_page = 50
    search_fields = ("=request_id",)
    search_help_text = "Address (any part), public id or request id"


@admin.register(UsageCounter)
class UsageCounterAdmin(ReadOnly):
    list_select_related = ("user",)
    ordering = ("-period_start", "feature")
    list_display = ("user", "feature", "period", "used", "reserved", "limit")
    list_filter = ("feature",)
    search_fields = ACCOUNT_SEARCH

    @admin.display(description="Period", ordering="period_start")
    def period(self, counter: UsageCounter) -> str:
        start = counter.period_start
        return "until given back" if start == ALWAYS else f"from {start:%Y-%m-%d %H:%M} UTC"


@admin.register(Reservation)
class ReservationAdmin(ReadOnly):
    list_select_related = ("user",)
    ordering = ("-created_at",)
    list_display = ("key", "user", "feature", "amount", "state", "created_at", "lapses_at")
    list_filter = ("state", "feature")
    search_fields = (*ACCOUNT_SEARCH, "=key")


@admin.register(UsageWarning)
class UsageWarningAdmin(ReadOnly):
    list_select_related = ("user",)
    ordering = ("-period_start", "-id")
    list_display = ("user", "feature", "percent", "period_start", "attempts", "done_at")
    list_filter = ("percent",)
    search_fields = ACCOUNT_SEARCH
