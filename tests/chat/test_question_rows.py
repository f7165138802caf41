"""What a send writes by plain SQL is what the ORM, and procrastinate, would have written."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection, models, transaction
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing.selectors import catalogue
from chat import question_rows, services, turns
from chat.models import Message, Run, Thread
from chat.runs.lifecycle import RunState
from chat.services import Outgoing, Posted

pytestmark = pytest.mark.django_db


def post(user: User, client_id: str, thread_id: str | None = None) -> Posted:
    message = Outgoing(client_id=client_id, text="What is\nthis?", thread_id=thread_id)
    return services.post_message(user=user, message=message)


def columns(row: models.Model, *, but: Iterable[str] = ("id",)) -> dict[str, Any]:
    fields = row._meta.concrete_fields
    return {one.attname: getattr(row, one.attname) for one in fields if one.attname not in but}


def test_a_first_message_is_stored_as_the_orm_would(user: User) -> None:
    posted = post(user, "c1")
    thread = Thread.objects.get(pk=posted.thread)
    message = Message.objects.get(thread=thread)
    run = Run.objects.get(thread=thread)
    at = message.created_at
    assert columns(thread) == columns(
        Thread(
            public_id=posted.thread_id, user=user, title="What is", head=1, tip=run, read_seq=1,
            created_at=at, updated_at=at,
        )
    )  # fmt: skip
    assert columns(message) == columns(
        Message(
            public_id=posted.message_id, thread=thread, user=user, role="user", seq=1,
            text="What is\nthis?", client_id="c1", created_at=at,
            request_digest=Outgoing(client_id="c1", text="What is\nthis?").digest,
        )
    )  # fmt: skip
    assert columns(run) == columns(
        Run(
            public_id=posted.run_id, thread=thread, user=user, question=message, created_at=at,
            job_id=run.job_id,
        )
    )  # fmt: skip


def test_the_next_message_follows_the_branch_that_is_shown(user: User) -> None:
    first = post(user, "c1")
    Run.objects.filter(public_id=first.run_id).update(
        state=RunState.STOPPED, ended_at=models.F("created_at")
    )
    turns.end(Run.objects.get(public_id=first.run_id))
    second = post(user, "c2", first.thread_id)
    run = Run.objects.select_related("question", "thread").get(public_id=second.run_id)
    assert (run.question.after_id, run.thread.tip_id) == (
        Run.objects.get(public_id=first.run_id).pk,
        run.pk,
    )
    assert (run.thread.head, run.thread.read_seq, run.question.seq) == (2, 2, 2)
    assert columns(run, but=["id", "job_id", "created_at"]) == columns(
        Run(public_id=run.public_id, thread=run.thread, user=user, question=run.question),
        but=["id", "job_id", "created_at"],
    )


def test_its_job_is_the_one_that_procrastinate_defers(user: User) -> None:
    posted = post(user, "c1")
    run = Run.objects.get(public_id=posted.run_id)
    task = jobs.configure_task(turns.RUN_TASK, queue=turns.RUN_QUEUE, allow_unknown=True)
    deferred = task.defer(run_id=posted.run_id)
    ours, theirs = (ProcrastinateJob.objects.get(pk=pk) for pk in (run.job_id, deferred))
    assert columns(ours) == columns(theirs)
    turns.defer(run)
    assert columns(ProcrastinateJob.objects.get(pk=run.job_id)) == columns(theirs)


def test_a_locked_thread_has_every_field(user: User) -> None:
    thread = Thread.objects.create(user=user, title="x", is_pinned=True, external_id="e")
    with transaction.atomic():
        found = [
            question_rows.locked_thread(key=thread.pk),
            question_rows.locked_thread_of(user=user.pk, thread_id=thread.public_id),
        ]
    again = Thread.objects.get(pk=thread.pk)
    assert [one and columns(one, but=()) for one in found] == [columns(again, but=())] * 2
    assert question_rows.locked_thread_of(user=user.pk + 1, thread_id=thread.public_id) is None
    Thread.objects.filter(pk=thread.pk).update(purge_at=thread.created_at)
    assert question_rows.locked_thread(key=thread.pk) is None


def test_statements_of_a_send(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    catalogue()
    # Its client_id, grants, limits, all rows; and a savepoint, since the test is a transaction.
    with django_assert_num_queries(4 + 2):
        first = post(user, "c1")
    connection.cursor().execute("UPDATE chat_run SET state = 'stopped', ended_at = now()")
    turns.end(Run.objects.get())
    # The thread and what was before it, too.
    with django_assert_num_queries(6 + 2):
        post(user, "c2", first.thread_id)
