"""The trial that a verified sign-up starts by itself, on the roads that people take."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from billing import services
from billing.models import Grant, TrialClaim, TrialPolicy
from billing.selectors import entitlements_of
from billing.tiers import Tier
from billing.trials import DAY
from tests.accounts.people import PASSWORD, mailed_code, verified
from tests.billing.conftest import MakeGrant

pytestmark = pytest.mark.django_db


def trials_of(user: User) -> list[tuple[Tier, float]]:
    trials = Grant.objects.filter(user=user, kind="trial").order_by("starts_at")
    ends = [(trial.tier, trial.ends_at, trial.starts_at) for trial in trials]
    return [(tier, (end - start) / DAY) for tier, end, start in ends if end is not None]


def test_entering_the_mailed_code_starts_it(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "Ada@Acme-Corp.com", "password1": PASSWORD})
    user = User.objects.get()
    assert entitlements_of(user).trial is None
    client.post("/accounts/confirm-email/", {"code": mailed_code()})
    entitled = entitlements_of(user)
    assert entitled.trial is not None
    assert (entitled.tier, entitled.base_tier) == (Tier.EARLY, Tier.FREE)
    assert trials_of(user) == [(Tier.EARLY, 30)]


@pytest.mark.parametrize(
    ("address", "trials"),
    [
        ("ada@gmail.com", [(Tier.EARLY, 14)]),
        ("ada@business-corp.com", [(Tier.EARLY, 30)]),
        ("ada@princeton.edu", [(Tier.EARLY, 14)]),
        ("ada@mailinator.com", []),
    ],
)
def test_its_length_is_that_of_the_mailbox(address: str, trials: list[tuple[Tier, float]]) -> None:
    assert trials_of(verified(address)) == trials


def test_verifying_again_starts_nothing(client: Client) -> None:
    user = verified("ada@gmail.com")
    accounts.mark_verified(user=user)
    accounts.confirm_address(user=user)
    assert trials_of(user) == [(Tier.EARLY, 14)]


def test_the_mailbox_that_had_one_verifies_and_gets_none() -> None:
    verified("ada@gmail.com")
    again = verified("a.d.a+two@googlemail.com")
    assert again.verified_at is not None
    assert trials_of(again) == []
    assert entitlements_of(again).tier is Tier.FREE


def test_a_policy_turns_it_off() -> None:
    TrialPolicy.objects.update(starts_by_itself=False)
    user = verified("ada@gmail.com")
    assert trials_of(user) == []
    assert services.start_trial(user=user).tier is Tier.EARLY


def test_what_staff_make_starts_nothing() -> None:
    user = accounts.mark_verified(user=User.objects.create_user("ada@gmail.com"))
    assert trials_of(user) == []


def test_the_evidence_of_a_provider_comes_first(give: MakeGrant) -> None:
    user = User.objects.create_user(
        "ada@gmail.com", joined_by="provider", verified_at=timezone.now()
    )
    assert trials_of(user) == []
    give(user, Tier.EARLY, kind="provider", source="github:1")
    assert services.start_trial_of_verified(user=user) is None
    assert trials_of(user) == []


def test_a_provider_that_grants_free_leaves_room_for_a_trial(give: MakeGrant) -> None:
    user = User.objects.create_user(
        "ada@gmail.com", joined_by="provider", verified_at=timezone.now()
    )
    give(user, Tier.FREE, kind="provider", source="google:1")
    services.remember_identity(user=user, issuer="google", subject="1")
    started = services.start_trial_of_verified(user=user)
    assert started is not None
    assert trials_of(user) == [(Tier.EARLY, 14)]
    assert set(TrialClaim.objects.values_list("kind", flat=True)) == {"mailbox", "identity"}


def test_other_changes_of_a_user_start_nothing() -> None:
    user = User.objects.create_user("ada@gmail.com", joined_by="sign_up")
    user.verified_at = timezone.now()
    user.save()
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    assert trials_of(user) == []


@pytest.mark.django_db(transaction=True)
def test_verifying_at_once_while_grants_are_given_starts_one_and_waits_for_nobody(
    give: MakeGrant,
) -> None:
    user = accounts.sign_up(email="ada@gmail.com", password=PASSWORD)

    def verify(_: int) -> None:
        try:
            accounts.mark_verified(user=User.objects.get(pk=user.pk))
        finally:
            connections.close_all()

    def grant(_: int) -> None:
        try:
            given = give(user, Tier.FREE, days=1)
            services.revoke(grant=given, reason="over", actor=None)
            services.record_expiries()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as threads:
        done = [threads.submit(act, n) for n in range(24) for act in (verify, grant)]
        assert [one.result(timeout=60) for one in done] == [None] * len(done)
    assert trials_of(user) == [(Tier.EARLY, 14)]


@pytest.mark.django_db(transaction=True)
def test_many_accounts_of_one_mailbox_verified_at_once_start_one() -> None:
    users = [
        accounts.sign_up(email=f"ada+{number}@gmail.com", password=PASSWORD) for number in range(16)
    ]

    def verify(user: User) -> None:
        try:
            accounts.mark_verified(user=user)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(verify, users))
    assert User.objects.filter(verified_at__isnull=False).count() == 16
    assert Grant.objects.filter(kind="trial").count() == 1
