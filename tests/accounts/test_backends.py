"""The lockout, as somebody at the sign-in page meets it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import selectors, services
from accounts.models import AuditEvent, AuditKind, LoginFailure, User
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fail(times: int, email: str = "ada@acme.org") -> None:
    for _ in range(times):
        assert authenticate(None, email=email, password="Wrong-Horse-9") is None


def right(email: str = "ada@acme.org") -> Any:
    return authenticate(None, email=email, password=PASSWORD)


@pytest.mark.django_db
def test_four_failures_lock_nothing_and_success_forgets_them() -> None:
    user = verified()
    for _ in range(3):
        fail(4)
        assert right() == user
    assert not LoginFailure.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["ada@acme.org", "nobody@acme.org", "no address"])
def test_each_failure_closes_for_as_long_as_the_schedule_says(email: str) -> None:
    verified("ada@acme.org")
    with time_machine.travel(NOON, tick=False) as clock:
        fail(4, email)
        for minutes in (15, 30, 60, 120, 120):
            fail(1, email)
            assert selectors.locked_until(email) == timezone.now() + timedelta(minutes=minutes)
            clock.shift(timedelta(minutes=minutes))


@pytest.mark.django_db
def test_the_right_password_is_refused_while_locked_and_taken_on_the_minute() -> None:
    user = verified()
    with time_machine.travel(NOON, tick=False) as clock:
        fail(5)
        assert right() is None
        clock.shift(timedelta(minutes=15, microseconds=-1))
        assert right() is None
        clock.shift(timedelta(microseconds=1))
        assert right() == user
        fail(4)
        assert right() == user


@pytest.mark.django_db
def test_attempts_while_locked_do_not_count() -> None:
    verified()
    with time_machine.travel(NOON, tick=False) as clock:
        fail(25)
        assert LoginFailure.objects.get().failures == 5
        clock.shift(timedelta(minutes=15))
        assert right() is not None


@pytest.mark.django_db
def test_spellings_of_one_mailbox_share_their_failures() -> None:
    for spelling in ("ada@gmail.com", "a.d.a@gmail.com", "ADA+x@gmail.com", "ada@googlemail.com"):
        fail(1, spelling)
    fail(1, "ada@gmail.com")
    assert selectors.locked_until("a.da@googlemail.com") is not None


@pytest.mark.django_db
def test_no_address_is_stored_with_a_failure() -> None:
    fail(5, "nobody@acme.org")
    assert "nobody" not in str(LoginFailure.objects.values().get())
    assert "nobody" not in str(AuditEvent.objects.values().get())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["ada@acme.org", "nobody@acme.org"])
def test_twenty_parallel_guesses_are_no_more_than_five(email: str) -> None:
    verified("ada@acme.org")
    checked: list[int] = []
    start = Barrier(20)

    def guess(n: int) -> User | None:
        start.wait()
        try:
            return services.try_password(address=email, check=lambda: checked.append(n))
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(guess, range(20))) == {None: 20}
    assert len(checked) == LoginFailure.objects.get().failures == 5
    assert AuditEvent.objects.filter(kind=AuditKind.LOCKED_OUT).count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_right_passwords_all_sign_in() -> None:
    verified()
    start = Barrier(20)

    def enter(_: int) -> str:
        start.wait()
        try:
            return sign_in(Client(), "ada@acme.org")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(enter, range(20))) == {"/chat/": 20}


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["ada@acme.org", "nobody@acme.org"])
def test_the_page_says_the_same_of_an_unknown_address(client: Client, email: str) -> None:
    verified("ada@acme.org")
    fields = {"login": email, "password": "Wrong-Horse-9"}
    answers = [client.post("/accounts/login/", fields) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}
    wrong, locked = b"The email address or the password is not right.", b"Try again in 15 minutes."
    assert [wrong in answer.content for answer in answers] == [True] * 4 + [False] * 2
    assert [locked in answer.content for answer in answers] == [False] * 4 + [True] * 2


class CountingHasher(MD5PasswordHasher):
    """What of an answer's time depends on its address would be a hash, slow on purpose."""

    made = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.made += 1
        return super().encode(password, salt)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("door", "form", "hashes"),
    [
        ("login", {"login": "{}", "password": "Wrong-Horse-9"}, 1),
        ("signup", {"email": "{}", "password1": "Wrong-Horse-9"}, 1),
        ("password/reset", {"email": "{}"}, 0),
    ],
)
def test_a_known_and_an_unknown_address_cost_the_same(
    settings: Settings, door: str, form: dict[str, str], hashes: int
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    verified("ada@acme.org")
    seen = set()
    for email in ("ada@acme.org", "bob@acme.org"):
        before, mails = CountingHasher.made, len(mail.outbox)
        fields = {name: value.format(email) for name, value in form.items()}
        answer = Client().post(f"/accounts/{door}/", fields)
        cost = (CountingHasher.made - before, len(mail.outbox) - mails)
        seen.add((answer.status_code, answer.headers.get("Location"), *cost))
    assert len(seen) == 1, seen
    assert seen.pop()[2] == hashes


@pytest.mark.django_db
def test_choosing_a_new_password_by_mail_opens_a_locked_address(client: Client) -> None:
    verified()
    fail(5)
    client.post("/accounts/password/reset/", {"email": "ada@acme.org"})
    client.post("/accounts/password/reset/confirm/", {"code": mailed_code()})
    new = {"password1": "Another-Horse-9", "password2": "Another-Horse-9"}
    done = client.post("/accounts/password/reset/complete/", new)
    assert done.headers["Location"] == "/accounts/password/reset/done/"
    assert mail.outbox[-1].subject == "Your Netra password was reset"
    assert sign_in(client, "ada@acme.org", "Another-Horse-9") == "/chat/"


@pytest.mark.django_db
def test_failures_of_long_ago_are_swept() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        fail(1, "old@acme.org")
        clock.shift(timedelta(days=31))
        fail(1, "new@acme.org")
        assert LoginFailure.objects.get().address_hash == selectors.address_hash("new@acme.org")


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"suspended_at": NOON}, {"is_active": False}])
def test_who_is_kept_out_learns_why_and_their_sessions_end(
    client: Client, change: dict[str, Any]
) -> None:
    verified()
    sign_in(client, "ada@acme.org")
    User.objects.update(**change)
    assert client.get("/chat/").status_code != 200
    assert sign_in(Client(), "ada@acme.org") == "/accounts/inactive/"
    assert right() is None
    assert not LoginFailure.objects.exists()


@pytest.mark.django_db
def test_a_domain_in_another_script_signs_in_as_written() -> None:
    user = verified("ada@bücher.org")
    assert right("ADA@bücher.org") == right("ada@xn--bcher-kva.org") == user
