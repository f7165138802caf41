"""A sign-in at a browser that the account was never used at is told to its owner."""

import pytest
from django.core import mail
from django.test import Client

from accounts import security_log
from accounts.known_browsers import ACCOUNTS_MAX, COOKIE
from accounts.models import User
from tests.accounts.people import sign_in, verified

SUBJECT = "New sign-in to your Netra account"
LINUX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return verified("ada@acme.org")


def told() -> list[str]:
    return [to for message in mail.outbox if message.subject == SUBJECT for to in message.to]


def test_the_first_browser_and_the_same_one_again_are_no_news(client: Client, ada: User) -> None:
    for _ in range(2):
        assert sign_in(client, ada.email) == "/chat/"
        client.post("/accounts/logout/")
    assert told() == []


def test_another_browser_is_told_once_and_stands_in_the_security_log(
    client: Client, ada: User
) -> None:
    sign_in(client, ada.email)
    other = Client(headers=LINUX)
    for _ in range(2):
        sign_in(other, ada.email)
        other.post("/accounts/logout/")
    assert told() == [ada.email]
    assert "Firefox" in str(mail.outbox[-1].body)
    entries = [entry.what for entry in security_log.entries_of(ada)]
    assert entries[0] == "You signed in at a new browser: Firefox on Linux"


def test_a_forged_cookie_makes_no_browser_known(client: Client, ada: User) -> None:
    sign_in(client, ada.email)
    forger = Client()
    forger.cookies[COOKIE] = f"{ada.public_id}:forged"
    sign_in(forger, ada.email)
    assert told() == [ada.email]


def test_a_shared_browser_knows_the_last_accounts(client: Client, ada: User) -> None:
    sign_in(client, ada.email)
    people = [verified(f"person{number}@acme.org") for number in range(ACCOUNTS_MAX)]
    for person in people:
        client.post("/accounts/logout/")
        sign_in(client, person.email)
    client.post("/accounts/logout/")
    sign_in(client, people[0].email)
    assert told() == []
    client.post("/accounts/logout/")
    sign_in(client, ada.email)
    assert told() == [ada.email]


def test_who_may_not_enter_is_told_nothing(client: Client, ada: User) -> None:
    sign_in(client, ada.email)
    sign_in(Client(), ada.email, password="Wrong-horse-9")
    assert told() == []
