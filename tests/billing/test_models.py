"""What the database refuses by itself, whatever code wrote it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from accounts.models import User
from billing.fields import TierField
from billing.models import (
    Grant,
    Reservation,
    TierChange,
    TierLimit,
    TrialExtension,
    TrialPolicy,
    UsageCounter,
)
from billing.tiers import Tier

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def refused(row: Model) -> str:
    """The constraint that keeps a row out."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        row.save(force_insert=True)
    cause: Any = error.value.__cause__
    return str(cause.diag.constraint_name)


def grant(user: User, **fields: Any) -> Grant:
    whole = {"kind": "manual", "tier": Tier.MID, "starts_at": NOW, "reason": "x"} | fields
    return Grant(user=user, **whole)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"kind": "gift"}, "grant_kind_known"),
        ({"reason": ""}, "grant_has_reason"),
        ({"ends_at": NOW}, "grant_has_period"),
        ({"ends_at": NOW - DAY}, "grant_has_period"),
        ({"kind": "trial"}, "grant_trial_1_to_30_days"),
        ({"kind": "trial", "ends_at": NOW + DAY * 0.99}, "grant_trial_1_to_30_days"),
        ({"kind": "trial", "ends_at": NOW + DAY * 30.01}, "grant_trial_1_to_30_days"),
        ({"kind": "provider", "tier": Tier.ENTERPRISE}, "grant_provider_not_enterprise"),
        ({"tier": Tier.ENTERPRISE, "approved_at": NOW}, "grant_approval_whole"),
        ({"revoked_at": NOW}, "grant_revocation_whole"),
        ({"revoke_reason": "x"}, "grant_revocation_whole"),
        ({"revoked_at": NOW - DAY, "revoke_reason": "x"}, "grant_revocation_whole"),
    ],
)
def test_no_such_grant(user: User, fields: dict[str, Any], constraint: str) -> None:
    assert refused(grant(user, **fields)) == constraint


def test_no_grant_by_oneself_and_no_approval_by_one_person(user: User, staff: User) -> None:
    approved = {"approved_at": NOW, "tier": Tier.ENTERPRISE}
    assert refused(grant(user, actor=user)) == "grant_by_another"
    assert refused(grant(user, approved_by=user, **approved)) == "grant_approved_by_another"
    assert refused(grant(user, actor=staff, approved_by=staff, **approved)) == "grant_second_person"
    lower = grant(user, tier=Tier.MID, approved_at=NOW, approved_by=staff)
    assert refused(lower) == "grant_approval_whole"


@pytest.mark.parametrize(
    ("kind", "source", "constraint"),
    [
        ("trial", "", "grant_trials_apart"),
        ("subscription", "", "grant_subscriptions_apart"),
        ("manual", "ticket-7", "grant_sources_apart"),
    ],
)
def test_no_two_at_once(user: User, kind: str, source: str, constraint: str) -> None:
    fields = {"kind": kind, "source": source}
    grant(user, ends_at=NOW + 10 * DAY, **fields).save()
    last_moment = NOW + 10 * DAY - timedelta(microseconds=1)
    overlapping = grant(user, starts_at=last_moment, ends_at=NOW + 20 * DAY, **fields)
    assert refused(overlapping) == constraint
    grant(user, starts_at=NOW + 10 * DAY, ends_at=NOW + 20 * DAY, **fields).save()


def test_what_may_lie_over_what(user: User) -> None:
    kinds = ("trial", "subscription", "manual", "manual", "provider", "domain")
    for kind in kinds:
        grant(user, kind=kind, ends_at=NOW + 10 * DAY).save()
    assert Grant.objects.count() == len(kinds)


def test_no_subscription_beside_one_without_an_end(user: User) -> None:
    grant(user, kind="subscription").save()
    later = grant(user, kind="subscription", starts_at=NOW + 999 * DAY)
    assert refused(later) == "grant_subscriptions_apart"


@pytest.mark.parametrize(
    ("counts", "constraint"),
    [
        ({"used": -1}, "usage_not_negative"),
        ({"reserved": -1}, "usage_not_negative"),
        ({"used": 6, "reserved": 5, "limit": 10}, "usage_within_limit"),
        ({"used": 11, "limit": 10}, "usage_within_limit"),
        ({"reserved": 1, "limit": 0}, "usage_within_limit"),
    ],
)
def test_no_such_count(user: User, counts: dict[str, int], constraint: str) -> None:
    row = UsageCounter(user=user, feature="runs_month", period_start=NOW, **counts)
    assert refused(row) == constraint


def test_one_counter_a_period(user: User) -> None:
    full = {"user": user, "feature": "runs_month", "period_start": NOW, "used": 10, "limit": 10}
    UsageCounter(**full).save()
    assert refused(UsageCounter(**full)) == "usage_one_per_period"


def test_a_reservation_has_one_key_an_amount_and_a_known_state(user: User) -> None:
    fields = {"user": user, "feature": "runs_month", "period_start": NOW, "lapses_at": NOW}
    whole: dict[str, Any] = {**fields, "created_at": NOW, "key": "a", "amount": 1}
    Reservation(**whole).save()
    assert refused(Reservation(**whole)) == "billing_reservation_key_key"
    assert refused(Reservation(**whole | {"key": "b", "amount": 0})) == "reservation_of_something"
    assert refused(Reservation(**whole | {"key": "b", "state": "gone"})) == "reservation_state"


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"limit": "wishes"}, "tier_limit_known"),
        ({"value": -1}, "tier_limit_value_in_range"),
        ({"value": 10**15}, "tier_limit_value_in_range"),
        ({"valid_until": NOW}, "tier_limit_has_period"),
        ({}, "tier_limit_versions_apart"),
    ],
)
def test_no_such_limit(fields: dict[str, Any], constraint: str) -> None:
    whole = {"tier": Tier.FREE, "limit": "runs_month", "value": 1, "valid_from": NOW} | fields
    assert refused(TierLimit(**whole)) == constraint


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({}, "trial_policies_apart"),
        ({"valid_from": NOW - 900 * DAY, "valid_until": NOW}, "trial_policies_apart"),
        ({"environment": "moon"}, "trial_policy_environment_known"),
        ({"mailbox_kind": "relay", "days": 0}, "trial_policy_1_to_30_days"),
        ({"mailbox_kind": "relay", "days": 31}, "trial_policy_1_to_30_days"),
        ({"mailbox_kind": "relay", "fallback_tier": "enterprise"}, "trial_policy_tier_known"),
        ({"mailbox_kind": "relay", "fallback_tier": "free"}, "trial_policy_tier_known"),
        (
            {"mailbox_kind": "relay", "trials_per_organisation": 0},
            "trial_policy_organisation_has_one",
        ),
        ({"mailbox_kind": "relay", "valid_until": NOW}, "trial_policy_has_period"),
    ],
)
def test_no_such_trial_policy(fields: dict[str, Any], constraint: str) -> None:
    whole = {"environment": "production", "days": 14, "valid_from": NOW} | fields
    assert refused(TrialPolicy(**whole)) == constraint


def test_another_kind_of_mailbox_has_a_rule_of_its_own() -> None:
    TrialPolicy.objects.create(
        environment="production", mailbox_kind="relay", days=1, valid_from=NOW
    )


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"days": 0}, "trial_extension_days"),
        ({"days": 31}, "trial_extension_days"),
        ({"reason": ""}, "trial_extension_has_reason"),
    ],
)
def test_no_such_extension(user: User, fields: dict[str, Any], constraint: str) -> None:
    trial = grant(user, kind="trial", ends_at=NOW + DAY)
    trial.save()
    whole = {"grant": trial, "user": user, "days": 1, "reason": "x", "at": NOW}
    assert refused(TrialExtension(**(whole | fields))) == constraint
    assert refused(TrialExtension(**whole, actor=user)) == "trial_extension_by_another"


def test_a_ledger_row_changes_something(user: User) -> None:
    row = TierChange(user=user, seq=1, before=Tier.FREE, after=Tier.FREE, cause="granted", at=NOW)
    assert refused(row) == "tier_change_changes"


@pytest.mark.parametrize(
    ("table", "column", "constraint"),
    [
        ("billing_grant", "tier", "grant_tier_known"),
        ("billing_tierlimit", "tier", "tier_limit_tier_known"),
        ("billing_feature", "lowest_tier", "feature_tier_known"),
    ],
)
def test_no_tier_but_the_four(user: User, table: str, column: str, constraint: str) -> None:
    grant(user).save()
    with pytest.raises(IntegrityError, match=constraint), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = 'platinum'")


def test_a_tier_is_read_as_a_tier(user: User) -> None:
    grant(user, tier="mid").save()
    assert Grant.objects.get().tier is Tier.MID
    field = TierField()
    assert field.to_python("early") is Tier.EARLY
    assert field.to_python("") is None
    with pytest.raises(ValidationError):
        field.to_python("platinum")
