"""Questions to billing: few round trips, and a catalogue that is not read for each."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing import selectors, services
from billing.models import Feature, TierLimit
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_entitlements_are_one_round_trip(
    user: User, give: MakeGrant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for tier in (Tier.EARLY, Tier.MID, Tier.EARLY):
        give(user, tier)
    selectors.catalogue()
    with django_assert_num_queries(1):
        assert selectors.entitlements_of(user).tier is Tier.MID


def test_a_grant_counts_from_its_approval_to_its_revocation(
    user: User, staff: User, give: MakeGrant
) -> None:
    with time_machine.travel(NOW - DAY, tick=False):
        given = give(user, Tier.ENTERPRISE, days=10)
    assert selectors.spans_of(user.pk, since=NOW - DAY).grants == []
    with time_machine.travel(NOW, tick=False):
        services.approve_grant(grant=given, actor=staff)
    with time_machine.travel(NOW + DAY, tick=False):
        services.revoke(grant=given, reason="over", actor=None)
    [span] = selectors.spans_of(user.pk, since=NOW - DAY).grants
    assert (span.starts_at, span.ends_at) == (NOW, NOW + DAY)
    assert selectors.spans_of(user.pk, since=NOW + DAY).grants == []


def test_usage_is_three_round_trips(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    selectors.catalogue()
    with django_assert_num_queries(3):
        selectors.usage_of(user)


def test_the_catalogue_is_read_again_once_it_is_old(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    selectors.catalogue()
    with django_assert_num_queries(0):
        selectors.catalogue()
    monkeypatch.setattr(selectors, "CATALOGUE_AGE_MAX_S", 0.0)
    with django_assert_num_queries(2):
        selectors.catalogue()


def test_an_edit_in_this_process_is_seen_at_once(user: User) -> None:
    assert selectors.entitlements_of(user).limits["runs_month"] == 1000
    row = TierLimit.objects.get(tier=Tier.FREE, limit="runs_month")
    row.value = 7
    row.save()
    Feature.objects.create(name="new_thing", lowest_tier=Tier.FREE)
    entitled = selectors.entitlements_of(user)
    assert (entitled.limits["runs_month"], "new_thing" in entitled.features) == (7, True)


def test_a_feature_nobody_knows_is_in_no_plan(user: User, staff: User) -> None:
    assert "teleport" not in selectors.entitlements_of(user).features


def test_usage_says_how_much_of_a_limit_is_reached(user: User) -> None:
    def reached() -> int | None:
        return {usage.feature: usage.percent_reached for usage in selectors.usage_of(user)}[
            "runs_month"
        ]

    assert reached() is None
    services.consume(user=user, feature="runs_month", amount=950, key="a")
    assert reached() == 95
