"""All accounts on one page: plans, trials, revenue and usage, as charts with their numbers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone

from billing import figures
from billing.admin.readonly import ReadOnly
from billing.charts import Chart, Series, lying, standing
from billing.figures import Revenue, TierFigures
from billing.models import Dashboard
from billing.prices import amount_words
from billing.tiers import Tier
from netra.replica import read_history

WEEKS: Final = ("within 7 days", "in 8 to 14", "in 15 to 21", "in 22 to 28", "later")
PAID: Final = tuple(tier for tier in Tier if tier.rank)


@admin.register(Dashboard)
class DashboardAdmin(ReadOnly):
    """A page of its own in the index; nothing on it is a row."""

    def get_urls(self) -> list[Any]:
        # No page of one row: it would show a user.
        page = self.admin_site.admin_view(self.changelist_view)
        return [path("", page, name="billing_dashboard_changelist")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Dashboard",
            "opts": self.opts,
            **read_history(_shown, timezone.now()),
        }
        return TemplateResponse(request, "admin/billing/dashboard/change_list.html", context)


def _shown(now: datetime) -> dict[str, Any]:
    tiers, revenue = figures.tier_figures(now), figures.revenue_by_month(now)
    ending = figures.trials_ending(now)
    return {
        "now": now,
        "tiers": tiers.values(),
        "totals": _totals(tiers.values()),
        "ending": ending,
        "waiting": figures.waiting_for_approval(now),
        "paid": _paid(tiers, revenue, figures.months_until(now)[-1]),
        "charts": [
            _plans(tiers),
            _trials(now),
            lying("Running trials by their end", WEEKS, [_series("trials", ending)], _count),
            *_revenue(revenue, figures.months_until(now)),
            _runs(now),
        ],
    }


def _totals(tiers: Any) -> TierFigures:
    return TierFigures(
        tier=Tier.FREE,
        accounts=sum(one.accounts for one in tiers),
        by_trial=sum(one.by_trial for one in tiers),
        runs=sum(one.runs for one in tiers),
        near_limit=sum(one.near_limit for one in tiers),
    )


def _plans(tiers: Mapping[Tier, TierFigures]) -> Chart:
    lasting = [one.accounts - one.by_trial for one in tiers.values()]
    by_trial = [one.by_trial for one in tiers.values()]
    series = [_series("without a trial", lasting), _series("by a trial", by_trial)]
    return lying("Accounts by plan", [tier.value for tier in tiers], series, _count)


def _trials(now: datetime) -> Chart:
    months = figures.trials_by_month(now)
    converted = [one.converted for one in months.values()]
    others = [one.started - one.converted for one in months.values()]
    series = [_series("led to a subscription", converted), _series("did not, so far", others)]
    return standing("Trials started, by month", _names(months), series, _count)


def _revenue(revenue: Sequence[Revenue], months: Sequence[datetime]) -> list[Chart]:
    """One chart for each currency that anybody pays in."""
    charts = []
    for currency in sorted({one.currency for one in revenue if one.currency}):
        amounts = {(r.month, r.tier): r.amount for r in revenue if r.currency == currency}
        series = [
            _series(tier.value, [amounts.get((month, tier), 0) // 100 for month in months])
            for tier in PAID
        ]
        title = f"Monthly revenue, {currency.upper()}"
        charts.append(standing(title, _names(months), series, _count))
    return charts


def _runs(now: datetime) -> Chart:
    months = figures.runs_by_month(now)
    return standing("Runs by month", _names(months), [_series("runs", months.values())], _short)


def _paid(
    tiers: Mapping[Tier, TierFigures], revenue: Sequence[Revenue], month: datetime
) -> list[tuple[Tier, int, str, str]]:
    """Of each tier: subscriptions, what they bring a month, and that for each account."""
    return [
        (
            one.tier,
            one.subscriptions,
            amount_words(one.amount, one.currency) if one.currency else "no price is known",
            amount_words(one.amount // max(1, tiers[one.tier].accounts), one.currency)
            if one.currency
            else "",
        )
        for one in sorted(revenue, key=lambda one: (one.tier.rank, one.currency))
        if one.month == month
    ]


def _series(name: str, values: Any) -> Series:
    return Series(name=name, values=tuple(values))


def _names(months: Any) -> list[str]:
    return [f"{month:%b}" for month in months]


def _count(value: int) -> str:
    return f"{value:,}"


def _short(value: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return str(value)
