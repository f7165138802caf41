"""What an agent is given: the thread's earlier turns, the question, its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from django.utils import timezone
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    UserPromptPart,
)

from accounts.models import User
from billing.selectors import entitlements_of, usage_of
from chat.agents.tools.registry import AccountFacts, Attachment
from chat.database import in_database
from chat.models import File, Message, Role, Run
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import TERMINAL

# Earlier turns that a model is shown; beyond that, context windows fill with little use.
TURNS_SHOWN_MAX: Final = 20
ATTACHMENTS_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Where the agent begins; `own` counts the messages of `history` made by this very run."""

    prompt: str | None
    history: list[ModelMessage]
    own: int
    now: datetime
    attachments: Sequence[Attachment]
    texts: Sequence[str]


def opening_of(attempt: Attempt) -> Opening:
    """The prompt and history of this attempt; a resumed one goes on after its last full step."""
    question = _question_of(Run.objects.select_related("question").get(pk=attempt.run))
    earlier = _earlier_turns(attempt, question)
    own = list(ModelMessagesTypeAdapter.validate_json(attempt.history)) if attempt.history else []
    asked = Message.objects.filter(
        thread_id=attempt.thread, role=Role.USER, seq__lte=question.seq
    ).order_by("-seq")[:TURNS_SHOWN_MAX]
    files = File.objects.filter(message__thread_id=attempt.thread).order_by("-pk")
    return Opening(
        prompt=None if own else _prompt(question),
        history=[*earlier, *own],
        own=len(own),
        now=timezone.now(),
        attachments=[_attachment(file) for file in files[:ATTACHMENTS_SHOWN_MAX]],
        texts=[message.text for message in asked],
    )


def account_facts(user: int) -> AccountFacts:
    """Plan and usage of the user, as a tool may tell them."""
    owner = User.objects.get(pk=user)
    entitlements = entitlements_of(owner)
    usage = {row.feature: row for row in usage_of(owner)}
    runs = usage.get("runs_month")
    return AccountFacts(
        tier=entitlements.tier.value,
        why=entitlements.why,
        limits=dict(entitlements.limits),
        used={name: row.used for name, row in usage.items()},
        trial_ends_at=entitlements.trial.ends_at if entitlements.trial else None,
        resets_at=runs.resets_at if runs else None,
    )


def _question_of(run: Run) -> Message:
    return run.question or run.messages.get(role=Role.USER)


def _earlier_turns(attempt: Attempt, question: Message) -> list[ModelMessage]:
    """What was said before the question: of several answers to one, the newest counts."""
    runs = (
        Run.objects.filter(
            thread_id=attempt.thread, pk__lt=attempt.run, state__in=sorted(TERMINAL), attempt__gt=0
        )
        .select_related("question")
        .order_by("-pk")[:TURNS_SHOWN_MAX]
    )
    newest: dict[int, Run] = {}
    for run in runs:
        newest.setdefault(_question_of(run).pk, run)
    newest.pop(question.pk, None)
    turns: list[ModelMessage] = []
    for run in reversed(newest.values()):
        turns += _turn(run)
    return turns


def _turn(run: Run) -> list[ModelMessage]:
    if run.state == "completed" and run.history:
        return list(ModelMessagesTypeAdapter.validate_json(run.history))
    # A turn that was cut off may hold half a tool call, which providers refuse.
    question = _question_of(run)
    answer = run.partial_text or "(no answer)"
    return [
        ModelRequest(parts=[UserPromptPart(content=_prompt(question))]),
        ModelResponse(parts=[TextPart(content=answer)]),
    ]


def _prompt(question: Message) -> str:
    names = [f"[attached file: {file.name}, {file.bytes} bytes]" for file in question.files.all()]
    return "\n".join([question.text, *names])


def _attachment(file: File) -> Attachment:
    return Attachment(
        file_id=file.public_id,
        name=file.name,
        bytes=file.bytes,
        read=partial(in_database, _read, file),
    )


def _read(file: File) -> bytes:
    with file.content.open("rb") as content:
        data: bytes = content.read()
    return data
