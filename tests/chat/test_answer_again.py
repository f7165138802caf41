"""A further answer to the newest question: the question is not repeated, nothing is deleted."""

from collections.abc import Callable

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

from accounts.models import User
from chat import selectors, services
from chat.errors import NotNewest, RunNotFound
from chat.models import Event, Message, Run
from chat.protocol.events import Fault
from chat.runs import attempts, prompts
from tests.chat.races import at_once
from tests.chat.test_turns import claimed, finish, post

pytestmark = pytest.mark.django_db
FAULT = Fault(code="internal", message="It broke.", retryable=True)


def fail(run_id: str) -> None:
    attempts.finish(claimed(run_id), status="failed", text="Half an", usage={}, error=FAULT)


def again(user: User, run_id: str, client_id: str = "again-1") -> Run:
    run, _is_repeat = services.answer_again(user=user, client_id=client_id, run_id=run_id)
    return run


def test_after_a_failure_the_same_question_is_answered_again(user: User) -> None:
    posted = post(user, "c1")
    fail(posted.run_id)
    run = again(user, posted.run_id)
    attempt = claimed(run.public_id)
    opening = prompts.opening_of(attempt)
    assert (opening.prompt, opening.history) == ("hello", [])
    started = Event.objects.get(run_id=run.public_id, type="agent_started")
    assert '"trigger":"retry"' in started.data
    attempts.finish(attempt, status="completed", text="Whole.", usage={})
    assert list(Message.objects.order_by("seq").values_list("role", "text")) == [
        ("user", "hello"), ("assistant", "Half an"), ("assistant", "Whole."),
    ]  # fmt: skip


def test_what_follows_is_told_the_newest_answer_only(user: User) -> None:
    posted = post(user, "c1")
    fail(posted.run_id)
    run = again(user, posted.run_id)
    attempts.finish(claimed(run.public_id), status="stopped", text="Better.", usage={})
    later = post(user, "c2", posted.thread_id)
    history = prompts.opening_of(claimed(later.run_id)).history
    texts = [
        part.content
        for message in history
        if isinstance(message, ModelRequest | ModelResponse)
        for part in message.parts
        if isinstance(part, TextPart | UserPromptPart)
    ]
    assert texts == ["hello", "Better."]


def test_a_completed_answer_may_be_made_again_and_again(user: User) -> None:
    run_id = post(user, "c1").run_id
    for number in range(3):
        finish(run_id)
        run_id = again(user, run_id, f"again-{number}").public_id
        assert Run.objects.get(public_id=run_id).trigger == "regenerate"
    assert Run.objects.exclude(question=None).values("question").distinct().count() == 1


def test_only_the_newest_that_has_ended_and_only_the_owner(
    user: User, make_user: Callable[[], User]
) -> None:
    first = post(user, "c1")
    with pytest.raises(NotNewest):
        again(user, first.run_id)
    finish(first.run_id)
    with pytest.raises(RunNotFound):
        again(make_user(), first.run_id)
    post(user, "c2", first.thread_id)
    with pytest.raises(NotNewest):
        again(user, first.run_id)


@pytest.mark.django_db(transaction=True)
def test_one_that_waits_is_seen_with_its_question(user: User) -> None:
    posted = post(user, "c1")
    finish(posted.run_id)
    post(user, "elsewhere")
    run = again(user, posted.run_id)
    snapshot = selectors.snapshot(thread=posted.thread)
    [waiting] = snapshot.queued_runs
    assert (waiting.run_id, waiting.message_id) == (run.public_id, posted.message_id)


@pytest.mark.django_db(transaction=True)
def test_however_often_it_is_sent_one_further_run_is_made(payer: User) -> None:
    posted = post(payer, "c1")
    finish(posted.run_id)
    runs = at_once([lambda: again(payer, posted.run_id).public_id for _ in range(6)])
    assert len(set(runs)) == 1
    with pytest.raises(NotNewest):
        again(payer, posted.run_id, "another")
