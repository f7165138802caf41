"""What an agent is given: the thread's earlier turns, the question, its files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from django.db.models import Q
from django.utils import timezone
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    UserContent,
    UserPromptPart,
)

from chat import paths
from chat.agents.mcp.offering import Connected, connected_tools
from chat.agents.pictures import mention
from chat.agents.tools.registry import Attachment
from chat.agents.window import (
    MESSAGES_A_TURN,
    Shown,
    fitted,
    halved,
    tokens_of,
)
from chat.database import in_database
from chat.files.kinds import FileKind, MediaType
from chat.models import File, Message, Run
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import TERMINAL

# Earlier turns that a model is shown; beyond that, context windows fill with little use.
TURNS_SHOWN_MAX: Final = 20
ATTACHMENTS_SHOWN_MAX: Final = 20
Prompt = str | Sequence[UserContent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Where the agent begins: what was said before, and what this very run has made of it."""

    prompt: Prompt | None
    earlier: Shown
    own: Sequence[ModelMessage]
    now: datetime
    attachments: Sequence[Attachment]
    texts: Sequence[str]
    connected: Connected

    @property
    def history(self) -> list[ModelMessage]:
        return [*self.earlier.messages, *self.own]

    def fitted(self, tokens_max: int | None) -> "Opening":
        """With as much of what was said before as a model of this size has room for."""
        asked = [] if self.prompt is None else [_asked(self.prompt)]
        beside = tokens_of(self.own) + tokens_of(asked)
        earlier = fitted(self.earlier, tokens_max=tokens_max, beside_tokens=beside)
        return replace(self, earlier=earlier)

    def halved(self) -> "Opening":
        """With the newer half of it only."""
        return replace(self, earlier=halved(self.earlier))


def opening_of(attempt: Attempt) -> Opening:
    """The prompt and history of this attempt; a resumed one goes on after its last full step."""
    question = Run.objects.select_related("question").get(pk=attempt.run).question
    turns = paths.path_to(attempt.run)
    earlier = _earlier_turns(turns[1:])
    own = list(ModelMessagesTypeAdapter.validate_json(attempt.history)) if attempt.history else []
    asked = [turn.question for turn in turns]
    texts = dict(Message.objects.filter(pk__in=asked[:TURNS_SHOWN_MAX]).values_list("pk", "text"))
    # A version of a question has the files of the first.
    with_files = Q(message__in=asked) | Q(message__versions__in=asked)
    files = File.objects.filter(with_files).distinct().order_by("-pk")
    return Opening(
        prompt=None if own else _prompt(question),
        earlier=earlier,
        own=own,
        now=timezone.now(),
        attachments=[_attachment(file) for file in files[:ATTACHMENTS_SHOWN_MAX]],
        texts=[texts[question] for question in asked[:TURNS_SHOWN_MAX]],
        connected=connected_tools(attempt.user, resumes=bool(own)),
    )


def _earlier_turns(turns: Sequence[paths.Turn]) -> Shown:
    """What was said on this branch before the question; the newest first in `turns`."""
    shown = [turn.run for turn in turns[:TURNS_SHOWN_MAX]]
    begun = Run.objects.filter(pk__in=shown, state__in=sorted(TERMINAL), attempt__gt=0)
    runs = {run.pk: run for run in begun.select_related("question__version_of")}
    earlier: list[ModelMessage] = []
    for run in reversed(shown):
        if run in runs:
            earlier += _turn(runs[run])
    left_out = max(0, len(turns) - TURNS_SHOWN_MAX) * MESSAGES_A_TURN
    return Shown(messages=earlier, left_out=left_out)


def _turn(run: Run) -> list[ModelMessage]:
    if run.state == "completed" and run.history:
        return list(ModelMessagesTypeAdapter.validate_json(run.history))
    # A turn that was cut off may hold half a tool call, which providers refuse.
    answer = run.partial_text or "(no answer)"
    return [
        _asked(_prompt(run.question)),
        ModelResponse(parts=[TextPart(content=answer)]),
    ]


def _asked(prompt: Prompt) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(content=prompt)])


def _prompt(question: Message) -> Prompt:
    """What was asked, with its files; of an image a mention, which models that see are shown."""
    files = list((question.version_of or question).files.all())
    text = "\n".join([question.text, *map(_note, files)])
    images = [file for file in files if file.kind is FileKind.IMAGE]
    mentions = [mention(file.public_id, file.media_type) for file in images]
    return [text, *mentions] if mentions else text


def _note(file: File) -> str:
    if file.kind is FileKind.IMAGE:
        return f"[attached image: {file.name}, {file.width} x {file.height} pixels]"
    return f"[attached file: {file.name}, {file.bytes} bytes]"


def _attachment(file: File) -> Attachment:
    return Attachment(
        file_id=file.public_id,
        name=file.name,
        bytes=file.bytes,
        media_type=MediaType(file.media_type),
        width=file.width,
        height=file.height,
        read=partial(in_database, _read, file),
    )


def _read(file: File) -> bytes:
    with file.content.open("rb") as content:
        data: bytes = content.read()
    return data
