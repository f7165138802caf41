"""Trials through the services, on the database: who gets one, for how long, and who does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from billing import services
from billing.errors import TrialRefusal, TrialRefused
from billing.models import Grant, TierChange, TrialExtension, TrialPolicy
from billing.selectors import entitlements_of
from billing.services.trials import REASON
from billing.tiers import Tier
from billing.trials import DAY, TrialTerms
from netra.env import Environment
from tests.billing.conftest import MakeGrant, MakePerson, MakeUser

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, 0, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def refusal(act: Callable[[], object]) -> TrialRefusal:
    """Why it is refused; nothing may have changed."""
    before = list(Grant.objects.order_by("pk").values())
    with pytest.raises(TrialRefused) as error, transaction.atomic():
        act()
    assert list(Grant.objects.order_by("pk").values()) == before
    return error.value.reason


def start_refusal(user: User) -> TrialRefusal:
    return refusal(lambda: services.start_trial(user=user))


def extend_refusal(user: User, *, days: int, actor: User | None, reason: str = "x") -> TrialRefusal:
    return refusal(lambda: services.extend_trial(user=user, days=days, reason=reason, actor=actor))


def policy(kind: str, environment: str = "test") -> TrialPolicy:
    return TrialPolicy.objects.get(
        environment=environment, mailbox_kind=kind, valid_until__isnull=True
    )


def change(rule: TrialPolicy, **terms: object) -> TrialPolicy:
    whole = {name: getattr(rule.terms, name) for name in TrialTerms.__slots__} | terms
    return services.set_trial_policy(
        environment=rule.environment,
        mailbox_kind=rule.mailbox_kind,
        terms=TrialTerms(**whole),
        actor=None,
    )


ADDRESSES = [
    ("ann@acme-corp.com", "business", 30),
    ("ann@gmail.com", "consumer", 14),
    ("ann@duck.com", "relay", 14),
    ("ann@princeton.edu", "education", 14),
    ("ann@ann-and-bob.net", "unknown", 14),
    ("ann@example.com", "reserved", 14),
]


@pytest.mark.parametrize(("address", "kind", "days"), ADDRESSES)
@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("testing", [False, True])
def test_the_length_is_that_of_the_mailbox_and_the_environment(
    make_person: MakePerson,
    settings: Settings,
    environment: Environment,
    testing: bool,
    address: str,
    kind: str,
    days: int,
) -> None:
    settings.NETRA_ENV, settings.NETRA_TESTING = environment, testing
    person = make_person(address)
    assert person.mailbox_kind == kind
    with time_machine.travel(NOW, tick=False):
        trial = services.start_trial(user=person)
    short = testing and environment in (Environment.TEST, Environment.STAGING)
    assert trial.ends_at is not None
    assert trial.starts_at == NOW
    assert trial.ends_at - trial.starts_at == (7 if short else days) * timedelta(hours=24)


def test_a_trial_says_what_it_rests_on(make_person: MakePerson) -> None:
    trial = services.start_trial(user=make_person("ann@acme-corp.com"))
    assert (trial.kind, trial.tier, trial.actor, trial.reason) == ("trial", "early", None, REASON)
    assert trial.policy_snapshot == {
        "policy": policy("business").pk,
        "days": 30,
        "fallback_tier": "early",
        "starts_by_itself": True,
        "trials_per_organisation": None,
    }


def test_a_trial_is_effective_at_once_and_in_the_ledger(make_person: MakePerson) -> None:
    person = make_person("ann@gmail.com")
    trial = services.start_trial(user=person)
    entitled = entitlements_of(person)
    assert (entitled.tier, entitled.base_tier) == (Tier.EARLY, Tier.FREE)
    assert entitled.trial is not None
    assert (entitled.trial.ends_at, entitled.next_change) == (trial.ends_at, trial.ends_at)
    change = TierChange.objects.get(user=person)
    assert (change.before, change.after, change.cause) == (Tier.FREE, Tier.EARLY, "granted")


def test_the_recommended_tier_is_tried(make_person: MakePerson) -> None:
    assert services.start_trial(user=make_person("a@gmail.com", recommended="mid")).tier is Tier.MID


def test_it_ends_without_any_job(make_person: MakePerson) -> None:
    with time_machine.travel(NOW, tick=False):
        person = make_person("ann@gmail.com")
        services.start_trial(user=person)
    assert entitlements_of(person, at=NOW + 14 * DAY - SECOND).tier is Tier.EARLY
    over = entitlements_of(person, at=NOW + 14 * DAY)
    assert (over.tier, over.trial, over.limits["runs_month"]) == (Tier.FREE, None, 1000)
    assert "your Early trial ended on 29 June 2026" in over.why


def test_over_a_paid_tier_it_falls_back_to_that(make_person: MakePerson, give: MakeGrant) -> None:
    person = make_person("ann@gmail.com", recommended="mid")
    give(person, Tier.EARLY, kind="subscription")
    trial = services.start_trial(user=person)
    assert entitlements_of(person).tier is Tier.MID
    assert trial.ends_at is not None
    assert entitlements_of(person, at=trial.ends_at).tier is Tier.EARLY


@pytest.mark.parametrize("base", [Tier.EARLY, Tier.MID])
def test_who_has_the_tier_gets_no_trial_of_it(
    make_person: MakePerson, give: MakeGrant, base: Tier
) -> None:
    person = make_person("ann@gmail.com")
    give(person, base, kind="provider", source="github:1")
    assert start_refusal(person) is TrialRefusal.BASE_TIER


def test_nobody_unproven_and_no_disposable_mailbox_gets_one(make_person: MakePerson) -> None:
    unproven = make_person("ann@gmail.com", verified=False)
    assert start_refusal(unproven) is TrialRefusal.NOT_VERIFIED
    throwaway = make_person("ann@mailinator.com")
    assert start_refusal(throwaway) is TrialRefusal.DISPOSABLE_MAIL


def test_what_the_caller_believes_of_the_account_does_not_count(make_person: MakePerson) -> None:
    stale = make_person("ann@gmail.com", verified=False)
    stale.verified_at, stale.mailbox_kind = timezone.now(), "business"
    assert start_refusal(stale) is TrialRefusal.NOT_VERIFIED
    User.objects.filter(pk=stale.pk).update(verified_at=timezone.now())
    trial = services.start_trial(user=stale)
    assert trial.ends_at == trial.starts_at + 14 * DAY


def test_one_account_has_one_trial_of_a_tier(make_person: MakePerson) -> None:
    person = make_person("ann@gmail.com")
    trial = services.start_trial(user=person)
    assert start_refusal(person) is TrialRefusal.ALREADY_USED
    services.revoke(grant=trial, reason="asked for", actor=None)
    assert start_refusal(person) is TrialRefusal.ALREADY_USED
    with time_machine.travel(NOW + 3650 * DAY):
        assert start_refusal(person) is TrialRefusal.ALREADY_USED


def test_another_tier_is_another_trial_once_the_first_is_over(make_person: MakePerson) -> None:
    with time_machine.travel(NOW):
        person = make_person("ann@gmail.com")
        services.start_trial(user=person)
        User.objects.filter(pk=person.pk).update(recommended_tier="mid")
        assert start_refusal(person) is TrialRefusal.TRIAL_OVERLAPS
    with time_machine.travel(NOW + 15 * DAY):
        assert services.start_trial(user=person).tier is Tier.MID
        assert start_refusal(person) is TrialRefusal.ALREADY_USED


def test_a_trial_that_staff_gave_is_the_one(make_person: MakePerson, give: MakeGrant) -> None:
    person = make_person("ann@gmail.com")
    give(person, Tier.EARLY, kind="trial", starts_at=NOW - 60 * DAY, days=5)
    assert start_refusal(person) is TrialRefusal.ALREADY_USED
    assert start_refusal(make_person("a.n.n@gmail.com")) is TrialRefusal.ALREADY_USED


def test_a_policy_edit_leaves_a_running_trial_alone(make_person: MakePerson) -> None:
    first = services.start_trial(user=make_person("ann@gmail.com"))
    edited = change(policy(""), days=3)
    second = services.start_trial(user=make_person("bob@gmail.com"))
    first.refresh_from_db()
    assert first.ends_at == first.starts_at + 14 * DAY
    assert second.ends_at == second.starts_at + 3 * DAY
    assert second.policy_snapshot is not None
    assert second.policy_snapshot["policy"] == edited.pk


def test_an_edit_is_a_new_version_and_the_same_terms_are_none() -> None:
    with time_machine.travel(NOW, tick=False):
        edited = change(policy(""), days=3)
    with time_machine.travel(NOW + DAY, tick=False):
        assert change(policy(""), days=3).pk == edited.pk
        change(policy(""), fallback_tier=None)
    versions = TrialPolicy.objects.filter(environment="test", mailbox_kind="")
    spans = versions.order_by("valid_from").values_list("days", "valid_from", "valid_until")
    assert [span[0] for span in spans] == [14, 3, 3]
    assert list(spans)[1:] == [(3, NOW, NOW + DAY), (3, NOW + DAY, None)]


def test_where_nothing_is_recommended_a_policy_may_offer_none(make_person: MakePerson) -> None:
    change(policy(""), fallback_tier=None)
    assert start_refusal(make_person("ann@gmail.com")) is TrialRefusal.NOT_OFFERED
    assert services.start_trial(user=make_person("bob@gmail.com", recommended="early"))


def test_without_a_rule_nothing_is_offered(make_person: MakePerson) -> None:
    TrialPolicy.objects.all().delete()
    assert start_refusal(make_person("ann@gmail.com")) is TrialRefusal.NOT_OFFERED


def test_staff_extend_a_running_trial(make_person: MakePerson, staff: User) -> None:
    person = make_person("ann@gmail.com")
    trial = services.start_trial(user=person)
    longer = services.extend_trial(user=person, days=10, reason=" ill ", actor=staff)
    assert longer.pk == trial.pk
    assert longer.ends_at == trial.starts_at + 24 * DAY
    extension = TrialExtension.objects.get()
    assert (extension.grant, extension.days, extension.actor) == (longer, 10, staff)
    assert extension.reason == "ill"
    assert entitlements_of(person).next_change == longer.ends_at


def test_thirty_days_are_the_end_of_all_extensions(make_person: MakePerson, staff: User) -> None:
    person = make_person("ann@gmail.com")
    trial = services.start_trial(user=person)
    assert extend_refusal(person, days=17, actor=staff) is TrialRefusal.DAYS_OF_TRIAL
    services.extend_trial(user=person, days=16, reason="x", actor=staff)
    assert extend_refusal(person, days=1, actor=staff) is TrialRefusal.DAYS_OF_TRIAL
    trial.refresh_from_db()
    assert trial.ends_at == trial.starts_at + 30 * DAY
    assert TrialExtension.objects.count() == 1


def test_what_is_no_extension(make_person: MakePerson, staff: User) -> None:
    person = make_person("ann@gmail.com")
    assert extend_refusal(person, days=1, actor=staff) is TrialRefusal.NO_TRIAL
    services.start_trial(user=person)
    for days in (0, -1, 31):
        assert extend_refusal(person, days=days, actor=staff) is TrialRefusal.DAYS_OF_TRIAL
    assert extend_refusal(person, days=1, actor=person) is TrialRefusal.OWN_ACCOUNT
    assert extend_refusal(person, days=1, actor=staff, reason=" ") is TrialRefusal.NO_REASON
    with pytest.raises(ValueError, match="whole number"):
        services.extend_trial(user=person, days=True, reason="x", actor=staff)


def test_what_is_over_or_revoked_is_not_extended(make_person: MakePerson, staff: User) -> None:
    with time_machine.travel(NOW, tick=False):
        person, other = make_person("ann@gmail.com"), make_person("bob@gmail.com")
        services.start_trial(user=person)
        services.revoke(grant=services.start_trial(user=other), reason="x", actor=staff)
        assert extend_refusal(other, days=1, actor=staff) is TrialRefusal.NO_TRIAL
    with time_machine.travel(NOW + 14 * DAY):
        assert extend_refusal(person, days=1, actor=staff) is TrialRefusal.NO_TRIAL


@pytest.mark.parametrize(
    "change",
    [
        {"ends_at": NOW + 13 * DAY},
        {"starts_at": NOW - DAY},
        {"kind": "manual", "ends_at": None},
        {"tier": Tier.MID},
    ],
)
def test_the_database_shortens_no_trial(make_person: MakePerson, change: dict[str, object]) -> None:
    with time_machine.travel(NOW, tick=False):
        services.start_trial(user=make_person("ann@gmail.com"))
    with pytest.raises(IntegrityError, match="never shortened"), transaction.atomic():
        Grant.objects.update(**change)


def test_whoever_did_not_sign_up_has_a_trial_only_when_asked_for(make_user: MakeUser) -> None:
    user = make_user()
    User.objects.filter(pk=user.pk).update(verified_at=timezone.now())
    assert services.start_trial_of_verified(user=user) is None
    assert services.start_trial(user=user).tier is Tier.EARLY
