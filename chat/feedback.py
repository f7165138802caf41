"""What a user thinks of an answer: given, changed, taken back."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chat import selectors
from chat.errors import NotEnded, RunNotFound
from chat.models import Feedback, FeedbackReason, Rating, Run
from chat.runs.lifecycle import TERMINAL, RunState


def give_feedback(
    *, user: User, run_id: str, rating: Rating, reason: FeedbackReason | None, comment: str
) -> Feedback:
    """Keep what the user thinks of an ended answer, in place of what they thought before.

    Raises RunNotFound, NotEnded.
    """
    run = _run(user, run_id)
    if RunState(run.state) not in TERMINAL:
        raise NotEnded
    with transaction.atomic():
        feedback, _is_new = Feedback.objects.update_or_create(
            run=run,
            defaults={
                "rating": rating,
                "reason": reason or "",
                "comment": comment,
                "updated_at": timezone.now(),
            },
        )
    return feedback


def take_back_feedback(*, user: User, run_id: str) -> None:
    """Forget it; once is as good as twice. Raises RunNotFound."""
    Feedback.objects.filter(run=_run(user, run_id)).delete()


def _run(user: User, run_id: str) -> Run:
    run = selectors.run_of(user=user.pk, run_id=run_id)
    if run is None:
        raise RunNotFound
    return run
