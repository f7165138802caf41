"""The figures of all accounts, and the page that shows them."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from billing import figures, services
from billing.entitlements import effective_tier
from billing.figures import TierFigures, TrialFigures
from billing.models import (
    Customer,
    Grant,
    LedgerHead,
    Price,
    Subscription,
    TierChange,
    UsageCounter,
)
from billing.periods import ALWAYS
from billing.selectors import entitlements_of_all, spans_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
JUNE, MAY, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 5, 4))
DAY = timedelta(days=1)
# Every list of billing, with a filter where one joins other tables.
PAGES = (
    *("account", "grant", "featureoverride", "tierlimit", "feature", "tierchange", "usagecounter"),
    *("reservation", "usagewarning", "trialpolicy", "trialclaim", "trialextension"),
    *("trialreminder", "bulkaction", "dashboard", "price", "customer", "subscription"),
    "webhookevent",
)
FILTERS = ("tier=mid", "source=subscription", "attention=trial", "attention=quota", "q=person1")


def test_accounts_are_counted_by_the_plan_they_have_now(
    make_user: MakeUser, give: MakeGrant, staff: User
) -> None:
    with time_machine.travel(NOW, tick=False):
        mid, over, trial, both, pending, gone = (make_user() for _ in range(6))
        give(mid, Tier.EARLY)
        give(mid, Tier.MID)
        give(over, Tier.MID, starts_at=NOW - 3 * DAY, days=2)
        give(trial, Tier.EARLY, kind="trial", days=7)
        give(both, Tier.MID, kind="trial", days=8)
        give(both, Tier.MID)
        give(pending, Tier.ENTERPRISE)
        give(gone, Tier.MID)
        User.objects.filter(pk=gone.pk).update(is_active=False)
        services.consume(user=trial, feature="runs_month", amount=8001, key="a")
        services.consume(user=over, feature="runs_month", amount=800, key="b")
        told = figures.tier_figures(NOW)
        assert figures.trials_ending(NOW) == (1, 1, 0, 0, 0)
        assert figures.waiting_for_approval(NOW) == 1
        assert figures.waiting_for_approval(NOW + 7 * DAY) == 0
    assert told[Tier.EARLY] == TierFigures(
        tier=Tier.EARLY, accounts=1, by_trial=1, runs=8001, near_limit=1
    )
    assert told[Tier.MID] == TierFigures(tier=Tier.MID, accounts=2)
    # The one whose grant is over, the one whose grant is pending, and who staff are.
    assert told[Tier.FREE] == TierFigures(tier=Tier.FREE, accounts=3, runs=800)


def test_a_trial_converts_when_a_subscription_follows_it(
    make_user: MakeUser, give: MakeGrant
) -> None:
    soon, late, never = (make_user() for _ in range(3))
    for user in (soon, late, never):
        give(user, Tier.EARLY, kind="trial", starts_at=MAY, days=10)
    give(soon, Tier.EARLY, kind="subscription", starts_at=MAY + 39 * DAY)
    give(late, Tier.EARLY, kind="subscription", starts_at=MAY + 40 * DAY)
    months = figures.trials_by_month(NOW)
    assert len(months) == 12
    assert months[MAY] == TrialFigures(started=3, converted=1)
    assert months[APRIL] == TrialFigures()


def test_revenue_is_of_the_subscriptions_that_counted_and_of_their_prices(
    make_user: MakeUser, give: MakeGrant
) -> None:
    listed, yearly, ended = (make_user() for _ in range(3))
    give(listed, Tier.EARLY, kind="subscription", starts_at=APRIL)
    give(ended, Tier.MID, kind="subscription", starts_at=APRIL, ends_at=JUNE)
    price = Price.objects.create(
        tier=Tier.MID, interval="year", amount=96_000, currency="eur", valid_from=ALWAYS
    )
    Subscription.objects.create(
        customer=Customer.objects.create(user=yearly, provider_id="cus_1"),
        provider_id="sub_1",
        status="active",
        price=price,
        started_at=MAY,
        period_starts_at=MAY,
        period_ends_at=MAY + 365 * DAY,
    )
    give(yearly, Tier.MID, kind="subscription", starts_at=MAY, source="stripe:sub_1")
    told = {
        (one.month, one.tier, one.currency): (one.subscriptions, one.amount)
        for one in figures.revenue_by_month(NOW)
    }
    assert told == {
        (APRIL, Tier.EARLY, "usd"): (1, 5_000),
        (APRIL, Tier.MID, "usd"): (1, 10_000),
        (MAY, Tier.EARLY, "usd"): (1, 5_000),
        (MAY, Tier.MID, "usd"): (1, 10_000),
        (MAY, Tier.MID, "eur"): (1, 8_000),
        (JUNE, Tier.EARLY, "usd"): (1, 5_000),
        (JUNE, Tier.MID, "eur"): (1, 8_000),
    }


def test_the_page_shows_numbers_with_their_charts(
    operator: Client, make_user: MakeUser, give: MakeGrant
) -> None:
    shown = operator.get(reverse("admin:billing_dashboard_changelist")).content.decode()
    assert "Nobody has a subscription" in shown
    for tier in (Tier.EARLY, Tier.MID, Tier.MID):
        give(make_user(), tier, kind="subscription")
    give(make_user(), Tier.ENTERPRISE)
    shown = operator.get(reverse("admin:billing_dashboard_changelist")).content.decode()
    for words in ("Monthly revenue, USD", "<td>$200</td>", "mid, without a trial: 2", "$50"):
        assert words in shown
    assert "<strong>1</strong> grant waiting for a second person" in shown
    assert shown.count('role="img"') == 5


def test_no_page_costs_more_with_many_accounts_and_grants(operator: Client) -> None:
    pages = [reverse(f"admin:billing_{page}_changelist") for page in PAGES]
    accounts = reverse("admin:billing_account_changelist")
    pages += [f"{accounts}?{one}" for one in FILTERS]

    def queries() -> dict[str, int]:
        costs = {}
        one = User.objects.filter(email__startswith="person").latest("pk").pk
        for page in [*pages, reverse("admin:billing_account_change", args=[one])]:
            with CaptureQueriesContext(connection) as captured:
                assert operator.get(page).status_code == 200
            costs[page.replace(f"/{one}/", "/of one/")] = len(captured)
        return costs

    call_command("seed_accounts", accounts=30, grants=300, stdout=StringIO())
    few = queries()
    call_command("seed_accounts", accounts=90, grants=900, stdout=StringIO())
    many = queries()
    # A list of several pages counts them; a list that was empty had nobody to look up.
    assert {page: cost for page, cost in many.items() if cost > few[page] + 3} == {}
    assert max(many.values()) <= 15


def test_a_made_up_crowd_has_a_true_ledger() -> None:
    call_command("seed_accounts", accounts=40, grants=403, stdout=StringIO())
    assert (User.objects.count(), Grant.objects.count()) == (40, 403)
    for user, entitled in entitlements_of_all(
        list(User.objects.values_list("pk", flat=True))
    ).items():
        rows = list(TierChange.objects.filter(user=user).order_by("seq"))
        assert (rows[-1].after if rows else Tier.FREE) is entitled.tier
        spans = spans_of(user, since=ALWAYS).grants
        assert all(effective_tier(spans, row.at) is row.after for row in rows)
        head = LedgerHead.objects.get(user=user)
        assert head.seq == len(rows)
        assert head.due_at is None or head.due_at > timezone.now() - DAY
    assert services.record_expiries() == 0
    assert UsageCounter.objects.filter(used__gt=0).exists()


@pytest.mark.parametrize(
    ("environment", "accounts", "grants", "words"),
    [
        ("production", 1, 1, "Not in production"),
        ("staging", 1, 1, "Not in staging"),
        ("test", 0, 1, "--accounts is between"),
        ("test", 1, 101, "--grants is at most"),
    ],
)
def test_a_crowd_is_refused_where_people_are_and_when_it_is_too_large(
    settings: Settings, environment: str, accounts: int, grants: int, words: str
) -> None:
    settings.NETRA_ENV = environment
    with pytest.raises(CommandError, match=words):
        call_command("seed_accounts", accounts=accounts, grants=grants)
    assert not User.objects.exists()
