"""The list of a user's sessions: what it shows, and that ending one ends all it opened."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts import open_sessions
from accounts.models import AuditEvent, AuditKind, SessionRecord, User
from accounts.signals import access_ended
from tests.accounts.people import PASSWORD, sign_in, verified

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
PAGE = "/accounts/sessions/"


def device(user: User, user_agent: str) -> Client:
    client = Client(headers={"User-Agent": user_agent})
    assert sign_in(client, user.email)
    return client


def record_of(client: Client) -> SessionRecord:
    return SessionRecord.objects.get(session_key=client.session.session_key)


def test_each_session_is_shown_with_its_device_and_this_one_first() -> None:
    user = verified()
    mine = device(user, FIREFOX)
    device(user, SAFARI)
    shown = open_sessions.sessions_of(user, this=mine.session.session_key)
    assert [one.device for one in shown] == ["Firefox on Linux", "Safari on iPhone"]
    assert [one.is_this for one in shown] == [True, False]
    page = mine.get(PAGE).content.decode()
    assert "Safari on iPhone" in page
    assert "This one" in page


def test_no_page_shows_the_key_of_a_session() -> None:
    user = verified()
    mine, other = device(user, FIREFOX), device(user, SAFARI)
    page = mine.get(PAGE).content.decode()
    assert str(other.session.session_key) not in page
    assert str(mine.session.session_key) not in page


def test_a_session_ended_from_another_opens_nothing_and_its_sockets_are_told(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    user = verified()
    mine, other = device(user, FIREFOX), device(user, SAFARI)
    key = other.session.session_key
    told: list[str | None] = []

    def listen(*, session_key: str | None, **_: object) -> None:
        told.append(session_key)

    access_ended.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            mine.post(PAGE, {"session": record_of(other).pk})
    finally:
        access_ended.disconnect(listen)
    assert told == [key]
    assert other.get(PAGE).headers["Location"].startswith("/accounts/login/")
    assert mine.get(PAGE).status_code == 200
    assert AuditEvent.objects.filter(kind=AuditKind.SESSION_ENDED, user=user).count() == 1


def test_nobody_ends_a_session_of_another_user() -> None:
    ada, eve = verified(), verified("eve@acme.org")
    hers, evil = device(ada, FIREFOX), device(eve, SAFARI)
    for number in (str(record_of(hers).pk), "0", "-1", "9" * 30, "x", ""):
        assert evil.post(PAGE, {"session": number}).status_code == 302
    assert hers.get(PAGE).status_code == 200


def test_signing_out_everywhere_else_also_ends_sessions_that_nobody_noted() -> None:
    user = verified()
    mine, other, unknown = (device(user, FIREFOX) for _ in range(3))
    record_of(unknown).delete()
    assert mine.post(PAGE, {"others": "1"}).status_code == 302
    for ended in (other, unknown):
        assert ended.get("/accounts/email/").status_code == 302
    assert mine.get("/accounts/email/").status_code == 200
    assert [one.is_this for one in open_sessions.sessions_of(user, this=None)] == [False]


def test_a_session_that_ended_otherwise_is_not_shown() -> None:
    user = verified()
    mine, left, expired = (device(user, FIREFOX) for _ in range(3))
    left.post("/accounts/logout/")
    expired_key = expired.session.session_key
    Session.objects.filter(pk=expired_key).update(expire_date=timezone.now() - timedelta(days=1))
    shown = open_sessions.sessions_of(user, this=mine.session.session_key)
    assert [one.is_this for one in shown] == [True]


def test_a_changed_password_leaves_one_line_for_the_session_that_changed_it() -> None:
    user = verified()
    mine = device(user, FIREFOX)
    new = "Another-Horse-9"
    fields = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert mine.post("/accounts/password/change/", fields).status_code == 302
    user.refresh_from_db()
    shown = open_sessions.sessions_of(user, this=mine.session.session_key)
    assert [one.is_this for one in shown] == [True]


def test_use_is_noted_once_a_minute() -> None:
    user = verified()
    mine = device(user, FIREFOX)
    SessionRecord.objects.update(used_at=timezone.now() - timedelta(seconds=30))
    before = record_of(mine).used_at
    mine.get(PAGE)
    assert record_of(mine).used_at == before
    SessionRecord.objects.update(used_at=before - timedelta(minutes=5))
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        mine.get(PAGE)
    assert record_of(mine).used_at > before
