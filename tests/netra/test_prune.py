"""What the prune command deletes, and what it leaves."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from accounts import old_sessions
from accounts.models import SessionRecord, User
from chat.models import DeliveryStep, Event
from tests.chat.test_branches import answer, say

pytestmark = pytest.mark.django_db


def session(user: User, *, days: int) -> str:
    """A session that ends so many days from now, noted as used ten days before that."""
    store = SessionStore()
    store.create()
    key = store.session_key
    assert key is not None
    ends = timezone.now() + timedelta(days=days)
    Session.objects.filter(pk=key).update(expire_date=ends)
    SessionRecord.objects.create(
        session_key=key, user=user, device="one", used_at=ends - timedelta(days=10)
    )
    return key


def test_it_deletes_what_is_over_and_nothing_that_was_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(old_sessions, "PRUNED_AT_ONCE_MAX", 2)
    user = User.objects.create_user("ada@example.com", "Correct-horse-7-battery")
    posted = say(user, "c1", "q1")
    answer(posted.run_id, "a1")
    # Older than any plan keeps events at least.
    long_ago = timezone.now() - timedelta(days=1000)
    Event.objects.update(ts=long_ago)
    told_before = list(Event.objects.values_list("seq", "data"))
    DeliveryStep.objects.create(thread_id="t", seq=1, step="published", node="n", at=long_ago)
    for _ in range(5):
        session(user, days=-1)
    open_ = session(user, days=5)

    told = StringIO()
    call_command("prune", stdout=told)
    assert list(Session.objects.values_list("pk", flat=True)) == [open_]
    assert list(SessionRecord.objects.values_list("session_key", flat=True)) == [open_]
    assert not DeliveryStep.objects.exists()
    assert "       5  sessions that are over" in told.getvalue()
    assert list(Event.objects.values_list("seq", "data")) == told_before
