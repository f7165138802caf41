"""Sessions that nobody uses end, after as long as the plan says."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts import open_sessions, session_use, sessions
from accounts.models import AuditEvent, AuditKind, SessionRecord, User
from billing import services as billing
from billing.tiers import Tier
from tests.accounts.people import sign_in, verified

pytestmark = pytest.mark.django_db

PAGE = "/accounts/sessions/"
# A verified sign-up has a trial of early.
EARLY = timedelta(hours=8)
MINUTE = timedelta(minutes=1)


def signed_in(client: Client) -> User:
    user = verified()
    sign_in(client, user.email)
    return user


def test_an_idle_session_is_signed_out_and_the_page_says_so(client: Client) -> None:
    user = signed_in(client)
    key = str(client.session.session_key)
    with time_machine.travel(timezone.now() + EARLY + MINUTE):
        assert sessions.holders([key]) == {}
        assert sessions.ended([key]) == {key}
        assert open_sessions.sessions_of(user, this=None) == []
        answer = client.get(PAGE, follow=True)
        assert answer.redirect_chain == [(f"/accounts/login/?next={PAGE}", 302)]
        assert "nothing happened for a while" in answer.content.decode()
        assert client.get("/api/threads").status_code == 401
    event = AuditEvent.objects.get(kind=AuditKind.SESSION_IDLE)
    assert event.user == user
    assert not SessionRecord.objects.exists()


def test_a_session_in_use_lives_on(client: Client) -> None:
    signed_in(client)
    moment = timezone.now()
    for _ in range(3):
        moment += EARLY - MINUTE
        with time_machine.travel(moment):
            assert client.get(PAGE).status_code == 200


def test_work_at_a_socket_counts_as_use(client: Client) -> None:
    signed_in(client)
    key, start = str(client.session.session_key), timezone.now()
    assert not session_use.is_due(key)
    with time_machine.travel(start + EARLY - MINUTE):
        assert session_use.is_due(key)
        session_use.note_work(key)
        assert not session_use.is_due(key)
    with time_machine.travel(start + EARLY + EARLY - 3 * MINUTE):
        assert client.get(PAGE).status_code == 200
    with time_machine.travel(start + 4 * EARLY):
        session_use.note_work(key)
        assert client.get(PAGE).status_code == 302


def test_how_long_follows_the_plan_at_once(
    client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    user, start = signed_in(client), timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        grant = billing.grant(
            user=user,
            kind="manual",
            tier=Tier.MID,
            starts_at=start,
            ends_at=None,
            reason="a gift",
            actor=None,
        )
    with time_machine.travel(start + 3 * EARLY - MINUTE):
        assert client.get(PAGE).status_code == 200
        with django_capture_on_commit_callbacks(execute=True):
            billing.revoke(grant=grant, reason="over", actor=None)
    with time_machine.travel(start + 4 * EARLY + MINUTE):
        assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize(("hours", "lives"), [(None, timedelta(days=13)), (0, 14 * MINUTE)])
def test_an_exception_of_staff_counts_and_none_shuts_everybody_out(
    client: Client, hours: int | None, lives: timedelta
) -> None:
    user = verified()
    staff = User.objects.create_user("staff@acme.org", is_staff=True)
    billing.override_feature(
        user=user,
        feature=session_use.LIMIT,
        value=hours,
        starts_at=timezone.now(),
        ends_at=None,
        reason="asked for",
        actor=staff,
    )
    sign_in(client, user.email)
    with time_machine.travel(timezone.now() + lives):
        assert client.get(PAGE).status_code == 200


def test_who_was_here_a_minute_ago_costs_no_question(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    signed_in(client)
    # The session and its user, nothing else.
    with django_assert_num_queries(2):
        client.get("/")
