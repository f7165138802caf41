"""Exceptions for one account: made, effective at once, ended, told, and held by the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from billing import services
from billing.errors import LimitReached, OverrideRefused
from billing.models import Feature, FeatureOverride, TierChange
from billing.selectors import catalogue, entitlements_of, entitlements_of_all, usage_of
from billing.signals import entitlements_changed
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser
from tests.billing.test_models import refused

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def make(user: User, feature: str = "runs_month", value: int | None = 5, **how: Any) -> Any:
    whole: dict[str, Any] = {
        "starts_at": timezone.now(),
        "ends_at": None,
        "reason": "ticket 7",
        "actor": None,
    }
    return services.override_feature(user=user, feature=feature, value=value, **(whole | how))


def reason_of(error: pytest.ExceptionInfo[OverrideRefused]) -> str:
    return error.value.reason


def test_it_holds_at_once_and_until_it_is_ended(user: User, staff: User) -> None:
    made = make(user, value=1001, actor=staff)
    services.consume(user=user, feature="runs_month", amount=1001, key="a")
    assert usage_of(user)[0].limit == 1001
    services.end_override(override=made, reason="over", actor=staff)
    assert entitlements_of(user).limits["runs_month"] == 1000
    assert (made.ended_by, made.end_reason, made.state_at(timezone.now())) == (
        *(staff, "over"),
        "ended",
    )


def test_an_override_can_be_made_again_once_it_is_ended(user: User) -> None:
    services.end_override(override=make(user), reason="over", actor=None)
    make(user, value=9)
    assert entitlements_of(user).limits["runs_month"] == 9


def test_ending_twice_keeps_the_first_end(user: User, staff: User) -> None:
    made = make(user)
    services.end_override(override=made, reason="first", actor=None)
    services.end_override(override=made, reason="second", actor=staff)
    assert (made.end_reason, made.ended_by) == ("first", None)


def test_one_that_is_ended_before_its_start_never_counts(user: User) -> None:
    made = make(user, starts_at=timezone.now() + DAY)
    services.end_override(override=made, reason="over", actor=None)
    assert entitlements_of(user, at=timezone.now() + 2 * DAY).limits["runs_month"] == 1000


def test_no_tier_is_said_to_lift_what_staff_have_set(user: User) -> None:
    make(user, value=1)
    services.reserve(user=user, feature="runs_month", amount=1, key="a")
    with pytest.raises(LimitReached) as error:
        services.reserve(user=user, feature="runs_month", amount=1, key="b")
    assert (error.value.limit, error.value.used, error.value.required_tier) == (1, 1, None)


def test_a_feature_that_is_a_row_is_allowed(user: User) -> None:
    Feature.objects.create(name="teleport", lowest_tier=Tier.MID)
    make(user, "teleport", 1)
    assert "teleport" in entitlements_of(user).features


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"feature": "unheard_of", "value": 1}, "unknown_feature"),
        ({"feature": "sso", "value": 2}, "value"),
        ({"feature": "sso", "value": None}, "value"),
        ({"value": -1}, "value"),
        ({"value": 10**15}, "value"),
        ({"reason": "  "}, "no_reason"),
        ({"ends_at": timezone.now() - DAY}, "no_period"),
    ],
)
def test_what_is_no_override(user: User, how: dict[str, Any], reason: str) -> None:
    with pytest.raises(OverrideRefused) as error:
        make(user, **how)
    assert reason_of(error) == reason
    assert str(error.value)
    assert not FeatureOverride.objects.exists()


def test_nobody_makes_or_ends_one_for_themselves(user: User, staff: User) -> None:
    with pytest.raises(OverrideRefused) as error:
        make(user, actor=user)
    assert reason_of(error) == "own_account"
    made = make(user, actor=staff)
    with pytest.raises(OverrideRefused) as error:
        services.end_override(override=made, reason="mine", actor=user)
    assert reason_of(error) == "own_account"
    with pytest.raises(OverrideRefused) as error:
        services.end_override(override=made, reason=" ", actor=staff)
    assert reason_of(error) == "no_reason"
    assert entitlements_of(user).limits["runs_month"] == 5


def test_two_of_one_feature_do_not_overlap(user: User, make_user: MakeUser) -> None:
    make(user, ends_at=timezone.now() + DAY)
    with pytest.raises(OverrideRefused) as error:
        make(user, value=7)
    assert reason_of(error) == "overlaps"
    make(user, "messages_minute")
    make(make_user())
    make(user, starts_at=timezone.now() + 2 * DAY)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"feature": "sso", "value": 2}, "feature_override_value_in_range"),
        ({"feature": "sso", "value": None}, "feature_override_value_in_range"),
        ({"value": -1}, "feature_override_value_in_range"),
        ({"ends_at": timezone.now() - 9 * DAY}, "feature_override_has_period"),
        ({"reason": ""}, "feature_override_has_reason"),
        ({"end_reason": "x"}, "feature_override_end_whole"),
        ({"ended_at": timezone.now() + 9 * DAY}, "feature_override_end_whole"),
        ({"ended_at": timezone.now() - 9 * DAY, "end_reason": "x"}, "feature_override_end_whole"),
    ],
)
def test_no_such_row(user: User, fields: dict[str, Any], constraint: str) -> None:
    whole: dict[str, Any] = {
        "feature": "runs_month",
        "value": 1,
        "starts_at": timezone.now(),
        "reason": "x",
    }
    assert refused(FeatureOverride(user=user, **(whole | fields))) == constraint
    if constraint == "feature_override_has_reason":
        by_self = FeatureOverride(user=user, actor=user, **whole)
        assert refused(by_self) == "feature_override_by_another"
        ended = {"ended_at": timezone.now() + DAY, "end_reason": "x", "ended_by": user}
        assert refused(FeatureOverride(user=user, **whole, **ended)) == (
            "feature_override_ended_by_another"
        )
        FeatureOverride(user=user, **whole).save()
        assert refused(FeatureOverride(user=user, **whole)) == "feature_overrides_apart"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_featureoverride SET value = 9",
        "UPDATE billing_featureoverride SET reason = 'other'",
        "UPDATE billing_featureoverride SET ended_at = NULL, end_reason = ''",
        "UPDATE billing_featureoverride SET end_reason = 'other'",
        "DELETE FROM billing_featureoverride",
        "TRUNCATE billing_featureoverride",
    ],
)
def test_what_was_done_stays_written(user: User, statement: str) -> None:
    made = make(user)
    services.end_override(override=made, reason="over", actor=None)
    if "value" in statement:
        make(user, "messages_minute")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
    made.refresh_from_db()
    assert (made.value, made.reason, made.end_reason) == (5, "ticket 7", "over")


def test_a_row_says_in_which_request_it_was_made_and_the_tiers_ledger_nothing(user: User) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req_1_abcdef"):
        assert make(user).request_id == "req_1_abcdef"
    assert not TierChange.objects.exists()


def test_a_change_is_announced_after_commit(
    user: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    heard: list[str] = []

    def hear(*, user_id: str, **_signal: object) -> None:
        heard.append(user_id)

    entitlements_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            services.end_override(override=make(user), reason="over", actor=None)
            assert heard == []
    finally:
        entitlements_changed.disconnect(hear)
    assert heard == [user.public_id, user.public_id]


def test_it_costs_no_further_round_trip(
    make_user: MakeUser, give: MakeGrant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one, other = make_user(), make_user()
    give(one, Tier.MID)
    make(one, value=7)
    make(other, "messages_minute", 9)
    catalogue()
    with django_assert_num_queries(1):
        found = entitlements_of_all([one.pk, other.pk])
    assert found[one.pk].limits["runs_month"] == 7
    assert found[other.pk].limits == dict(entitlements_of(other).limits)
    assert found[other.pk].limits["messages_minute"] == 9


@pytest.mark.django_db(transaction=True)
def test_sixteen_at_once_make_one(make_user: MakeUser) -> None:
    user = make_user()

    def race(value: int) -> bool:
        try:
            make(user, value=value)
        except OverrideRefused:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(race, range(16))) == 1
    assert entitlements_of(user).limits["runs_month"] == FeatureOverride.objects.get().value
