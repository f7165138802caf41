"""Runs: how they stand, stopping them, deciding about their tool calls."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from chat import approvals, selectors, services, snapshots
from chat.api.answers import CONFLICT, MISSING, REFUSALS, json
from chat.api.doors import caller_of
from chat.api.schemas import DecisionIn, RunView
from chat.errors import RunNotFound
from chat.models import Message

router = Router(tags=["runs"])
CallID = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[!-~]+$")]


@router.get("/runs/{run_id}", response={200: RunView, **REFUSALS, **MISSING})
def read_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """How a run stands, and its answer as far as it has come."""
    return _told(request, run_id)


@router.post("/runs/{run_id}/stop", response={200: RunView, **REFUSALS, **MISSING})
def stop_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Ask a run to stop; what it has written stays. Once is as good as twice."""
    services.stop_run(user=caller_of(request).user, run_id=run_id)
    return _told(request, run_id)


@router.post(
    "/runs/{run_id}/calls/{call_id}/decision",
    response={200: RunView, **REFUSALS, **MISSING, **CONFLICT},
)
def decide(request: HttpRequest, run_id: str, call_id: CallID, decided: DecisionIn) -> HttpResponse:
    """Approve or deny a tool call that waits for you."""
    approvals.decide(
        user=caller_of(request).user,
        run_id=run_id,
        call_id=call_id,
        decision=decided.decision,
        args=decided.args,
    )
    return _told(request, run_id)


def _told(request: HttpRequest, run_id: str) -> HttpResponse:
    run = selectors.run_of(user=caller_of(request).user.pk, run_id=run_id)
    if run is None:
        raise RunNotFound
    written = Message.objects.filter(run=run).values_list("text", flat=True).first()
    return json(
        {
            "run_id": run.public_id,
            "thread_id": run.thread.public_id,
            "question_id": run.question.public_id,
            "status": run.state,
            "attempt": run.attempt,
            "text": run.partial_text if written is None else written,
            "model": run.model,
            "usage": run.usage,
            "error": run.error,
            "tool_calls": snapshots.calls_of(run),
        }
    )
