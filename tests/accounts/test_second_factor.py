"""Two-factor: set up, asked for, guessed at, used up and turned off."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import selectors, services
from accounts.models import AuditEvent, AuditKind, LoginFailure, User
from accounts.second_factor import LAST_STEP, SecondFactorAdapter, check_code
from tests.accounts.people import sign_in, verified
from tests.accounts.providers import Providers, come_by

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ASKED = "/accounts/2fa/authenticate/"


def code(secret: str = SECRET, *, later: int = 0) -> str:
    """What the app shows now, or some steps of half a minute later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


def wrong() -> str:
    """A code that is none of those that are taken about now."""
    right = {code(later=step) for step in range(-2, 3)}
    return next(guess for number in range(10) if (guess := f"{number:06}") not in right)


def protected(email: str = "ada@acme.org") -> User:
    user = verified(email)
    data = {"secret": SecondFactorAdapter().encrypt(SECRET)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    seed = {"seed": SecondFactorAdapter().encrypt("ab" * 40), "used_mask": 0}
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data=seed)
    return user


def recovery_codes(user: User) -> list[str]:
    factor = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    codes: list[str] = factor.wrap().get_unused_codes()
    return codes


@pytest.mark.django_db(transaction=True)
def test_an_app_is_set_up_and_then_asked_for(client: Client) -> None:
    user = verified()
    sign_in(client, user.email)
    page = client.get("/accounts/2fa/app/on/")
    secret = page.context["form"].secret
    answer = client.post("/accounts/2fa/app/on/", {"code": code(secret)})
    assert answer.headers["Location"] == "/accounts/2fa/codes/"
    assert client.get("/accounts/2fa/codes/").status_code == 200
    assert mail.outbox[-1].subject == "Two-factor is on"
    assert secret not in str(Authenticator.objects.get(type="totp").data)
    added = AuditEvent.objects.filter(kind=AuditKind.SECOND_FACTOR_ADDED, user=user)
    assert {event.details["factor"] for event in added} == {"totp", "recovery_codes"}

    other = Client()
    assert sign_in(other, user.email) == ASKED
    assert other.get("/accounts/email/").status_code == 302
    assert other.post(ASKED, {"code": code(secret)}).headers["Location"] == "/chat/"
    assert other.get("/accounts/email/").status_code == 200


def test_a_provider_does_not_pass_by_the_second_factor(
    client: Client, providers: Providers
) -> None:
    come_by(client, "google")
    user = User.objects.get()
    data = {"secret": SecondFactorAdapter().encrypt(SECRET)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    other = Client()
    assert come_by(other, "google").headers["Location"] == ASKED
    assert other.get("/accounts/email/").status_code == 302
    assert other.post(ASKED, {"code": code()}).headers["Location"] == "/chat/"


def test_a_code_works_once(client: Client) -> None:
    user, shown = protected(), code()
    for client_, place in ((Client(), "/chat/"), (client, None)):
        sign_in(client_, user.email)
        assert client_.post(ASKED, {"code": shown}).headers.get("Location") == place


def test_an_older_code_is_refused_once_a_newer_one_was_used() -> None:
    user = protected()
    assert check_code(user=user, code=code(later=1)) is not None
    assert check_code(user=user, code=code()) is None
    factor = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert factor.data[LAST_STEP] == pytest.approx(time.time() // 30 + 1, abs=1)


@pytest.mark.django_db(transaction=True)
def test_of_parallel_uses_of_one_code_exactly_one_is_let_in() -> None:
    user, shown = protected(), code()

    def use(_: int) -> bool:
        try:
            return check_code(user=user, code=shown) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [False] * 7 + [True]


def test_a_recovery_code_works_once_and_the_others_stay(client: Client) -> None:
    user = protected()
    first, *others = recovery_codes(user)
    sign_in(client, user.email)
    assert client.post(ASKED, {"code": first}).headers["Location"] == "/chat/"
    assert recovery_codes(user) == others
    again = Client()
    sign_in(again, user.email)
    assert "not right" in again.post(ASKED, {"code": first}).content.decode()


def test_guessing_codes_is_locked_and_the_right_password_forgives_nothing() -> None:
    user = protected()
    for _ in range(5):
        client = Client()
        assert sign_in(client, user.email) == ASKED
        client.post(ASKED, {"code": wrong()})
    client = Client()
    assert sign_in(client, user.email) == ASKED
    assert "Try again in 15 minutes" in client.post(ASKED, {"code": code()}).content.decode()
    assert AuditEvent.objects.get(kind=AuditKind.LOCKED_OUT).user == user

    LoginFailure.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert client.post(ASKED, {"code": code()}).headers["Location"] == "/chat/"
    assert not LoginFailure.objects.exists()


def test_the_second_factor_is_changed_only_by_who_has_just_signed_in(client: Client) -> None:
    user = protected()
    sign_in(client, user.email)
    client.post(ASKED, {"code": code()})
    session = client.session
    for record in (records := session["account_authentication_methods"]):
        record["at"] -= 3600
    session["account_authentication_methods"] = records
    session.save()
    for place in ("app/off", "codes", "codes/new", "codes/file"):
        answer = client.get(f"/accounts/2fa/{place}/")
        assert answer.headers["Location"].startswith("/accounts/reauthenticate/"), place
    answer = client.post("/accounts/2fa/app/off/")
    again = {"code": code(later=1), "next": "/accounts/2fa/app/off/"}
    assert client.post("/accounts/2fa/reauthenticate/", again).status_code == 302
    assert not selectors.has_second_factor(user)


def test_turning_it_off_takes_the_recovery_codes_and_is_told(client: Client) -> None:
    user = protected()
    sign_in(client, user.email)
    client.post(ASKED, {"code": code()})
    client.post("/accounts/2fa/app/off/")
    assert not Authenticator.objects.filter(user=user).exists()
    assert mail.outbox[-1].subject == "Two-factor is off"
    assert AuditEvent.objects.filter(kind=AuditKind.SECOND_FACTOR_REMOVED).count() == 2


def test_a_deleted_account_keeps_no_second_factor() -> None:
    user = protected()
    services.delete_account(user=user, reason="asked for")
    assert not Authenticator.objects.exists()


def test_a_secret_is_read_after_the_key_was_replaced(settings: Settings) -> None:
    stored = SecondFactorAdapter().encrypt(SECRET)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of the same length, as it should be" * 2
    assert SecondFactorAdapter().decrypt(stored) == SECRET


def test_staff_without_a_second_factor_are_told_how_to_get_into_the_admin(
    client: Client, settings: Settings
) -> None:
    user = verified()
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    sign_in(client, user.email)
    assert client.get("/admin/").status_code == 200
    settings.ACCOUNTS_STAFF_SECOND_FACTOR = True
    answer = client.get("/admin/accounts/user/", follow=True)
    assert answer.status_code == 403
    assert "Set up two-factor first" in answer.content.decode()
    data = {"secret": SecondFactorAdapter().encrypt(SECRET)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    assert client.get("/admin/accounts/user/").status_code == 200
