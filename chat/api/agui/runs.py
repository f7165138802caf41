"""A run asked for by an AG-UI client: what it sends is taken, what happens is told its way."""

import hashlib
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router

from accounts.models import User
from chat import approvals, selectors, services
from chat.api import streams
from chat.api.agui.schemas import AguiAnswer, AguiMessage, AguiRun, AguiWishes
from chat.api.agui.story import Opening, RunStory
from chat.api.answers import CONFLICT, MISSING, REFUSALS
from chat.api.doors import caller_of
from chat.api.problems import Problem
from chat.api.streams import Position, ThreadStream
from chat.errors import RunNotFound, ThreadNotFound
from chat.models import Run, Thread, ToolCall, public_id
from chat.protocol.events import Decision
from chat.protocol.frames import TEXT_CHARS_MAX, encode_value
from chat.runs.lifecycle import CallState, RunState
from netra import traces
from netra.ids import MessageID, RunID, ThreadID

router = Router(tags=["AG-UI"])
NO_TOOLS: Final = "Netra calls its own tools only: those that were offered are not called."
_STREAMED: Final[dict[str, Any]] = {
    "responses": {
        200: {
            "description": "Events of AG-UI 1.0, to the end of the run or until it needs its user.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    }
}


@router.post("/agui/run", response={**REFUSALS, **MISSING, **CONFLICT}, openapi_extra=_STREAMED)
def run_agent(request: HttpRequest, asked: AguiRun) -> HttpResponseBase:
    """Run the assistant for a client of AG-UI (RunAgentInput in, its events out).

    Of the messages only the last one of the user is taken, once for its id; a repeat is told the
    same run from its beginning. `threadId` may be one of ours or any other name, which is then
    that of a thread of its own.
    """
    caller = caller_of(request)
    messages = [one.model_dump(exclude_unset=True) for one in asked.messages]
    # What cannot be sent back is refused before anything is stored.
    encode_value(messages)
    with traces.within(request.headers.get("traceparent", "")), traces.span("send"):
        run = (_resumed if asked.resume else _asked)(caller.user, asked)
    story = RunStory(_opening(asked, messages, run))
    thread = run.thread
    position = Position(
        thread=thread.pk, thread_id=thread.public_id, after_seq=run.question.seq - 1
    )
    stream = ThreadStream(caller, position, story, look=partial(_look, run, story))
    return streams.answer(stream, first=[story.opening()])


def _look(run: Run, story: RunStory) -> None:
    """Tell the story of a run that has begun to wait since it was asked for."""
    waiting = Run.objects.filter(pk=run.pk, state=RunState.WAITING)
    text = waiting.values_list("partial_text", flat=True).first()
    if text is not None:
        story.waits_with(text)


def _asked(user: User, asked: AguiRun) -> Run:
    """The run that answers the last message of the user, which may be stored already."""
    message = next((one for one in reversed(asked.messages) if one.role == "user"), None)
    if message is None:
        raise _invalid("messages", "None of them is the user's: there is nothing to answer.")
    if public_id(MessageID, message.id):
        return _run_answering(user, asked.thread_id, message.id)
    wishes = (asked.forwarded_props and asked.forwarded_props.netra) or AguiWishes(files=[])
    is_ours = public_id(ThreadID, asked.thread_id) is not None
    posted = services.post_message(
        user=user,
        message=services.Outgoing(
            client_id=_client_id(asked.thread_id, message.id),
            text=_text_of(message),
            thread_id=asked.thread_id if is_ours else None,
            external_id=None if is_ours else asked.thread_id,
            files=tuple(wishes.files),
            model=wishes.model,
        ),
    )
    return _run(user, posted.run_id)


def _run_answering(user: User, thread_name: str, message_id: str) -> Run:
    """The newest run for one of our own messages, which a client has read elsewhere."""
    runs = Run.objects.filter(
        thread=_thread(user, thread_name), question__public_id=message_id
    ).order_by("-pk")
    found = runs.values_list("public_id", flat=True).first()
    if found is None:
        raise RunNotFound
    return _run(user, found)


def _resumed(user: User, asked: AguiRun) -> Run:
    """The run whose calls the user decides about; the first answer to each counts."""
    answers = [(*_call_of(one), *_decision_of(one)) for one in asked.resume or ()]
    runs = {run_id for run_id, *_ in answers}
    if len(runs) != 1:
        raise _invalid("resume", "All answers must be to interrupts of one run.")
    run_id = runs.pop()
    run = _run(user, run_id)
    if run.thread_id != _thread(user, asked.thread_id):
        raise RunNotFound
    for _run_id, call_id, decision, args in answers:
        approvals.decide(user=user, run_id=run_id, call_id=call_id, decision=decision, args=args)
    return _run(user, run_id)


def _call_of(answer: AguiAnswer) -> tuple[str, str]:
    run_id, _, call_id = answer.interrupt_id.partition(":")
    if public_id(RunID, run_id) is None or "\0" in call_id:
        raise RunNotFound
    return run_id, call_id


def _decision_of(answer: AguiAnswer) -> tuple[Decision, dict[str, Any] | None]:
    if answer.status == "cancelled":
        return "deny", None
    payload = answer.payload if isinstance(answer.payload, Mapping) else {}
    approved, args = payload.get("approved"), payload.get("editedArgs")
    if not isinstance(approved, bool) or not isinstance(args, dict | None):
        raise _invalid("resume", "A payload has the form that the interrupt's responseSchema says.")
    return ("approve", args) if approved else ("deny", None)


def _opening(asked: AguiRun, messages: list[dict[str, Any]], run: Run) -> Opening:
    calls = ToolCall.objects.filter(run=run).exclude(status=CallState.WAITING)
    pairs = zip(asked.messages, messages, strict=True)
    history = [one for message, one in pairs if not _is_retold(message, run)]
    return Opening(
        thread_name=asked.thread_id,
        run_name=asked.run_id,
        thread_id=run.thread.public_id,
        run_id=run.public_id,
        history=history,
        is_retold=len(history) < len(messages),
        decided=frozenset(calls.values_list("call_id", flat=True)),
        unused=(NO_TOOLS,) if asked.tools else (),
    )


def _is_retold(message: AguiMessage, run: Run) -> bool:
    """Is it of this run, which tells it again? A thought is told once."""
    return message.role != "reasoning" and message.id.startswith(f"{run.public_id}:")


def _run(user: User, run_id: str) -> Run:
    run = selectors.run_of(user=user.pk, run_id=run_id)
    if run is None:
        raise RunNotFound
    return run


def _thread(user: User, name: str) -> int:
    if public_id(ThreadID, name):
        found = selectors.thread_key(user=user.pk, thread_id=name)
    else:
        named = Thread.objects.filter(user=user, external_id=name, purge_at=None)
        found = named.values_list("pk", flat=True).first()
    if found is None:
        raise ThreadNotFound
    return found


def _client_id(thread_name: str, message_id: str) -> str:
    """Theirs is known within a thread, ours for ever."""
    return "agui:" + hashlib.sha256(f"{thread_name}\n{message_id}".encode()).hexdigest()[:48]


def _text_of(message: AguiMessage) -> str:
    content = message.content
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    if any(part.get("type") != "text" for part in parts):
        raise _invalid("messages", "Upload files at /api/files, and name them in forwardedProps.")
    texts = [part.get("text") for part in parts]
    text = "\n".join(one for one in texts if isinstance(one, str))
    if not 1 <= len(text) <= TEXT_CHARS_MAX or "\0" in text:
        raise _invalid("messages", f"A message has 1 to {TEXT_CHARS_MAX:,} characters, no U+0000.")
    return text


def _invalid(at: str, problem: str) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        problem,
        errors=[{"at": ["body", at], "problem": problem}],
    )
