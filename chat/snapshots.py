"""A thread as it stands at one seq, on the branch that is shown: what a snapshot is made of."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.db import transaction
from django.db.models import Q
from msgspec import Struct

from chat import paths, selectors
from chat.errors import RunNotFound
from chat.models import Event, Feedback, Message, Role, Run, Thread, ToolCall
from chat.paths import Turn
from chat.protocol.events import AgentThinking, ApprovalResolved, Fault, timestamp
from chat.protocol.snapshots import (
    ActiveRun,
    FeedbackView,
    MessageView,
    QueuedRun,
    Snapshot,
    ToolCallView,
)
from chat.runs.lifecycle import ACTIVE, UNFINISHED, CallState, RunState
from chat.usage import thread_usage
from netra import replica

MESSAGES_MAX: Final = 100
# Clients with a common frame limit of 1 MiB must be able to take a snapshot.
CHARS_MAX: Final = 600_000


def snapshot(*, thread: int) -> Snapshot:
    """The shown branch's messages, the active run and what waits, of whatever branch."""
    with _one_view():
        row = Thread.objects.select_related("tip").get(pk=thread)
        turns = paths.path_to(row.tip_id, limit=MESSAGES_MAX + 1) if row.tip_id else []
        messages = _messages_of(turns)
        kept = _within_budget(messages)
        waiting = Run.objects.filter(thread_id=thread, state__in=sorted(UNFINISHED))
        unfinished = list(waiting.select_related("question").order_by("-precedence", "pk"))
        answered = {message.run for message in kept if message.run is not None}
        work = _work_of(thread, {*answered, *unfinished})
        versions = _Versions(turns, kept)
        active = next((run for run in unfinished if run.state in ACTIVE), None)
        return Snapshot(
            thread_id=row.public_id,
            seq=row.head,
            messages=[_message_view(message, work, versions) for message in reversed(kept)],
            more=len(messages) > len(kept),
            tip=row.tip.public_id if row.tip else None,
            model=row.model_choice or None,
            usage=thread_usage(thread),
            active_run=_active_run(active, work) if active else None,
            queued_runs=_queued_runs(unfinished),
        )


class Page(Struct, frozen=True, kw_only=True):
    """Some turns of a branch, oldest first; `first_run` is that of the oldest when more follow."""

    messages: list[MessageView]
    first_run: str | None


def page(*, thread: int, before: str | None, limit: int) -> Page:
    """The newest `limit` turns of the shown branch, or those before the turn of that run.

    Raises RunNotFound where the branch has no such run.
    """
    with _one_view():
        row = Thread.objects.get(pk=thread)
        turns = paths.path_to(row.tip_id) if row.tip_id else []
        shown = turns[_turns_from(turns, thread, before) :][: limit + 1]
        messages = _messages_of(shown[:limit])
        work = _work_of(thread, {message.run for message in messages if message.run is not None})
        versions = _Versions(shown[:limit], messages)
        more = len(shown) > limit
        return Page(
            messages=[_message_view(message, work, versions) for message in reversed(messages)],
            first_run=Run.objects.get(pk=shown[limit - 1].run).public_id if more else None,
        )


def calls_of(run: Run) -> tuple[ToolCallView, ...]:
    """The tool calls of one run, in order."""
    return _work_of(run.thread_id, [run])[run.public_id].calls


def _turns_from(turns: Sequence[Turn], thread: int, before: str | None) -> int:
    if before is None:
        return 0
    key = Run.objects.filter(thread=thread, public_id=before).values_list("pk", flat=True).first()
    place = next((n for n, turn in enumerate(turns) if turn.run == key), None)
    if place is None:
        raise RunNotFound
    return place + 1


@contextmanager
def _one_view() -> Iterator[None]:
    """Everything inside reads the database as of one moment."""
    with transaction.atomic(using=replica.alias()):
        with replica.connection().cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _messages_of(turns: Sequence[Turn]) -> list[Message]:
    """The messages of a branch in its own order, the newest first."""
    questions = [turn.question for turn in turns]
    runs = [turn.run for turn in turns]
    found = (
        Message.objects.filter(Q(pk__in=questions) | Q(run__in=runs))
        .select_related("run__question", "run__feedback", "after")
        .prefetch_related("files", "version_of__files")
    )
    asked, answers = {}, {}
    for message in found:
        if message.role == Role.USER:
            asked[message.pk] = message
        else:
            answers[message.run_id] = message
    in_order = ((answers.get(turn.run), asked[turn.question]) for turn in turns)
    return [message for turn in in_order for message in turn if message is not None]


def _within_budget(newest_first: list[Message]) -> list[Message]:
    kept: list[Message] = []
    chars = 0
    for message in newest_first[:MESSAGES_MAX]:
        chars += len(message.text)
        if kept and chars > CHARS_MAX:
            break
        kept.append(message)
    return kept


class _Versions:
    """Which run answers each question of a branch, and what else was said in the same place."""

    def __init__(self, turns: Sequence[Turn], messages: Sequence[Message]) -> None:
        asked = [message for message in messages if message.role == Role.USER]
        questions = {turn.question for turn in turns}
        self.answers: dict[int, list[str]] = defaultdict(list)
        self.run_ids: dict[int, str] = {}
        chosen = {turn.run for turn in turns}
        runs = Run.objects.filter(question__in=questions).order_by("pk")
        for run, question, run_id in runs.values_list("pk", "question_id", "public_id"):
            self.answers[question].append(run_id)
            if run in chosen:
                self.run_ids[question] = run_id
        self.questions = _questions_by_place(asked)

    def of_question(self, message: Message) -> Mapping[str, Any]:
        return {
            "after_run_id": message.after.public_id if message.after else None,
            "run_id": self.run_ids.get(message.pk),
            "versions": _several(self.questions[message.after_id]),
            "answers": _several(self.answers[message.pk]),
        }

    def of_answer(self, run: Run) -> Mapping[str, Any]:
        return {
            "question_id": run.question.public_id,
            "versions": _several(self.answers[run.question_id]),
        }


def _questions_by_place(asked: Sequence[Message]) -> dict[int | None, list[str]]:
    """All questions at the places of these, which are of one thread, by the run they follow."""
    found: dict[int | None, list[str]] = defaultdict(list)
    same = Q(after__in={message.after_id for message in asked if message.after_id})
    if any(message.after_id is None for message in asked):
        same |= Q(thread=asked[0].thread_id, role=Role.USER, after=None)
    for after, message_id in (
        Message.objects.filter(same).order_by("pk").values_list("after", "public_id")
    ):
        found[after].append(message_id)
    return found


def _several(ids: list[str]) -> tuple[str, ...] | msgspec.UnsetType:
    return tuple(ids) if len(ids) > 1 else msgspec.UNSET


class _Work(Struct, kw_only=True):
    """What a run did besides its text."""

    thoughts: list[str] = []
    thought_at: datetime | None = None
    calls: tuple[ToolCallView, ...] = ()


def _work_of(thread: int, runs: Iterable[Run]) -> dict[str, _Work]:
    """Thoughts and tool calls of these runs of one thread, by the run's public id."""
    work = {run.public_id: _Work() for run in runs}
    decisions: dict[tuple[str, str], dict[str, Any]] = {}
    told = Event.objects.filter(
        thread_id=thread, run_id__in=work, type__in=(AgentThinking.type, ApprovalResolved.type)
    ).order_by("seq")
    for run_id, kind, at, encoded in told.values_list("run_id", "type", "ts", "data"):
        data = msgspec.json.decode(encoded)
        if kind == AgentThinking.type:
            work[run_id or ""].thoughts.append(data["text"])
            work[run_id or ""].thought_at = at
        else:
            decisions[run_id or "", data["call_id"]] = data
    calls = ToolCall.objects.filter(run__public_id__in=work).select_related("run").order_by("pk")
    for call in calls:
        mine = work[call.run.public_id]
        decided = decisions.get((call.run.public_id, call.call_id))
        mine.calls = (*mine.calls, _call_view(call, decided))
    return work


def _call_view(call: ToolCall, decided: dict[str, Any] | None) -> ToolCallView:
    return ToolCallView(
        call_id=call.call_id,
        tool_name=call.tool_name,
        args=msgspec.Raw(call.args.encode()),
        status=call.status,
        elapsed_ms=call.elapsed_ms,
        result=msgspec.Raw(call.result.encode()) if call.result else msgspec.UNSET,
        error=call.error if call.error else msgspec.UNSET,
        expires_at=timestamp(call.expires_at)
        if call.expires_at and call.status == CallState.WAITING
        else msgspec.UNSET,
        decision=decided["decision"] if decided else msgspec.UNSET,
        edited="args" in decided if decided else msgspec.UNSET,
    )


def _message_view(message: Message, work: dict[str, _Work], versions: _Versions) -> MessageView:
    files = tuple(selectors.file_ref(file) for file in (message.version_of or message).files.all())
    run = message.run
    view = MessageView(
        message_id=message.public_id,
        role="user",
        text=message.text,
        run_id=None,
        status="stored",
        seq=message.seq,
        ts=timestamp(message.created_at),
        files=files,
    )
    if run is None:
        return msgspec.structs.replace(view, **versions.of_question(message))
    done = work[run.public_id]
    return msgspec.structs.replace(
        view,
        role="assistant",
        run_id=run.public_id,
        status=run.state,
        thinking="\n".join(done.thoughts),
        thought_ms=_thought_ms(run, done),
        tool_calls=done.calls,
        usage=run.usage,
        model=run.model,
        error=msgspec.convert(run.error, Fault) if run.error else msgspec.UNSET,
        feedback=_feedback_view(run),
        **versions.of_answer(run),
    )


def _feedback_view(run: Run) -> FeedbackView | None:
    given: Feedback | None = getattr(run, "feedback", None)
    if given is None:
        return None
    return FeedbackView(rating=given.rating, reason=given.reason or None)


def _active_run(run: Run, work: dict[str, _Work]) -> ActiveRun:
    done = work[run.public_id]
    return ActiveRun(
        run_id=run.public_id,
        question_id=run.question.public_id,
        agent_name=run.agent_name,
        status=run.state,
        attempt=run.attempt,
        started_at=timestamp(run.started_at) if run.started_at else None,
        thinking="\n".join(done.thoughts),
        thought_ms=_thought_ms(run, done),
        tool_calls=done.calls,
    )


def _thought_ms(run: Run, done: _Work) -> int | msgspec.UnsetType:
    if run.started_at is None or done.thought_at is None:
        return msgspec.UNSET
    return max(0, (done.thought_at - run.started_at) // timedelta(milliseconds=1))


def _queued_runs(unfinished: Sequence[Run]) -> list[QueuedRun]:
    waiting = [run for run in unfinished if run.state == RunState.QUEUED]
    return [
        QueuedRun(
            run_id=run.public_id,
            message_id=run.question.public_id,
            position=position,
        )
        for position, run in enumerate(waiting, start=1)
    ]
