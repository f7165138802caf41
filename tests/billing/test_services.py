"""Grants and limits, through the services, on the database."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.errors import REFUSAL_WORDS, BillingError, GrantRefusal, GrantRefused
from billing.models import Grant, GrantState, TierChange, TierLimit
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, 0, 30, tzinfo=UTC)


def refusal(error: pytest.ExceptionInfo[GrantRefused]) -> GrantRefusal:
    assert str(error.value) == REFUSAL_WORDS[error.value.reason]
    return error.value.reason


def test_a_grant_counts_from_its_start(user: User, give: MakeGrant) -> None:
    give(user, Tier.MID)
    assert entitlements_of(user).tier is Tier.MID


def test_the_base_tier_leaves_the_trial_out(user: User, give: MakeGrant) -> None:
    give(user, Tier.EARLY, kind="provider", source="github:1")
    give(user, Tier.MID, kind="trial", days=14)
    entitled = entitlements_of(user)
    assert (entitled.tier, entitled.base_tier) == (Tier.MID, Tier.EARLY)
    assert entitled.trial is not None
    assert entitled.trial.tier is Tier.MID


def test_the_tier_at_another_moment_is_that_of_then(user: User, give: MakeGrant) -> None:
    now = timezone.now()
    given = give(user, Tier.MID, starts_at=now - timedelta(days=10), days=5)
    assert entitlements_of(user).tier is Tier.FREE
    assert entitlements_of(user, at=now - timedelta(days=7)).tier is Tier.MID
    assert given.ends_at is not None
    assert entitlements_of(user, at=given.ends_at).tier is Tier.FREE


def test_an_unknown_kind_or_tier_is_a_wrong_value(user: User) -> None:
    now = timezone.now()
    for kind, tier in (("gift", "mid"), ("manual", "platinum")):
        with pytest.raises(ValueError, match="is not a valid"):
            services.grant(
                user=user,
                kind=kind,
                tier=tier,  # type: ignore[arg-type]  # that is the point
                starts_at=now,
                ends_at=None,
                reason="x",
                actor=None,
            )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "trial"}, GrantRefusal.DAYS_OF_TRIAL),
        ({"kind": "trial", "days": 0.99}, GrantRefusal.DAYS_OF_TRIAL),
        ({"kind": "trial", "days": 30.01}, GrantRefusal.DAYS_OF_TRIAL),
        ({"days": 0}, GrantRefusal.NO_PERIOD),
        ({"days": -1}, GrantRefusal.NO_PERIOD),
    ],
)
def test_a_period_that_no_grant_may_have(
    user: User, give: MakeGrant, fields: dict[str, object], reason: GrantRefusal
) -> None:
    with pytest.raises(GrantRefused) as error:
        give(user, Tier.MID, **fields)
    assert refusal(error) is reason
    assert not Grant.objects.exists()


@pytest.mark.parametrize("days", [1, 30])
def test_a_trial_may_last_from_one_to_thirty_days(user: User, give: MakeGrant, days: int) -> None:
    assert give(user, Tier.MID, kind="trial", days=days).pk is not None


def test_no_provider_grants_enterprise(user: User, give: MakeGrant) -> None:
    with pytest.raises(GrantRefused) as error:
        give(user, Tier.ENTERPRISE, kind="provider")
    assert refusal(error) is GrantRefusal.ENTERPRISE_BY_PROVIDER


def test_nobody_grants_to_their_own_account(user: User, give: MakeGrant) -> None:
    with pytest.raises(GrantRefused) as error:
        give(user, Tier.EARLY, actor=user)
    assert refusal(error) is GrantRefusal.OWN_ACCOUNT


def test_a_grant_needs_a_reason(user: User) -> None:
    with pytest.raises(GrantRefused) as error:
        services.grant(
            user=user,
            kind="manual",
            tier=Tier.MID,
            starts_at=timezone.now(),
            ends_at=None,
            reason="  ",
            actor=None,
        )
    assert refusal(error) is GrantRefusal.NO_REASON


@pytest.mark.parametrize(
    ("kind", "source", "reason"),
    [
        ("trial", "", GrantRefusal.TRIAL_OVERLAPS),
        ("subscription", "", GrantRefusal.SUBSCRIPTION_OVERLAPS),
        ("manual", "ticket-7", GrantRefusal.SOURCE_OVERLAPS),
    ],
)
def test_two_of_a_kind_do_not_overlap(
    user: User, give: MakeGrant, kind: str, source: str, reason: GrantRefusal
) -> None:
    first = give(user, Tier.EARLY, kind=kind, days=10, source=source)
    inside = first.starts_at + timedelta(days=9)
    with pytest.raises(GrantRefused) as error:
        give(user, Tier.MID, kind=kind, starts_at=inside, days=10, source=source)
    assert refusal(error) is reason
    give(user, Tier.MID, kind=kind, starts_at=first.ends_at, days=10, source=source)


def test_a_revoked_trial_makes_room_for_another(user: User, give: MakeGrant) -> None:
    first = give(user, Tier.EARLY, kind="trial", days=10)
    services.revoke(grant=first, reason="a mistake", actor=None)
    give(user, Tier.MID, kind="trial", days=10)
    assert entitlements_of(user).tier is Tier.MID


def test_two_accounts_may_have_the_same_source(make_user: MakeUser, give: MakeGrant) -> None:
    for user in (make_user(), make_user()):
        give(user, Tier.EARLY, kind="domain", source="acme.com")


def test_revoking_ends_a_grant_now_and_once(user: User, staff: User, give: MakeGrant) -> None:
    given = give(user, Tier.MID, days=10)
    services.revoke(grant=given, reason="asked for", actor=staff)
    assert entitlements_of(user).tier is Tier.FREE
    revoked_at = given.revoked_at
    services.revoke(grant=given, reason="again", actor=None)
    assert (given.revoked_at, given.revoked_by, given.revoke_reason) == (
        revoked_at,
        staff,
        "asked for",
    )


def test_what_was_revoked_before_its_start_never_counts(user: User, give: MakeGrant) -> None:
    start = timezone.now() + timedelta(days=1)
    given = give(user, Tier.MID, starts_at=start)
    services.revoke(grant=given, reason="a mistake", actor=None)
    entitled = entitlements_of(user)
    assert (entitled.tier, entitled.next_change) == (Tier.FREE, None)
    assert entitlements_of(user, at=start).tier is Tier.FREE


def test_a_revocation_needs_a_reason(user: User, give: MakeGrant) -> None:
    given = give(user, Tier.MID)
    with pytest.raises(GrantRefused) as error:
        services.revoke(grant=given, reason=" ", actor=None)
    assert refusal(error) is GrantRefusal.NO_REASON


def test_enterprise_waits_for_a_second_person(
    user: User, staff: User, make_user: MakeUser, give: MakeGrant
) -> None:
    given = give(user, Tier.ENTERPRISE, actor=staff)
    now = timezone.now()
    assert (given.state_at(now), entitlements_of(user).tier) == (GrantState.PENDING, Tier.FREE)
    services.approve_grant(grant=given, actor=make_user())
    assert given.state_at(now) is GrantState.LIVE
    assert entitlements_of(user).tier is Tier.ENTERPRISE


def test_who_granted_enterprise_does_not_approve_it_nor_who_receives_it(
    user: User, staff: User, give: MakeGrant
) -> None:
    given = give(user, Tier.ENTERPRISE, actor=staff)
    with pytest.raises(GrantRefused) as error:
        services.approve_grant(grant=given, actor=staff)
    assert refusal(error) is GrantRefusal.SAME_PERSON
    with pytest.raises(GrantRefused) as error:
        services.approve_grant(grant=given, actor=user)
    assert refusal(error) is GrantRefusal.OWN_ACCOUNT
    assert entitlements_of(user).tier is Tier.FREE


def test_what_the_system_granted_one_person_approves(
    user: User, staff: User, give: MakeGrant
) -> None:
    given = give(user, Tier.ENTERPRISE)
    services.approve_grant(grant=given, actor=staff)
    assert entitlements_of(user).tier is Tier.ENTERPRISE


def test_only_a_pending_enterprise_grant_is_approved(
    user: User, staff: User, give: MakeGrant
) -> None:
    lower = give(user, Tier.MID)
    approved, revoked = give(user, Tier.ENTERPRISE), give(user, Tier.ENTERPRISE)
    services.approve_grant(grant=approved, actor=staff)
    services.revoke(grant=revoked, reason="a mistake", actor=None)
    reasons = []
    for given in (lower, approved, revoked):
        with pytest.raises(GrantRefused) as error:
            services.approve_grant(grant=given, actor=staff)
        reasons.append(refusal(error))
    assert reasons == [
        GrantRefusal.NO_APPROVAL_NEEDED,
        GrantRefusal.ALREADY_APPROVED,
        GrantRefusal.REVOKED,
    ]


def test_an_approval_counts_from_then_on_and_not_before(
    user: User, staff: User, give: MakeGrant
) -> None:
    given = give(user, Tier.ENTERPRISE, starts_at=timezone.now() - timedelta(days=3))
    services.approve_grant(grant=given, actor=staff)
    assert entitlements_of(user, at=timezone.now() - timedelta(days=1)).tier is Tier.FREE


def test_every_refusal_is_a_billing_error_with_words() -> None:
    assert issubclass(GrantRefused, BillingError)
    assert set(REFUSAL_WORDS) == set(GrantRefusal)


def test_a_raise_holds_at_once(user: User) -> None:
    with time_machine.travel(NOW, tick=False):
        services.change_limit(tier=Tier.FREE, limit="runs_month", value=1500, actor=None)
        assert entitlements_of(user).limits["runs_month"] == 1500


@pytest.mark.parametrize(
    ("limit", "value", "starts_at"),
    [
        ("runs_month", 500, datetime(2026, 7, 1, tzinfo=UTC)),
        ("messages_minute", 5, datetime(2026, 6, 15, 12, 1, tzinfo=UTC)),
        ("concurrent_connections", 1, datetime(2026, 7, 1, tzinfo=UTC)),
        ("retention_days", 7, datetime(2026, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_cut_holds_from_the_next_period(
    user: User, limit: str, value: int, starts_at: datetime
) -> None:
    with time_machine.travel(NOW, tick=False):
        before = entitlements_of(user).limits[limit]
        services.change_limit(tier=Tier.FREE, limit=limit, value=value, actor=None)
        now = entitlements_of(user)
        assert (now.limits[limit], now.next_change) == (before, starts_at)
        assert entitlements_of(user, at=starts_at).limits[limit] == value


def test_unlimited_is_more_than_any_number(user: User) -> None:
    with time_machine.travel(NOW, tick=False):
        services.change_limit(tier=Tier.FREE, limit="runs_month", value=None, actor=None)
        assert entitlements_of(user).limits["runs_month"] is None
        services.change_limit(tier=Tier.FREE, limit="runs_month", value=10**6, actor=None)
        assert entitlements_of(user).limits["runs_month"] is None


def test_a_later_change_replaces_the_one_still_to_come(user: User) -> None:
    july = datetime(2026, 7, 1, tzinfo=UTC)
    with time_machine.travel(NOW, tick=False):
        services.change_limit(tier=Tier.FREE, limit="runs_month", value=10, actor=None)
        services.change_limit(tier=Tier.FREE, limit="runs_month", value=900, actor=None)
        assert entitlements_of(user, at=july).limits["runs_month"] == 900
        services.change_limit(tier=Tier.FREE, limit="runs_month", value=1000, actor=None)
        assert entitlements_of(user, at=july).limits["runs_month"] == 1000
    assert TierLimit.objects.filter(tier=Tier.FREE, limit="runs_month").count() == 1


def test_every_change_of_a_limit_says_who_made_it(staff: User) -> None:
    changed = services.change_limit(tier=Tier.EARLY, limit="runs_month", value=20_000, actor=staff)
    assert (changed.actor, changed.value) == (staff, 20_000)


def test_a_grant_leaves_the_ledger_alone_where_the_tier_stays(user: User, give: MakeGrant) -> None:
    give(user, Tier.MID)
    give(user, Tier.EARLY)
    assert TierChange.objects.filter(user=user).count() == 1
