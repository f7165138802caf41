"""What a deleted account wrote goes, and nobody else's does."""

from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from accounts.models import User
from accounts.services import delete_account
from chat import dead_letters, erasure, services, uploads
from chat.models import DailyUsage, DeadLetter, Event, File, Message, Run, Thread
from chat.protocol.frames import Ping
from chat.runs.lifecycle import RunState
from chat.services import Outgoing

pytestmark = pytest.mark.django_db


def say(user: User, *, client_id: str = "say-1") -> Run:
    content = ContentFile(b"model,cost\n", name="usage.csv")
    file = uploads.store_file(user=user, name="usage.csv", content=content)
    message = Outgoing(client_id=client_id, text="Hello", files=(file.public_id,))
    posted = services.post_message(user=user, message=message)
    return Run.objects.get(thread=posted.thread)


def test_what_a_deleted_account_wrote_goes_with_its_files(
    make_user: Callable[[], User],
) -> None:
    gone, stays = make_user(), make_user()
    say(gone)
    kept = say(stays)
    for user in (gone, stays):
        dead_letters.keep(user=user, connection_id="", frame=Ping(), error=None, attempts=3)
    files = list(File.objects.filter(user=gone))
    delete_account(user=gone, reason="asked for")
    assert erasure.erase_deleted() == 1
    for model in (Thread, Message, Run, File, DeadLetter):
        assert set(model.objects.values_list("user", flat=True)) == {stays.pk}
    assert set(Event.objects.values_list("thread", flat=True)) == {kept.thread_id}
    assert not any(file.content.storage.exists(str(file.content.name)) for file in files)
    assert erasure.erase_deleted() == 0


def test_a_thread_waits_until_the_run_in_it_has_ended(user: User) -> None:
    run = say(user)
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING)
    delete_account(user=user, reason="asked for")
    assert erasure.erase_deleted() == 0
    asked = Run.objects.get(pk=run.pk)
    assert asked.cancel_requested_at is not None
    Run.objects.filter(pk=run.pk).update(state=RunState.STOPPED, ended_at=asked.created_at)
    assert erasure.erase_deleted() == 1


def test_what_was_used_stays_counted(user: User) -> None:
    say(user)
    DailyUsage.objects.create(
        user=user,
        day="2026-11-01",
        model="m",
        runs=1,
        requests=1,
        unpriced_requests=0,
        input_tokens=1,
        cached_tokens=0,
        output_tokens=1,
        elapsed_ms=1,
        cost_usd=0,
    )
    delete_account(user=user, reason="asked for")
    erasure.erase_deleted()
    assert DailyUsage.objects.filter(user=user).count() == 1
