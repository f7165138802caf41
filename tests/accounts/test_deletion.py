"""Deleting one's own account: meant, proven, and complete."""

import pytest
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import SessionRecord, User
from accounts.signals import access_ended
from tests.accounts.people import PASSWORD, sign_in, verified
from tests.accounts.providers import Providers, come_by

pytestmark = pytest.mark.django_db

PAGE = "/accounts/delete/"


def test_the_page_tells_what_goes_and_what_is_kept(client: Client) -> None:
    sign_in(client, verified().email)
    page = client.get(PAGE).content.decode()
    for word in ("threads", "hashes", "ledger", "security log"):
        assert word in page


def test_typing_the_address_deletes_the_account_with_every_session(
    client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    user = verified()
    other = Client()
    for one in (client, other):
        sign_in(one, user.email)
    told: list[str] = []

    def listen(*, user_id: str, **_: object) -> None:
        told.append(user_id)

    access_ended.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(PAGE, {"email": f" {user.email.upper()} "})
    finally:
        access_ended.disconnect(listen)
    assert answer.headers["Location"] == "/accounts/deleted/"
    assert client.get("/accounts/deleted/").status_code == 200
    assert set(told) == {user.public_id}
    assert mail.outbox[-1].to == [user.email]
    assert not User.objects.filter(email=user.email).exists()
    assert not SessionRecord.objects.exists()
    for one in (client, other):
        assert one.get("/accounts/email/").status_code == 302
    assert sign_in(Client(), user.email) == ""


@pytest.mark.parametrize("typed", ["", "eve@acme.org", "ada@acme.org.org", "x" * 300])
def test_another_address_deletes_nothing(client: Client, typed: str) -> None:
    user = verified()
    sign_in(client, user.email)
    assert client.post(PAGE, {"email": typed}).status_code == 200
    assert User.objects.filter(email=user.email, is_active=True).exists()


def make_stale(client: Client) -> None:
    session = client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [{**one, "at": one["at"] - 3600} for one in records]
    session.save()


def test_who_signed_in_long_ago_is_asked_for_the_password_first(client: Client) -> None:
    user = verified()
    sign_in(client, user.email)
    make_stale(client)
    answer = client.post(PAGE, {"email": user.email})
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert User.objects.filter(email=user.email).exists()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": PAGE})
    assert not User.objects.filter(email=user.email).exists()


def test_who_has_no_password_is_sent_through_their_provider(
    client: Client, providers: Providers
) -> None:
    come_by(client, "google")
    make_stale(client)
    answer = client.get(PAGE)
    assert answer.status_code == 403
    assert f"next={PAGE.replace('/', '%2F')}" in answer.content.decode()


def test_nobody_is_deleted_who_is_not_signed_in(client: Client) -> None:
    assert client.post(PAGE).headers["Location"].startswith("/accounts/login/")
