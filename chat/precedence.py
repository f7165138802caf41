"""Which of the messages that wait in a thread goes first."""

from typing import Final

from django.db import transaction
from django.db.models import Max, Q
from msgspec import Struct

from accounts.models import User
from chat import paths, questions, services, turns
from chat.errors import QueueFull, RunNotFound
from chat.models import Message, Run, Thread, public_id
from chat.runs.lifecycle import ACTIVE, UNFINISHED, RunState
from netra.ids import RunID

# What its column holds; a line that never empties may be put in another order so often.
PRECEDENCE_MAX: Final = 32_767


class Advanced(Struct, frozen=True, kw_only=True):
    """The run that goes first, and whether nothing was left to do."""

    run: Run
    duplicate: bool


def advance(*, user: User, run_id: str) -> Advanced:
    """Let a message that waits go before all others, and stop what works in its thread.

    Nothing is left to do for one that is at work, or has ended. What has its job already goes
    before it still. Raises RunNotFound, QueueFull.
    """
    known = public_id(RunID, run_id)
    mine = Run.objects.filter(public_id=known, user=user, thread__purge_at=None)
    run = mine.select_related("thread", "user", "question").first() if known else None
    if run is None:
        raise RunNotFound
    with transaction.atomic():
        unfinished = Run.objects.filter(thread=run.thread_id, state__in=sorted(UNFINISHED))
        # All rows, in one order and before the thread's: until this is over none of them is
        # claimed or ends. Who ends a run meanwhile begins none of those that are held here.
        held = {one.pk: one for one in unfinished.select_for_update(no_key=True).order_by("pk")}
        now = held.pop(run.pk, None)
        if now is None or now.state != RunState.QUEUED or now.job_id is not None:
            return Advanced(run=run, duplicate=True)
        run.precedence = now.precedence
        works = [one for one in held.values() if one.state in ACTIVE]
        services.stop_each(Run.objects.filter(pk__in=[one.pk for one in works]))
        thread = questions.locked(run.thread_id)
        is_moved = _put_first(thread, run)
        # Asked only now: what came while the rows were waited for is not among them.
        busy = Q(state__in=sorted(ACTIVE)) | turns.begun()
        is_begun = not unfinished.filter(busy).exists() and turns.begin(run)
        is_stopped = any(one.cancel_requested_at is None for one in works)
        return Advanced(run=run, duplicate=not (is_moved or is_begun or is_stopped))


def _put_first(thread: Thread, run: Run) -> bool:
    """Put a run before all that wait in its thread; False when it is there."""
    waiting = Run.objects.filter(thread=thread, state=RunState.QUEUED, job_id=None)
    ahead = waiting.filter(turns.ahead_of(run.pk, run.precedence))
    if not ahead.exists():
        return False
    highest = ahead.aggregate(highest=Max("precedence"))["highest"]
    if highest >= PRECEDENCE_MAX:
        raise QueueFull
    Run.objects.filter(pk=run.pk).update(precedence=highest + 1)
    # A question that was answered before stays where it was: its branch is not to be rewritten.
    if run.question.answers.count() == 1:
        _overtake(thread, run)
    return True


def _overtake(thread: Thread, run: Run) -> None:
    """Let a question take the place of the first that waits before it on its branch."""
    _own, *above = paths.path_to(run.pk, limit=paths.WAITING_TURNS_MAX)
    first = services.first_waiting(above)
    # With the thread's row held: another one may have been put first meanwhile.
    question = Message.objects.select_related("after").get(pk=run.question_id)
    before = question.after
    if first is None or before is None:
        return
    place, followers = first.after, list(Message.objects.filter(after=run))
    services.move(thread, first, after=run)
    services.move(thread, question, after=place)
    for follower in followers:
        services.move(thread, follower, after=before)
    if thread.tip_id == run.pk:
        questions.show(thread, before)
