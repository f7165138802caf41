"""What users think of answers: one opinion an answer, seen again, and read by operators."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from chat import feedback, snapshots
from chat.errors import NotEnded, RunNotFound
from chat.models import Feedback, FeedbackReason, Rating, Run
from chat.protocol.snapshots import FeedbackView
from tests.chat.test_branches import answer, say

pytestmark = pytest.mark.django_db
LIST = "/admin/chat/feedback/"


def rate(
    user: User, run_id: str, rating: Rating, reason: FeedbackReason | None = None, comment: str = ""
) -> None:
    feedback.give_feedback(user=user, run_id=run_id, rating=rating, reason=reason, comment=comment)


@pytest.mark.django_db(transaction=True)
def test_the_newest_opinion_is_kept_and_seen_after_a_reload(user: User) -> None:
    posted = say(user, "c1", "hello")
    with pytest.raises(NotEnded):
        rate(user, posted.run_id, Rating.UP)
    answer(posted.run_id, "An answer.")
    rate(user, posted.run_id, Rating.UP)
    rate(user, posted.run_id, Rating.DOWN, FeedbackReason.WRONG, "It is 6.")

    for messages in (
        snapshots.snapshot(thread=posted.thread).messages,
        snapshots.page(thread=posted.thread, before=None, limit=5).messages,
    ):
        assert messages[1].feedback == FeedbackView(rating="down", reason="wrong")
    assert Feedback.objects.get().comment == "It is 6."
    for _ in range(2):
        feedback.take_back_feedback(user=user, run_id=posted.run_id)
    assert snapshots.snapshot(thread=posted.thread).messages[1].feedback is None


def test_nobody_rates_the_answers_of_others(make_user: Callable[[], User]) -> None:
    me, they = make_user(), make_user()
    posted = say(they, "c1", "hello")
    answer(posted.run_id, "An answer.")
    rate(they, posted.run_id, Rating.UP)

    with pytest.raises(RunNotFound):
        rate(me, posted.run_id, Rating.DOWN)
    with pytest.raises(RunNotFound):
        feedback.take_back_feedback(user=me, run_id=posted.run_id)
    assert Feedback.objects.get().rating == Rating.UP


@pytest.mark.parametrize("wrong", [{"rating": "meh"}, {"rating": "up", "reason": "boring"}])
def test_the_database_takes_no_other_words(user: User, wrong: dict[str, str]) -> None:
    run = Run.objects.get(public_id=say(user, "c1", "hello").run_id)
    with pytest.raises(IntegrityError, match="feedback_"), transaction.atomic():
        Feedback.objects.create(run=run, **wrong)


def test_operators_find_it_by_rating_reason_and_model(client: Client, user: User) -> None:
    client.force_login(User.objects.create_superuser("root@example.com"))
    runs = []
    for number, reason in enumerate((None, FeedbackReason.WRONG, FeedbackReason.UNSAFE)):
        posted = say(user, f"c{number}", "hello")
        answer(posted.run_id, "An answer.")
        rate(user, posted.run_id, Rating.DOWN if reason else Rating.UP, reason, "<b>why</b>")
        runs.append(posted.run_id)
    Run.objects.filter(public_id=runs[0]).update(model="gpt-4o")

    def found(**asked: str) -> list[str]:
        answer = client.get(LIST, asked)
        assert answer.status_code == 200
        return sorted(row.run.public_id for row in answer.context["cl"].result_list)

    assert found(rating__exact="down") == runs[1:]
    assert found(reason__exact="wrong") == [runs[1]]
    assert found(model="built-in") == runs[1:]
    assert found(q=runs[2]) == [runs[2]]
    body = client.get(LIST).content.decode()
    assert f"/admin/chat/run/{runs[0]}/change/" in body.replace("_5F", "_")
    assert "&lt;b&gt;why" in body
    one = Feedback.objects.first()
    assert one is not None
    assert client.get(f"{LIST}{one.pk}/change/").status_code == 200
