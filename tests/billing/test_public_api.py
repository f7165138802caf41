"""What SPEC §5 names as public: each name where it is said to be, with the arguments it says."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from billing import errors, selectors, services
from billing.entitlements import Entitlements, Trial
from billing.models import Grant, TierChange
from billing.tiers import Tier
from tests.billing.conftest import MakePerson

KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
REQUIRED = inspect.Parameter.empty

# name: its keyword arguments, and those that may be left out with what they then are.
SERVICES: dict[str, tuple[str, dict[str, object]]] = {
    "grant": ("user kind tier starts_at ends_at reason actor", {"source": ""}),
    "approve_grant": ("grant actor", {}),
    "revoke": ("grant reason actor", {}),
    "start_trial": ("user", {}),
    "extend_trial": ("user days reason actor", {}),
    "reserve": ("user feature amount key", {"entitled": None}),
    "settle": ("key amount", {}),
    "release": ("key", {}),
    "renew": ("key", {}),
}
LIMITS = {
    "runs_month": (1_000, 10_000, 50_000, None),
    "messages_minute": (30, 60, 120, 300),
    "concurrent_runs": (1, 3, 5, 20),
    "concurrent_connections": (3, 5, 10, 25),
    "session_idle_hours": (2, 8, 24, 72),
    "retention_days": (30, 90, 180, 365),
}
FEATURES = {
    Tier.FREE: {"basic_chat"},
    Tier.EARLY: {"basic_chat", "api_access"},
    Tier.MID: {"basic_chat", "api_access", "advanced_analytics", "priority_support"},
    Tier.ENTERPRISE: {
        "basic_chat",
        "api_access",
        "advanced_analytics",
        "priority_support",
        "sso",
        "custom_integrations",
    },
}


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_service_takes_what_is_said(name: str) -> None:
    required, optional = SERVICES[name]
    parameters = inspect.signature(getattr(services, name)).parameters
    assert {parameter.kind for parameter in parameters.values()} == {KEYWORD_ONLY}
    defaults = {word: parameter.default for word, parameter in parameters.items()}
    assert defaults == dict.fromkeys(required.split(), REQUIRED) | optional


def test_tiers_are_four_compared_by_rank() -> None:
    assert [(tier.name, tier.value) for tier in Tier] == [
        ("FREE", "free"),
        ("EARLY", "early"),
        ("MID", "mid"),
        ("ENTERPRISE", "enterprise"),
    ]
    assert sorted(Tier, reverse=True) == list(reversed(Tier))
    assert Tier.FREE < Tier.EARLY < Tier.MID < Tier.ENTERPRISE


def test_entitlements_are_asked_with_an_optional_moment() -> None:
    user, at = inspect.signature(selectors.entitlements_of).parameters.values()
    assert (user.name, user.kind) == ("user", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert (at.name, at.kind, at.default) == ("at", KEYWORD_ONLY, None)
    assert {field.name for field in fields(Entitlements)} == {
        "tier",
        "base_tier",
        "trial",
        "limits",
        "features",
        "why",
        "next_change",
        "overridden",
    }
    assert {field.name for field in fields(Trial)} == {"tier", "starts_at", "ends_at"}


@pytest.mark.django_db
@pytest.mark.parametrize("tier", list(Tier))
def test_each_tier_has_its_limits_and_features(user: User, staff: User, tier: Tier) -> None:
    now = timezone.now()
    given = services.grant(
        user=user, kind="manual", tier=tier, starts_at=now, ends_at=None, reason="x", actor=None
    )
    if tier is Tier.ENTERPRISE:
        assert selectors.entitlements_of(user).tier is Tier.FREE
        services.approve_grant(grant=given, actor=staff)
    entitled = selectors.entitlements_of(user)
    assert isinstance(entitled.limits, Mapping)
    assert isinstance(entitled.features, frozenset)
    assert entitled.limits == {limit: values[tier.rank] for limit, values in LIMITS.items()}
    assert entitled.features == FEATURES[tier]
    assert (entitled.tier, entitled.trial, entitled.next_change) == (tier, None, None)
    assert entitled.why


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind", ["provider", "domain", "trial", "subscription", "manual", "compensation"]
)
def test_each_kind_is_granted_by_its_word(user: User, staff: User, kind: str) -> None:
    start = datetime(2026, 6, 15, tzinfo=UTC)
    given = services.grant(
        user=user,
        kind=kind,
        tier=Tier.EARLY,
        starts_at=start,
        ends_at=start + timedelta(days=2),
        reason="ticket 7",
        actor=staff,
        source="",
    )
    assert isinstance(given, Grant)
    entitled = selectors.entitlements_of(user, at=start)
    assert entitled.tier is Tier.EARLY
    assert entitled.base_tier is (Tier.FREE if kind == "trial" else Tier.EARLY)
    assert entitled.next_change == start + timedelta(days=2)


@pytest.mark.django_db
def test_refusals_carry_what_they_say(make_person: MakePerson, staff: User) -> None:
    person = make_person("ann@gmail.com")
    services.consume(user=person, feature="runs_month", amount=1000, key="all of them")
    with pytest.raises(errors.LimitReached) as limit:
        services.reserve(user=person, feature="runs_month", amount=1, key="one more")
    reached = limit.value
    assert (reached.feature, reached.limit, reached.used) == ("runs_month", 1000, 1000)
    assert reached.required_tier is Tier.EARLY
    assert reached.resets_at is not None

    def why(act: Callable[[], object], refusal: type[Exception]) -> str:
        with pytest.raises(refusal) as error:
            act()
        return str(getattr(error.value, "reason", ""))

    services.start_trial(user=person)
    assert why(lambda: services.start_trial(user=person), errors.TrialRefused) == "already_used"
    moment = timezone.now()
    own = why(
        lambda: services.grant(
            user=staff,
            kind="manual",
            tier=Tier.MID,
            starts_at=moment,
            ends_at=None,
            reason="x",
            actor=staff,
        ),
        errors.GrantRefused,
    )
    assert own == "own_account"


def test_a_ledger_row_has_what_is_said() -> None:
    names = {field.name for field in TierChange._meta.get_fields()}
    assert names >= {"seq", "before", "after", "cause", "actor", "request_id", "at"}
