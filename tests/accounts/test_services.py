"""Signing up, verifying, suspending, and who hears of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts import selectors, services
from accounts.errors import AddressRefused, PasswordRefused, SuspensionRefused
from accounts.models import AuditEvent, AuditKind, User
from accounts.signals import access_ended
from billing.tiers import Tier
from tests.accounts.people import PASSWORD, verified


@pytest.fixture
def ended() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(*, user_id: str, session_key: str | None, **_: Any) -> None:
        heard.append({"user_id": user_id, "session_key": session_key})

    access_ended.connect(hear)
    yield heard
    access_ended.disconnect(hear)


@pytest.mark.django_db
def test_a_sign_up_is_unverified_and_has_one_primary_address() -> None:
    user = services.sign_up(email=" Ada@Acme.org ", password=PASSWORD)
    address = EmailAddress.objects.get(user=user)
    assert (address.email, address.primary, address.verified) == ("ada@acme.org", True, False)
    assert (user.verified_at, user.joined_by, user.is_staff) == (None, "sign_up", False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "tier"),
    [
        ("a@acme-corp.com", Tier.EARLY),
        ("a@gmail.com", None),
        ("a@princeton.edu", None),
        ("a@mailinator.com", None),
        ("a@acme-corp.test", None),
        ("a@acme.com", None),
    ],
)
def test_business_mail_recommends_the_next_tier(email: str, tier: Tier | None) -> None:
    assert selectors.recommended_tier(services.sign_up(email=email, password=PASSWORD)) is tier


CLAIMS: list[dict[str, object]] = [
    {"tier": "enterprise"},
    {"TIER": "enterprise"},
    {"ｔｉｅｒ": "enterprise"},
    {"role": "admin", "is_staff": True, "is_superuser": True},
    {"trial_days": 365},
    {"recommended_tier": "mid", "verified_at": "2020-01-01", "joined_by": "staff"},
    {"profile": {"tier": "enterprise"}},
    {"user[tier]": "enterprise"},
    {"x\x00": "\x00enterprise"},
    {"\ud800": "\udfffenterprise"},
]


@pytest.mark.django_db
@pytest.mark.parametrize("claim", CLAIMS)
def test_no_claim_is_honoured_and_each_is_audited(claim: dict[str, object]) -> None:
    user = services.sign_up(email="ada@gmail.com", password=PASSWORD, **claim)
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, user.verified_at) == (False, False, None)
    assert (user.recommended_tier, user.joined_by) == ("", "sign_up")
    event = AuditEvent.objects.get(kind=AuditKind.SIGN_UP_CLAIM)
    assert event.details["count"] == len(claim)


@pytest.mark.django_db
def test_an_audited_claim_is_bounded_and_holds_no_secret() -> None:
    services.sign_up(
        email="ada@acme.org", password=PASSWORD, password2=PASSWORD, **{"t" * 9999: "v" * 9999}
    )
    claims = AuditEvent.objects.get(kind=AuditKind.SIGN_UP_CLAIM).details["claims"]
    assert claims == {"password2": "***", "t" * 100: "v" * 100}


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["", "ada", "ada@", "a" * 10_000 + "@acme.org", "' OR 1=1 --"])
def test_a_sign_up_needs_an_address(email: str) -> None:
    with pytest.raises(AddressRefused):
        services.sign_up(email=email, password=PASSWORD)
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "password", ["", "short-1A"[:7], "Password1!", "correct-horse-9", "A1!" + "a" * 126]
)
def test_a_sign_up_needs_a_good_password(password: str) -> None:
    with pytest.raises(PasswordRefused):
        services.sign_up(email="ada@acme.org", password=password)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_verifying_sets_both_facts_once() -> None:
    user = verified()
    first = user.verified_at
    assert first is not None
    assert services.mark_verified(user=user).verified_at == first
    assert EmailAddress.objects.get(user=user).verified
    assert AuditEvent.objects.filter(kind=AuditKind.VERIFIED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_verifying_in_parallel_is_one_verification() -> None:
    user = User.objects.create_user("ada@acme.org", PASSWORD)

    def mark(_: int) -> None:
        try:
            services.mark_verified(user=User.objects.get(pk=user.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(mark, range(16)))
    assert EmailAddress.objects.filter(user=user, primary=True, verified=True).count() == 1
    assert AuditEvent.objects.filter(kind=AuditKind.VERIFIED).count() == 1


@pytest.mark.django_db
def test_suspending_moves_once_and_reinstating_too(
    ended: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    user, staff = verified(), User.objects.create_user("staff@acme.org", is_staff=True)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.suspend(user=user, actor=staff, reason="spam")
        assert not services.suspend(user=user, actor=staff, reason="spam")
    assert ended == [{"user_id": user.public_id, "session_key": None}]
    user.refresh_from_db()
    assert not user.may_sign_in
    assert services.reinstate(user=user, actor=staff, reason="appeal")
    assert not services.reinstate(user=user, actor=staff, reason="appeal")
    kinds = (
        AuditEvent.objects.filter(user=user, actor=staff)
        .order_by("id")
        .values_list("kind", flat=True)
    )
    assert list(kinds) == [AuditKind.SUSPENDED, AuditKind.REINSTATED]


@pytest.mark.django_db
def test_nobody_suspends_themselves_or_a_superuser_above_them() -> None:
    staff = User.objects.create_user("staff@acme.org", is_staff=True)
    root = User.objects.create_superuser("root@acme.org")
    for user in (staff, root):
        with pytest.raises(SuspensionRefused):
            services.suspend(user=user, actor=staff, reason="coup")
    assert services.suspend(user=staff, actor=root, reason="spam")


@pytest.mark.django_db(transaction=True)
def test_nobody_hears_of_an_end_that_was_rolled_back(ended: list[dict[str, Any]]) -> None:
    user = verified()
    ended.clear()
    with transaction.atomic():
        services.end_access(user=user)
        transaction.set_rollback(True)
    assert ended == []


@pytest.mark.django_db(transaction=True)
def test_each_new_password_ends_access_whatever_road_it_came_by(
    ended: list[dict[str, Any]],
) -> None:
    user = verified()
    before = User.objects.get(pk=user.pk).access_changed_at
    ended.clear()
    user.set_password("Another-Horse-9")
    user.save()
    assert ended == [{"user_id": user.public_id, "session_key": None}]
    assert User.objects.get(pk=user.pk).access_changed_at > before
