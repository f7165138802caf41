"""What an account is worth and what becomes of it, from sign-up to deletion and back."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import selectors, services
from accounts.errors import EmailTaken
from accounts.models import AuditEvent, AuditKind, IdentityEvidence, User
from accounts.signals import access_ended
from billing.models import Grant
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified
from tests.accounts.providers import Providers, come_by, who

CODE_PAGE = "/accounts/confirm-email/"
TRICKS: list[dict[str, Any]] = [
    {"tier": "enterprise"},
    {"Tier": "ENTERPRISE", "TIER": "mid"},
    {"plan": "enterprise", "subscription": {"tier": "mid"}},
    {"role": "admin", "roles": ["admin"], "groups": [1]},
    {"is_staff": True, "is_superuser": True, "is_active": True},
    {"trial_days": 365, "trialDays": 365, "trial_ends_at": "2099-01-01"},
    {"recommended_tier": "mid", "mailbox_kind": "business", "verified_at": "2020-01-01"},
    {"joined_by": "staff", "public_id": "user_1_aaaaaa"},
    {"__class__": "User", "tier\u200b": "mid", "ti\u0435r": "mid"},
]


@pytest.fixture
def ended() -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(*, user_id: str, **_: Any) -> None:
        heard.append(str(user_id))

    access_ended.connect(hear)
    yield heard
    access_ended.disconnect(hear)


@pytest.mark.django_db
@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_that_a_sign_up_asks_for_is_given(trick: dict[str, Any]) -> None:
    user = services.sign_up(email="ada@gmail.com", password=PASSWORD, **trick)
    services.mark_verified(user=user)
    assert (user.is_staff, user.is_superuser, user.joined_by) == (False, False, "sign_up")
    assert entitlements_of(user).base_tier is Tier.FREE
    assert selectors.recommended_tier(user) is None
    assert AuditEvent.objects.filter(kind=AuditKind.SIGN_UP_CLAIM).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_fifty_parallel_sign_ups_in_mixed_case_one_wins() -> None:
    start = Barrier(50)

    def attempt(n: int) -> str:
        local = "".join(c.upper() if n >> i & 1 else c for i, c in enumerate("parallel"))
        start.wait()
        try:
            services.sign_up(email=f"{local}@Acme.org", password=PASSWORD)
        except EmailTaken:
            return "taken"
        finally:
            connection.close()
        return "won"

    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(pool.map(attempt, range(50)))
    assert outcomes == {"won": 1, "taken": 49}
    assert User.objects.count() == EmailAddress.objects.count() == 1


@pytest.mark.django_db
def test_a_sign_up_by_mail_is_free_until_and_after_the_code_and_has_its_trial(
    client: Client,
) -> None:
    fields = {"email": "ada@acme-corp.com", "password1": PASSWORD}
    client.post("/accounts/signup/", fields)
    user = User.objects.get()
    assert (entitlements_of(user).tier, entitlements_of(user).trial) == (Tier.FREE, None)
    client.post(CODE_PAGE, {"code": mailed_code()})
    entitled = entitlements_of(user)
    assert entitled.base_tier is Tier.FREE
    assert entitled.trial is not None
    assert (entitled.tier, entitled.trial.tier) == (Tier.EARLY, Tier.EARLY)


LOCKOUT = {5: 15, 6: 30, 7: 60, 8: 120, 9: 120}


@pytest.mark.django_db
def test_the_lockout_schedule_under_time_travel() -> None:
    verified("ada@acme.org")
    now = timezone.now()
    for failure in range(1, 10):
        with time_machine.travel(now, tick=False):
            assert sign_in(Client(), "ada@acme.org", "Wrong-Horse-9") == ""
            until = selectors.locked_until("ada@acme.org")
        minutes = LOCKOUT.get(failure)
        assert until == (now + timedelta(minutes=minutes) if minutes else None)
        if minutes is None:
            continue
        with time_machine.travel(now + timedelta(minutes=minutes, seconds=-1), tick=False):
            assert sign_in(Client(), "ada@acme.org") == ""
        now += timedelta(minutes=minutes, seconds=1)
    with time_machine.travel(now, tick=False):
        assert sign_in(Client(), "ada@acme.org") == "/chat/"
        assert selectors.locked_until("ada@acme.org") is None


@pytest.mark.django_db(transaction=True)
def test_twenty_wrong_passwords_at_once_are_no_more_than_five_guesses() -> None:
    verified("ada@acme.org")
    start = Barrier(20)

    def guess(n: int) -> str:
        start.wait()
        try:
            return sign_in(Client(), "ada@acme.org", f"Wrong-Horse-{n}")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(guess, range(20))) == {""}
    assert AuditEvent.objects.get(kind=AuditKind.LOCKED_OUT).details["failures"] == 5
    assert sign_in(Client(), "ada@acme.org") == ""


@pytest.mark.django_db
def test_who_is_unverified_by_another_road_may_send_for_seven_days() -> None:
    user = User.objects.create_user("ada@acme.org", PASSWORD)
    edge = user.date_joined + timedelta(days=7)
    assert not selectors.must_verify_email(user, at=edge - timedelta(seconds=1))
    assert selectors.must_verify_email(user, at=edge)


@pytest.mark.django_db
def test_a_suspended_user_stays_out_by_every_road(providers: Providers) -> None:
    ada = verified("ada@gmail.com")
    linked = Client()
    sign_in(linked, ada.email)
    come_by(linked, "google", process="connect")
    root = User.objects.create_superuser("root@acme.org")
    services.suspend(user=ada, actor=root, reason="spam")
    assert linked.get("/chat/").status_code != 200
    by_password, by_provider = Client(), Client()
    sign_in(by_password, ada.email)
    come_by(by_provider, "google")
    assert (who(by_password), who(by_provider)) == (None, None)
    services.reinstate(user=ada, actor=root, reason="mistake")
    come_by(by_provider, "google")
    assert who(by_provider) == ada


@pytest.mark.django_db
def test_a_suspended_users_address_is_nobodys_by_another_provider(providers: Providers) -> None:
    ada = verified("ada@gmail.com")
    services.suspend(user=ada, actor=User.objects.create_superuser("r@acme.org"), reason="spam")
    stranger = Client()
    assert come_by(stranger, "github").status_code == 409
    assert who(stranger) is None
    assert not IdentityEvidence.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_deletion_forgets_the_person_and_ends_every_session(
    client: Client, providers: Providers, ended: list[str]
) -> None:
    come_by(client, "github")
    user = User.objects.get()
    services.delete_account(user=user, reason="asked for it")
    assert client.get("/chat/").status_code != 200
    assert user.public_id in ended
    stored = User.objects.get()
    assert (stored.is_active, stored.has_usable_password(), stored.verified_at) == (
        False,
        False,
        None,
    )
    assert not EmailAddress.objects.exists()
    identity = IdentityEvidence.objects.get()
    assert (identity.address, identity.unlinked_at is None) == ("", False)
    assert identity.subject != "42"
    assert "ada" not in f"{stored.email} {stored.canonical_address}"
    assert entitlements_of(stored).tier is Tier.FREE
    event = AuditEvent.objects.get(kind=AuditKind.ACCOUNT_DELETED)
    assert event.details == {"reason": "asked for it"}


@pytest.mark.django_db
def test_deleting_again_changes_nothing() -> None:
    user = verified("ada@gmail.com")
    services.delete_account(user=user, reason="asked for it")
    services.delete_account(user=user, reason="again")
    assert AuditEvent.objects.filter(kind=AuditKind.ACCOUNT_DELETED).count() == 1


@pytest.mark.django_db
def test_deletion_takes_rights_away() -> None:
    root = User.objects.create_superuser("root@acme.org", PASSWORD)
    services.delete_account(user=root, reason="left")
    assert (root.is_staff, root.is_superuser) == (False, False)
    assert sign_in(Client(), "root@acme.org") == ""


@pytest.mark.django_db
@pytest.mark.parametrize("road", ["mail", "google", "github", "linkedin"])
def test_who_comes_back_is_somebody_new_without_another_trial(
    providers: Providers, road: str
) -> None:
    first = verified("ada@gmail.com")
    assert entitlements_of(first).trial is not None
    services.delete_account(user=first, reason="asked for it")
    if road == "mail":
        again = verified("a.d.a+new@googlemail.com")
    else:
        come_by(Client(), road)
        again = User.objects.get(email="ada@gmail.com")
    assert again.pk != first.pk
    assert again.verified_at is not None
    assert entitlements_of(again).trial is None
    assert not Grant.objects.filter(user=again, kind="trial").exists()


@pytest.mark.django_db
def test_an_identity_that_had_its_trial_gets_none_under_another_address(
    providers: Providers,
) -> None:
    come_by(Client(), "google")
    services.delete_account(user=User.objects.get(), reason="asked for it")
    providers.is_now("google", "another@gmail.com")
    come_by(Client(), "google")
    again = User.objects.get(email="another@gmail.com")
    assert entitlements_of(again).trial is None
