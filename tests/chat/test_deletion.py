"""Deletion: nobody reads what lies in the bin, all of it comes back, and then it goes for ever."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import User
from chat import (
    approvals,
    branches,
    deletion,
    erasure,
    precedence,
    selectors,
    services,
    shares,
    threads,
    uploads,
)
from chat.errors import ChatError, MessageNotFound, RunNotFound, ThreadNotFound
from chat.models import DailyUsage, Event, Feedback, File, Message, Run, Share, Thread, ToolCall
from chat.runs.lifecycle import UNFINISHED, RunState
from chat.search import messages_with
from chat.selectors import ThreadsOf, ThreadState
from chat.services import Outgoing, Posted
from chat.threads import Changes
from tests.chat.races import at_once
from tests.chat.test_branches import again, answer, edit, interrupt, say
from tests.chat.test_turns import claimed

pytestmark = pytest.mark.django_db


def ids(user: User, state: ThreadState = "active") -> list[str]:
    which = ThreadsOf(state=state)
    rows, _ = selectors.threads_before(user=user.pk, before=None, limit=50, which=which)
    assert all(row.deleted == (state == "deleted") for row in rows)
    return [row.thread_id for row in rows]


def delete(user: User, posted: Posted) -> None:
    deletion.delete_thread(user=user, thread_id=posted.thread_id)


def talk(user: User) -> Posted:
    """A thread with a file and an answer."""
    content = ContentFile(b"model,cost\n", name="usage.csv")
    file = uploads.store_file(user=user, name="usage.csv", content=content)
    message = Outgoing(client_id="c1", text="invoice", files=(file.public_id,))
    posted = services.post_message(user=user, message=message)
    answer(posted.run_id, "It is paid.")
    return posted


def test_what_lies_in_the_bin_is_as_if_it_were_not_there(user: User) -> None:
    posted = talk(user)
    file = File.objects.get()
    delete(user, posted)
    refused: dict[str, tuple[Callable[[], object], type[ChatError]]] = {
        "say": (lambda: say(user, "c2", "more", posted.thread_id), ThreadNotFound),
        "interrupt": (lambda: interrupt(user, "c2", posted.thread_id), ThreadNotFound),
        "edit": (lambda: edit(user, posted.message_id, "x"), MessageNotFound),
        "again": (lambda: again(user, posted.run_id), RunNotFound),
        "advance": (lambda: precedence.advance(user=user, run_id=posted.run_id), RunNotFound),
        "stop": (lambda: services.stop_run(user=user, run_id=posted.run_id), RunNotFound),
        "switch": (
            lambda: branches.switch(user=user, run_id=posted.run_id, message_id=None),
            RunNotFound,
        ),
        "decide": (
            lambda: approvals.decide(
                user=user, run_id=posted.run_id, call_id="c", decision="deny", args=None
            ),
            RunNotFound,
        ),
        "share": (
            lambda: shares.share_thread(user=user, thread_id=posted.thread_id),
            ThreadNotFound,
        ),
        "delete": (lambda: delete(user, posted), ThreadNotFound),
        "change": (
            lambda: threads.change_thread(
                user=user, thread_id=posted.thread_id, changes=Changes(title="x")
            ),
            ThreadNotFound,
        ),
    }

    for act, error in refused.values():
        with pytest.raises(error):
            act()
    assert selectors.thread_key(user=user.pk, thread_id=posted.thread_id) is None
    assert selectors.run_of(user=user.pk, run_id=posted.run_id) is None
    assert selectors.file_of(user=user.pk, file_id=file.public_id) is None
    assert selectors.files_before(user=user.pk, before=None, limit=5) == []
    assert messages_with("invoice", user=user.pk) == []
    assert (ids(user), ids(user, "deleted")) == ([], [posted.thread_id])


def test_what_is_restored_is_where_it_was(user: User) -> None:
    posted = talk(user)
    Thread.objects.update(is_archived=True, is_pinned=True)
    before = selectors.thread_row(thread=posted.thread)
    delete(user, posted)

    assert deletion.restore_thread(user=user, thread_id=posted.thread_id) == before
    assert ids(user, "archived") == [posted.thread_id]
    with pytest.raises(ThreadNotFound):
        deletion.restore_thread(user=user, thread_id=posted.thread_id)


def test_nobody_elses_thread_is_deleted_or_restored(make_user: Callable[[], User]) -> None:
    me, they = make_user(), make_user()
    theirs = say(they, "c1", "theirs")
    for act in (deletion.delete_thread, deletion.delete_for_ever, deletion.restore_thread):
        with pytest.raises(ThreadNotFound):
            act(user=me, thread_id=theirs.thread_id)
    delete(they, theirs)
    with pytest.raises(ThreadNotFound):
        deletion.restore_thread(user=me, thread_id=theirs.thread_id)


def test_what_runs_in_it_is_stopped(payer: User) -> None:
    works, other = say(payer, "c1", "one"), say(payer, "c2", "other")
    waits = say(payer, "c3", "two", works.thread_id)
    attempt = claimed(works.run_id)
    delete(payer, works)

    states = dict(Run.objects.values_list("public_id", "state"))
    assert states[waits.run_id] == RunState.STOPPED
    assert states[other.run_id] == RunState.QUEUED
    run = Run.objects.get(public_id=attempt.run_id)
    assert run.cancel_requested_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_message_sent_as_its_thread_is_deleted_leaves_nothing_at_work(payer: User) -> None:
    for round_ in range(4):
        posted = say(payer, f"first-{round_}", "one")

        def post(posted: Posted = posted, round_: int = round_) -> None:
            try:
                say(payer, f"second-{round_}", "two", posted.thread_id)
            except ThreadNotFound:
                return

        at_once([post, lambda posted=posted: delete(payer, posted)])  # type: ignore[misc]  # a default binds it
    assert not Run.objects.filter(state__in=sorted(UNFINISHED)).exists()


def test_after_thirty_days_it_goes_with_all_that_was_in_it(user: User) -> None:
    posted = talk(user)
    shares.share_thread(user=user, thread_id=posted.thread_id)
    run = Run.objects.get()
    Feedback.objects.create(run=run, rating="up")
    ToolCall.objects.create(run=run, call_id="1", tool_name="t", args="{}", status="ok")
    file = File.objects.get()
    kept = say(user, "kept", "stays")
    delete(user, posted)

    with time_machine.travel(timezone.now() + deletion.THREADS_BIN_LIFE - timedelta(minutes=1)):
        assert erasure.empty_bin() == 0
        assert ids(user, "deleted") == [posted.thread_id]
    with time_machine.travel(timezone.now() + deletion.THREADS_BIN_LIFE + timedelta(minutes=1)):
        # Out of reach even before a worker comes to remove it.
        assert ids(user, "deleted") == []
        with pytest.raises(ThreadNotFound):
            deletion.restore_thread(user=user, thread_id=posted.thread_id)
        assert (erasure.empty_bin(), erasure.empty_bin()) == (1, 0)
    assert [row.pk for row in Thread.objects.all()] == [kept.thread]
    for model in (Message, Run, Event):
        assert set(model.objects.values_list("thread", flat=True)) == {kept.thread}
    for gone in (ToolCall, Feedback, Share, File):
        assert not gone.objects.exists()
    assert not file.content.storage.exists(str(file.content.name))
    assert DailyUsage.objects.filter(user=user).exists()


def test_for_ever_is_at_once_from_the_list_and_from_the_bin(user: User) -> None:
    first, second = talk(user), say(user, "c2", "two")
    answer(second.run_id, "yes")
    delete(user, second)
    for posted in (first, second):
        deletion.delete_for_ever(user=user, thread_id=posted.thread_id)
        with pytest.raises(ThreadNotFound):
            deletion.delete_for_ever(user=user, thread_id=posted.thread_id)
    assert not Thread.objects.exists()
    # Its client_id went with it: what is sent again is new.
    assert not say(user, "c2", "two").duplicate


def test_what_still_runs_is_waited_for(user: User) -> None:
    posted = say(user, "c1", "one")
    attempt = claimed(posted.run_id)
    deletion.delete_for_ever(user=user, thread_id=posted.thread_id)
    assert ids(user, "deleted") == []
    assert selectors.thread_row(thread=posted.thread).gone is True

    Run.objects.filter(pk=attempt.run).update(state=RunState.STOPPED, ended_at=timezone.now())
    assert erasure.empty_bin() == 1
