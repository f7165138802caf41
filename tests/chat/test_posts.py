"""Messages of many users in one transaction: the same rows, and nothing of those left out."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from msgspec import structs
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing import services as billing
from billing.models import Reservation, UsageCounter
from billing.selectors import catalogue
from chat import services, turns
from chat.models import Event, Message, Run, Thread
from chat.posts import LOCKS_WITHIN_MS, Post, post_all
from chat.runs.lifecycle import RunState
from chat.services import Outgoing, Posted
from tests.chat.races import at_once

MakeUser = Callable[[], User]
# What two messages of two users differ in.
IDS = ("id", "public_id", "user_id", "thread_id", "tip_id", "after_id", "question_id", "job_id")
TIMES = ("created_at", "updated_at", "ended_at", "lapses_at", "ts")
OWN = (*IDS, *TIMES, "key", "request_digest", "data")


def outgoing(client_id: str = "c1", text: str = "What is\nthis?", **fields: Any) -> Outgoing:
    return Outgoing(client_id=client_id, text=text, **fields)


def post(user: User, client_id: str = "c1", **fields: Any) -> Post:
    return Post(user=user, message=outgoing(client_id, **fields))


def end(posted: Posted) -> None:
    run = Run.objects.filter(public_id=posted.run_id)
    run.update(state=RunState.STOPPED, ended_at=timezone.now())
    with transaction.atomic():
        turns.end(run.get())


def values(rows: Iterable[models.Model]) -> list[dict[str, Any]]:
    return [
        {
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if field.attname not in OWN
        }
        for row in rows
    ]


def stored_of(user: User) -> list[list[dict[str, Any]]]:
    """All that is stored of a user's messages, but what is theirs alone."""
    runs = Run.objects.filter(user=user).order_by("pk")
    sets: list[models.QuerySet[Any]] = [
        Thread.objects.filter(user=user),
        Message.objects.filter(user=user).order_by("pk"),
        runs,
        Event.objects.filter(thread__user=user).order_by("pk"),
        Reservation.objects.filter(user=user).order_by("pk"),
        UsageCounter.objects.filter(user=user).order_by("feature"),
    ]
    return [values(rows) for rows in sets]


def after_ids(user: User) -> list[str | None]:
    messages = Message.objects.filter(user=user).order_by("pk")
    return list(messages.values_list("after__public_id", flat=True))


@pytest.mark.django_db
def test_what_is_stored_together_is_what_each_alone_would_have_stored(make_user: MakeUser) -> None:
    alone, *together = (make_user() for _ in range(4))
    first = services.post_message(user=alone, message=outgoing())
    firsts = [one for one in post_all([post(user) for user in together]) if one is not None]
    assert [one.duplicate for one in firsts] == [False] * 3
    for one in (first, *firsts):
        end(one)
    services.post_message(user=alone, message=outgoing("c2", thread_id=first.thread_id))
    answers = zip(together, firsts, strict=True)
    nexts = post_all([post(user, "c2", thread_id=one.thread_id) for user, one in answers])
    for user, one, following in zip(together, firsts, nexts, strict=True):
        assert following is not None
        assert following.thread_id == one.thread_id
        assert (following.seq, after_ids(user)) == (2, [None, one.run_id])
        assert json.loads(Event.objects.get(thread=one.thread, seq=2).data) == {
            "message_id": following.message_id,
            "role": "user",
            "text": "What is\nthis?",
            "client_id": "c2",
            "after_run_id": one.run_id,
        }
        assert stored_of(user) == stored_of(alone)
        run = Run.objects.select_related("thread", "question").get(public_id=following.run_id)
        assert (run.thread.tip_id, run.question.public_id) == (run.pk, following.message_id)
        job = ProcrastinateJob.objects.get(pk=run.job_id)
        assert (job.args, job.queue_name) == ({"run_id": following.run_id}, turns.RUN_QUEUE)
        again = services.post_message(user=user, message=outgoing("c2", thread_id=one.thread_id))
        assert again == structs.replace(following, duplicate=True)


@pytest.mark.django_db
def test_who_must_hear_a_refusal_is_left_out_and_nothing_is_counted(make_user: MakeUser) -> None:
    new, repeats, used_up, no_place, busy, unverified, stranger, lost = (
        make_user() for _ in range(8)
    )
    services.post_message(user=repeats, message=outgoing())
    end(services.post_message(user=stranger, message=outgoing("c0")))
    theirs = Thread.objects.get(user=stranger).public_id
    billing.consume(user=used_up, feature="messages_minute", amount=30, key="all")
    services.post_message(user=no_place, message=outgoing("c0"))
    at_work = services.post_message(user=busy, message=outgoing("c0")).thread_id
    unverified.verified_at = None
    unverified.date_joined = timezone.now() - timedelta(days=8)
    left_out = [repeats, used_up, no_place, busy, unverified, stranger, lost]
    before = [stored_of(user) for user in left_out]

    posts = [
        post(repeats),
        post(used_up),
        post(new),
        post(no_place),
        post(busy, thread_id=at_work),
        post(unverified),
        post(stranger, thread_id="thread_1_0000000000"),
        post(lost, thread_id=theirs),
    ]
    answers = post_all(posts)

    assert [one is not None for one in answers] == [one.user is new for one in posts]
    assert [stored_of(user) for user in left_out] == before
    assert ProcrastinateJob.objects.count() == 5


@pytest.mark.django_db
def test_statements_of_many_messages(
    make_user: MakeUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    posts = [post(make_user()) for _ in range(5)]
    catalogue()
    # Grants, their client_ids, how long to wait, limits, all rows; and a savepoint.
    with django_assert_num_queries(5 + 2):
        assert all(post_all(posts))
    Run.objects.update(state=RunState.STOPPED, ended_at=timezone.now())
    for run in Run.objects.all():
        turns.end(run)
    again = [post(one.user, "c2", thread_id=one.public_id) for one in Thread.objects.all()]
    # Their threads and what was before them, too.
    with django_assert_num_queries(7 + 2):
        assert all(post_all(again))


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_lock_holds_up_the_others_for_a_moment(make_user: MakeUser) -> None:
    free, held, locked = (make_user() for _ in range(3))
    end(services.post_message(user=held, message=outgoing("c0")))
    end(services.post_message(user=locked, message=outgoing("c0")))
    in_locked = post(locked, thread_id=Thread.objects.get(user=locked).public_id)
    with transaction.atomic():
        Thread.objects.select_for_update().get(user=locked)
        assert [bool(one) for one in at_once([lambda: post_all([post(free), in_locked])])[0]] == [
            True,
            False,
        ]
        list(UsageCounter.objects.select_for_update().filter(user=held))
        began_at = timezone.now()
        [answers] = at_once([lambda: post_all([post(free, "c2"), post(held)])])
        took = timezone.now() - began_at
    assert answers == [None, None]
    assert took >= timedelta(milliseconds=LOCKS_WITHIN_MS)
    assert Message.objects.filter(user__in=[free, held]).count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_that_fails_lets_nothing_be_stored(make_user: MakeUser) -> None:
    gone = User(pk=10**9, email="gone@example.com", verified_at=timezone.now())
    posts = [post(make_user()), post(gone)]
    with pytest.raises(IntegrityError):
        post_all(posts)
    assert (Message.objects.count(), Reservation.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_transactions_of_the_same_users_neither_deadlock_nor_miscount(make_user: MakeUser) -> None:
    users = [make_user() for _ in range(6)]

    def round_of(number: int) -> Callable[[], list[Posted | None]]:
        posts = [post(user, f"c{number}") for user in users[number % 6 :] + users[: number % 6]]
        return lambda: post_all(posts)

    answers = at_once([round_of(number) for number in range(8)])

    posted = [one for some in answers for one in some if one is not None]
    # On the free plan one thread of each works.
    assert len(posted) == len(users) == Thread.objects.count()
    counted = UsageCounter.objects.exclude(feature="messages_minute")
    assert set(counted.values_list("used", "reserved")) == {(0, 1)}
    minutes = UsageCounter.objects.filter(feature="messages_minute")
    assert sum(minutes.values_list("used", flat=True)) == len(users)
    assert Reservation.objects.count() == 3 * len(users)
