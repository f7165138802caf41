"""What the user thinks of an answer."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from chat import feedback
from chat.api.answers import CONFLICT, MISSING, REFUSALS, done, json
from chat.api.doors import caller_of
from chat.api.schemas import FeedbackIn, FeedbackView
from chat.models import FeedbackReason, Rating

router = Router(tags=["runs"])


@router.put(
    "/runs/{run_id}/feedback", response={200: FeedbackView, **REFUSALS, **MISSING, **CONFLICT}
)
def give_feedback(request: HttpRequest, run_id: str, given: FeedbackIn) -> HttpResponse:
    """Say what you think of an answer that has ended, in place of what you said before."""
    kept = feedback.give_feedback(
        user=caller_of(request).user,
        run_id=run_id,
        rating=Rating(given.rating),
        reason=given.reason and FeedbackReason(given.reason),
        comment=given.comment,
    )
    return json({"rating": kept.rating, "reason": kept.reason or None})


@router.delete("/runs/{run_id}/feedback", response={204: None, **REFUSALS, **MISSING})
def take_back_feedback(request: HttpRequest, run_id: str) -> HttpResponse:
    """Take it back; once is as good as twice."""
    feedback.take_back_feedback(user=caller_of(request).user, run_id=run_id)
    return done()
