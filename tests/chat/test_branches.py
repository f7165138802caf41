"""Branches: versions of questions, further answers, which branch is shown; nothing is deleted."""

from collections.abc import Callable

import msgspec
import pytest
from django.core.files.base import ContentFile
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

from accounts.models import User
from billing.models import UsageCounter
from chat import branches, services, snapshots, uploads
from chat.errors import MessageNotFound, NotEnded, RunNotFound
from chat.models import Event, Message, Run
from chat.protocol.events import Fault
from chat.protocol.snapshots import Snapshot
from chat.runs import attempts, prompts
from chat.services import Outgoing, Posted
from tests.chat.races import at_once
from tests.chat.test_turns import claimed, places, post

# A snapshot needs a view of its own, which a test inside a transaction cannot give it.
pytestmark = pytest.mark.django_db(transaction=True)
FAULT = Fault(code="internal", message="It broke.", retryable=True)


def say(user: User, client_id: str, text: str, thread_id: str | None = None) -> Posted:
    message = Outgoing(client_id=client_id, text=text, thread_id=thread_id)
    return services.post_message(user=user, message=message)


def interrupt(user: User, client_id: str, thread_id: str) -> Posted:
    message = Outgoing(client_id=client_id, text=client_id, thread_id=thread_id, interrupt=True)
    return services.post_message(user=user, message=message)


def answer(run_id: str, text: str, status: str = "completed") -> None:
    error = FAULT if status == "failed" else None
    attempts.finish(claimed(run_id), status=status, text=text, usage={}, error=error)  # type: ignore[arg-type]  # a table's word


def again(user: User, run_id: str, client_id: str = "again-1") -> str:
    return branches.answer_again(user=user, client_id=client_id, run_id=run_id).run.public_id


def edit(user: User, message_id: str, text: str, client_id: str = "edit-1") -> Posted:
    return branches.edit(user=user, client_id=client_id, message_id=message_id, text=text)


def seen(thread: int) -> Snapshot:
    return snapshots.snapshot(thread=thread)


def shown(thread: int) -> list[str]:
    return [message.text for message in seen(thread).messages]


def told(run_id: str) -> list[str]:
    """What the agent of a run is given: earlier turns, then the question."""
    opening = prompts.opening_of(claimed(run_id))
    parts = [
        part.content
        for message in opening.history
        if isinstance(message, ModelRequest | ModelResponse)
        for part in message.parts
        if isinstance(part, TextPart | UserPromptPart)
    ]
    return [*map(str, parts), str(opening.prompt or "")]


def events(thread: int, kind: str) -> list[dict[str, object]]:
    rows = Event.objects.filter(thread=thread, type=kind).order_by("seq")
    return [msgspec.json.decode(data) for data in rows.values_list("data", flat=True)]


def talk(user: User) -> tuple[Posted, Posted]:
    """Two questions with their answers: q1 a1 q2 a2."""
    first = say(user, "c1", "q1")
    answer(first.run_id, "a1")
    second = say(user, "c2", "q2", first.thread_id)
    answer(second.run_id, "a2")
    return first, second


def test_a_line_is_a_branch_on_which_each_question_follows_an_answer(payer: User) -> None:
    first, second = talk(payer)
    snapshot = seen(first.thread)
    assert [one.text for one in snapshot.messages] == ["q1", "a1", "q2", "a2"]
    questions, answers = snapshot.messages[::2], snapshot.messages[1::2]
    assert [one.after_run_id for one in questions] == [None, first.run_id]
    assert [one.run_id for one in questions] == [first.run_id, second.run_id]
    assert [one.question_id for one in answers] == [first.message_id, second.message_id]
    assert {one.versions for one in snapshot.messages} == {msgspec.UNSET}
    assert (snapshot.tip, snapshot.more) == (second.run_id, False)
    created = events(first.thread, "message_created")
    assert [one.get("after_run_id") for one in created if one["role"] == "user"] == [
        None, first.run_id,
    ]  # fmt: skip
    started = events(first.thread, "agent_started")
    assert [one["question_id"] for one in started] == [first.message_id, second.message_id]


def test_after_a_failure_the_same_question_is_answered_again(user: User) -> None:
    posted = say(user, "c1", "q1")
    answer(posted.run_id, "Half an", "failed")
    run_id = again(user, posted.run_id)
    assert told(run_id) == ["q1"]
    assert [one["trigger"] for one in events(posted.thread, "agent_started")] == ["send", "retry"]
    attempts.finish(
        attempts.attempt_of(Run.objects.get(public_id=run_id), text=""),
        status="completed",
        text="Whole.",
        usage={},
    )
    assert list(Message.objects.order_by("seq").values_list("role", "text")) == [
        ("user", "q1"), ("assistant", "Half an"), ("assistant", "Whole."),
    ]  # fmt: skip
    assert shown(posted.thread) == ["q1", "Whole."]


def test_an_earlier_answer_made_again_begins_a_branch(payer: User) -> None:
    first, _second = talk(payer)
    run_id = again(payer, first.run_id)
    [selected] = events(first.thread, "branch_selected")
    assert selected == {"run_id": run_id, "message_id": first.message_id}
    assert shown(first.thread) == ["q1"]
    question = seen(first.thread).messages[0]
    assert (question.run_id, question.answers) == (run_id, (first.run_id, run_id))
    answer(run_id, "a1 again")
    third = say(payer, "c3", "q3", first.thread_id)
    assert told(third.run_id) == ["q1", "a1 again", "q3"]
    assert shown(first.thread) == ["q1", "a1 again", "q3"]
    assert seen(first.thread).messages[1].versions == (first.run_id, run_id)
    assert Message.objects.filter(thread=first.thread).count() == 6


def test_an_edited_question_is_a_version_beside_it(payer: User) -> None:
    first, second = talk(payer)
    edited = edit(payer, second.message_id, "q2 better")
    assert (edited.thread_id, edited.duplicate) == (first.thread_id, False)
    assert edited.message_id != second.message_id
    assert shown(first.thread) == ["q1", "a1", "q2 better"]
    assert seen(first.thread).messages[2].versions == (second.message_id, edited.message_id)
    assert told(edited.run_id) == ["q1", "a1", "q2 better"]
    assert events(first.thread, "agent_started")[-1]["trigger"] == "edit"
    newer = edit(payer, edited.message_id, "q2 best", "edit-2")
    assert seen(first.thread).messages[2].versions == (
        second.message_id, edited.message_id, newer.message_id,
    )  # fmt: skip


def test_a_thread_s_first_question_may_be_edited(payer: User) -> None:
    first, _second = talk(payer)
    edited = edit(payer, first.message_id, "q1 better")
    assert shown(first.thread) == ["q1 better"]
    [question] = seen(first.thread).messages
    assert question.after_run_id is None
    assert question.versions == (first.message_id, edited.message_id)
    assert told(edited.run_id) == ["q1 better"]


def test_an_edited_question_keeps_its_files(payer: User) -> None:
    export = ContentFile(b"model,cost\ngpt-4o,1\n")
    file_id = uploads.store_file(user=payer, name="export.csv", content=export).public_id
    message = Outgoing(client_id="c1", text="q1", files=(file_id,))
    posted = services.post_message(user=payer, message=message)
    answer(posted.run_id, "a1")
    edited = edit(payer, posted.message_id, "q1 better")
    [question] = seen(posted.thread).messages
    assert [file.file_id for file in question.files] == [file_id]
    opening = prompts.opening_of(claimed(edited.run_id))
    assert [attachment.file_id for attachment in opening.attachments] == [file_id]
    assert "export.csv" in (opening.prompt or "")


def test_switching_shows_the_branch_that_was_added_to_last(payer: User) -> None:
    first, second = talk(payer)
    edited = edit(payer, first.message_id, "q1 better")
    answer(edited.run_id, "b1")
    later = say(payer, "c3", "q3", first.thread_id)
    answer(later.run_id, "b3")

    by_message = branches.switch(user=payer, run_id=None, message_id=first.message_id)
    assert by_message.run.public_id == second.run_id
    assert shown(first.thread) == ["q1", "a1", "q2", "a2"]
    answered = Message.objects.get(run__public_id=later.run_id).public_id
    by_answer = branches.switch(user=payer, run_id=None, message_id=answered)
    assert by_answer.run.public_id == later.run_id
    branches.switch(user=payer, run_id=None, message_id=first.message_id)
    by_run = branches.switch(user=payer, run_id=edited.run_id, message_id=None)
    assert by_run.run.public_id == later.run_id
    assert shown(first.thread) == ["q1 better", "b1", "q3", "b3"]
    selected = events(first.thread, "branch_selected")
    assert [one["run_id"] for one in selected] == [second.run_id, later.run_id] * 2
    repeated = branches.switch(user=payer, run_id=later.run_id, message_id=None)
    assert (repeated.duplicate, len(events(first.thread, "branch_selected"))) == (True, 4)
    # The next message follows what is shown.
    branches.switch(user=payer, run_id=second.run_id, message_id=None)
    say(payer, "c4", "q4", first.thread_id)
    assert shown(first.thread) == ["q1", "a1", "q2", "a2", "q4"]


def test_a_message_that_waits_is_edited_in_place(payer: User) -> None:
    first = say(payer, "c1", "q1")
    waiting = say(payer, "c2", "q2", first.thread_id)
    last = say(payer, "c3", "q3", first.thread_id)
    edited = edit(payer, waiting.message_id, "q2 better")
    assert (edited.message_id, edited.run_id) == (waiting.message_id, waiting.run_id)
    assert events(first.thread, "message_edited") == [
        {"message_id": waiting.message_id, "text": "q2 better"}
    ]
    assert edit(payer, waiting.message_id, "q2 better").duplicate
    assert shown(first.thread) == ["q1", "q2 better", "q3"]
    counter = UsageCounter.objects.get(user=payer, feature="runs_month")
    assert counter.reserved == 3
    answer(first.run_id, "a1")
    assert told(waiting.run_id) == ["q1", "a1", "q2 better"]
    # A repeat of the frame that comes when it has begun changes nothing more.
    assert edit(payer, waiting.message_id, "q2 better").duplicate
    assert Message.objects.filter(thread=first.thread, role="user").count() == 3
    assert Run.objects.get(public_id=last.run_id).ended_at is None
    # The repeat of the send itself is still the same message.
    assert say(payer, "c2", "q2", first.thread_id).duplicate


def test_leaving_a_branch_stops_what_has_not_ended_in_it(payer: User) -> None:
    first, second = talk(payer)
    third = say(payer, "c3", "q3", first.thread_id)
    waiting = say(payer, "c4", "q4", first.thread_id)
    attempt = claimed(third.run_id)
    edited = edit(payer, second.message_id, "q2 better")
    runs = {run.public_id: run for run in Run.objects.filter(thread=first.thread)}
    assert runs[waiting.run_id].state == "stopped"
    assert runs[third.run_id].cancel_requested_at is not None
    assert runs[edited.run_id].state == "queued"
    attempts.finish(attempt, status="stopped", text="half", usage={})
    assert Run.objects.get(public_id=edited.run_id).job_id is not None
    assert shown(first.thread) == ["q1", "a1", "q2 better"]
    assert places(payer) == 1


def test_what_runs_on_another_branch_goes_on(payer: User) -> None:
    first, second = talk(payer)
    edited = edit(payer, second.message_id, "q2 better")
    branches.switch(user=payer, run_id=second.run_id, message_id=None)
    third = say(payer, "c3", "q3", first.thread_id)
    snapshot = seen(first.thread)
    assert [one.message_id for one in snapshot.queued_runs] == [
        edited.message_id, third.message_id,
    ]  # fmt: skip
    again(payer, second.run_id)
    assert Run.objects.get(public_id=third.run_id).state == "stopped"
    assert Run.objects.get(public_id=edited.run_id).cancel_requested_at is None


def test_an_answer_is_made_again_once_it_has_ended_by_its_owner(
    user: User, make_user: Callable[[], User]
) -> None:
    first = say(user, "c1", "q1")
    stranger = make_user()
    with pytest.raises(NotEnded):
        again(user, first.run_id)
    answer(first.run_id, "a1")
    foreign: list[Callable[[], object]] = [
        lambda: again(stranger, first.run_id),
        lambda: branches.switch(user=stranger, run_id=first.run_id, message_id=None),
        lambda: again(user, "nonsense"),
    ]
    for ask in foreign:
        with pytest.raises(RunNotFound):
            ask()
    assistant = Message.objects.get(role="assistant").public_id
    missing: list[Callable[[], object]] = [
        lambda: edit(stranger, first.message_id, "mine"),
        lambda: branches.switch(user=stranger, run_id=None, message_id=first.message_id),
        lambda: edit(user, assistant, "I never said that"),
        lambda: edit(user, "nonsense", "x"),
    ]
    for ask in missing:
        with pytest.raises(MessageNotFound):
            ask()


def test_an_interrupting_message_goes_before_all_that_wait(payer: User) -> None:
    first = say(payer, "c1", "q1")
    waiting = say(payer, "c2", "q2", first.thread_id)
    last = say(payer, "c3", "q3", first.thread_id)
    attempt = claimed(first.run_id)
    now = interrupt(payer, "now", first.thread_id)
    then = interrupt(payer, "then", first.thread_id)
    assert Run.objects.get(public_id=first.run_id).cancel_requested_at is not None
    assert shown(first.thread) == ["q1", "now", "then", "q2", "q3"]
    assert events(first.thread, "message_moved") == [
        {"message_id": waiting.message_id, "after_run_id": now.run_id},
        {"message_id": waiting.message_id, "after_run_id": then.run_id},
    ]
    attempts.finish(attempt, status="stopped", text="half", usage={})
    told_to = {}
    for posted in (now, then, waiting, last):
        begun = Run.objects.filter(thread=first.thread, ended_at=None, job_id__isnull=False)
        assert list(begun.values_list("public_id", flat=True)) == [posted.run_id]
        told_to[posted.run_id] = told(posted.run_id)
        one = attempts.attempt_of(Run.objects.get(public_id=posted.run_id), text="")
        attempts.finish(one, status="completed", text="ok", usage={})
    assert told_to[now.run_id] == ["q1", "half", "now"]
    assert told_to[last.run_id][-5:] == ["then", "ok", "q2", "ok", "q3"]


def test_what_is_left_to_interrupt_is_told_as_a_plain_message(user: User) -> None:
    first = say(user, "c1", "q1")
    answer(first.run_id, "a1")
    posted = interrupt(user, "now", first.thread_id)
    assert told(posted.run_id) == ["q1", "a1", "now"]
    assert events(first.thread, "message_moved") == []


def test_however_often_it_is_sent_one_further_run_is_made(payer: User) -> None:
    posted = post(payer, "c1")
    answer(posted.run_id, "a1")
    runs = at_once([lambda: again(payer, posted.run_id) for _ in range(6)])
    assert len(set(runs)) == 1
    assert Run.objects.get(public_id=runs[0]).cancel_requested_at is None


def test_however_often_it_is_sent_one_version_is_made(payer: User) -> None:
    posted = post(payer, "c1")
    answer(posted.run_id, "a1")
    versions = at_once([lambda: edit(payer, posted.message_id, "b").message_id for _ in range(6)])
    assert len(set(versions)) == 1
    waiting = post(payer, "c2", posted.thread_id)
    at_once([lambda: edit(payer, waiting.message_id, "c", "edit-2") for _ in range(6)])
    assert len(events(posted.thread, "message_edited")) == 1


def test_messages_of_the_same_moment_follow_one_another(payer: User) -> None:
    first = say(payer, "c1", "q1")
    at_once([lambda n=n: say(payer, f"s{n}", f"s{n}", first.thread_id) for n in range(8)])  # type: ignore[misc]  # a default is no argument here
    assert len(shown(first.thread)) == 9
    created = events(first.thread, "message_created")
    assert [one["message_id"] for one in created if "after_run_id" not in one] == [first.message_id]


def test_writers_on_all_sides_end_with_one_whole_branch(payer: User) -> None:
    first, second = talk(payer)
    thread_id = first.thread_id
    at_once([
        lambda: say(payer, "s1", "s1", thread_id),
        lambda: interrupt(payer, "s2", thread_id),
        lambda: edit(payer, second.message_id, "e1", "e1"),
        lambda: again(payer, first.run_id, "a1"),
        lambda: branches.switch(user=payer, run_id=second.run_id, message_id=None),
        lambda: interrupt(payer, "s3", thread_id),
    ])  # fmt: skip
    snapshot = seen(first.thread)
    runs = [one.run_id for one in snapshot.messages if one.role == "user"]
    assert runs[-1] == snapshot.tip
    afters = [one.after_run_id for one in snapshot.messages if one.role == "user"]
    assert afters == [None, *runs[:-1]]
    seqs = Event.objects.filter(thread=first.thread).order_by("seq").values_list("seq", flat=True)
    assert list(seqs) == list(range(1, snapshot.seq + 1))


def test_versions_are_the_questions_of_one_place_whatever_was_overtaken(payer: User) -> None:
    first, second = talk(payer)
    busy = say(payer, "c3", "q3", first.thread_id)
    claimed(busy.run_id)
    edited = edit(payer, second.message_id, "q2 better")
    now = interrupt(payer, "now", first.thread_id)
    messages = {one.message_id: one for one in seen(first.thread).messages}
    assert messages[now.message_id].versions == (second.message_id, now.message_id)
    assert messages[edited.message_id].after_run_id == now.run_id
    assert messages[edited.message_id].versions is msgspec.UNSET
