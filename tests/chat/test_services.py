from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.errors import LimitReached
from billing.models import UsageCounter
from chat import questions, selectors, services, uploads
from chat.errors import ClientIDReused, FileNotFound, QueueFull, RunNotFound, ThreadNotFound
from chat.models import Event, File, Message, Run, Thread
from chat.runs.lifecycle import RunState
from chat.services import Outgoing, Posted
from netra.ids import RunID, ThreadID
from tests.chat.races import at_once

SENDERS = 16


def post(user: User, client_id: str = "c1", text: str = "hello", **fields: object) -> Posted:
    message = Outgoing(client_id=client_id, text=text, **fields)  # type: ignore[arg-type]  # passed on
    return services.post_message(user=user, message=message)


def seqs(thread_id: str) -> list[int]:
    events = Event.objects.filter(thread__public_id=thread_id).order_by("seq")
    return list(events.values_list("seq", flat=True))


@pytest.mark.django_db
def test_a_message_becomes_a_thread_a_run_an_event_and_a_job(user: User) -> None:
    posted = post(user, text="  What is\n this?  ")
    thread = Thread.objects.get(public_id=posted.thread_id)
    run = Run.objects.get(public_id=posted.run_id)
    assert (thread.title, thread.head, posted.seq, posted.duplicate) == ("What is", 1, 1, False)
    assert (run.state, run.attempt) == (RunState.QUEUED, 0)
    assert Message.objects.get(public_id=posted.message_id).text == "  What is\n this?  "
    assert ProcrastinateJob.objects.get(id=run.job_id).args == {"run_id": posted.run_id}


@pytest.mark.django_db
def test_a_repeated_client_id_is_answered_with_the_first_result(user: User) -> None:
    first = post(user)
    again = post(user)
    assert again == Posted(
        message_id=first.message_id,
        thread_id=first.thread_id,
        run_id=first.run_id,
        seq=first.seq,
        duplicate=True,
        thread=first.thread,
    )
    assert Message.objects.count() == Run.objects.count() == Thread.objects.count() == 1


@pytest.mark.django_db
def test_a_client_id_is_not_taken_for_another_text(user: User) -> None:
    post(user, text="one")
    with pytest.raises(ClientIDReused):
        post(user, text="two")


@pytest.mark.django_db
def test_two_users_may_use_the_same_client_id(make_user: Callable[[], User]) -> None:
    one, two = post(make_user()), post(make_user())
    assert one.message_id != two.message_id
    assert not two.duplicate


@pytest.mark.django_db(transaction=True)
def test_sixteen_senders_of_one_client_id_store_one_message(user: User) -> None:
    results = at_once([lambda: post(user) for _ in range(SENDERS)])
    assert sorted(result.duplicate for result in results) == [False] + [True] * (SENDERS - 1)
    assert len({result.message_id for result in results}) == 1
    assert Message.objects.count() == Run.objects.count() == Thread.objects.count() == 1
    assert UsageCounter.objects.get(feature="runs_month").reserved == 1


@pytest.mark.django_db(transaction=True)
def test_sixteen_senders_in_one_thread_give_a_gap_free_log(user: User) -> None:
    thread_id = post(user, "first").thread_id
    results = at_once(
        [lambda n=n: post(user, f"c{n}", thread_id=thread_id) for n in range(SENDERS)]  # type: ignore[misc]  # bound now
    )
    log = seqs(thread_id)
    assert log == list(range(1, len(log) + 1))
    assert len({result.seq for result in results}) == SENDERS
    assert Thread.objects.get(public_id=thread_id).head == len(log)
    # Only the first run has a job: the others wait for it, each at a place of its own.
    assert ProcrastinateJob.objects.count() == 1
    queued = Event.objects.filter(thread__public_id=thread_id, type="run_queued").order_by("seq")
    assert [f'"position":{n}' in data for n, data in enumerate(
        queued.values_list("data", flat=True), start=1)] == [True] * SENDERS  # fmt: skip


@pytest.mark.django_db
def test_a_foreign_thread_is_answered_like_a_missing_one(make_user: Callable[[], User]) -> None:
    theirs = post(make_user()).thread_id
    me = make_user()
    for thread_id in (theirs, ThreadID.new(), "thread_1_x", "nonsense"):
        with pytest.raises(ThreadNotFound):
            post(me, thread_id=thread_id)
        assert selectors.thread_key(user=me.pk, thread_id=thread_id) is None
    assert not Message.objects.filter(user=me).exists()


@pytest.mark.django_db(transaction=True)
def test_a_refused_message_leaves_nothing_behind(user: User) -> None:
    with pytest.raises(FileNotFound):
        post(user, files=("file_1_abcdef",))
    assert not Thread.objects.exists()
    assert not ProcrastinateJob.objects.exists()
    assert not UsageCounter.objects.filter(reserved__gt=0).exists()


@pytest.mark.django_db
def test_a_file_goes_into_one_message_of_its_owner(make_user: Callable[[], User]) -> None:
    me, other = make_user(), make_user()
    file = uploads.store_file(user=me, name="../../usage.csv", content=ContentFile(b"a,b\n1,2\n"))
    with pytest.raises(FileNotFound):
        post(other, files=(file.public_id,))
    posted = post(me, files=(file.public_id,))
    assert File.objects.get().message == Message.objects.get(public_id=posted.message_id)
    assert ".." not in str(file.content.name)
    with pytest.raises(FileNotFound):
        post(me, "c2", files=(file.public_id,))


@pytest.mark.django_db
def test_stopping_a_waiting_run_writes_both_its_brackets_and_frees_the_quota(user: User) -> None:
    thread_id = post(user).thread_id
    waiting = post(user, "c2", thread_id=thread_id)
    services.stop_run(user=user, run_id=waiting.run_id)
    types = Event.objects.filter(run_id=waiting.run_id).order_by("seq")
    assert list(types.values_list("type", flat=True)) == [
        "run_queued",
        "agent_started",
        "agent_completed",
    ]
    assert Run.objects.get(public_id=waiting.run_id).state == RunState.STOPPED
    assert UsageCounter.objects.get(feature="runs_month").reserved == 1
    head = Thread.objects.get(public_id=thread_id).head
    services.stop_run(user=user, run_id=waiting.run_id)
    assert Thread.objects.get(public_id=thread_id).head == head


@pytest.mark.django_db
def test_another_users_run_cannot_be_stopped(make_user: Callable[[], User]) -> None:
    theirs = post(make_user()).run_id
    me = make_user()
    for run_id in (theirs, RunID.new(), ""):
        with pytest.raises(RunNotFound):
            services.stop_run(user=me, run_id=run_id)


@pytest.mark.django_db
def test_a_thread_keeps_a_bounded_number_of_waiting_runs(payer: User) -> None:
    thread_id = post(payer).thread_id
    for number in range(questions.QUEUED_RUNS_MAX):
        post(payer, f"q{number}", thread_id=thread_id)
    with pytest.raises(QueueFull):
        post(payer, "one-more", thread_id=thread_id)


@pytest.mark.django_db(transaction=True)
def test_no_more_runs_than_the_quota_has_are_accepted(user: User) -> None:
    post(user)
    UsageCounter.objects.filter(feature="runs_month").update(used=995)

    def attempt(number: int) -> bool:
        try:
            post(user, f"c-{number}")
        except LimitReached:
            return False
        return True

    accepted = at_once([lambda n=n: attempt(n) for n in range(SENDERS)])  # type: ignore[misc]  # bound now
    assert sum(accepted) == 4
    assert Run.objects.count() == 5
