"""Frames that failed at every attempt: kept, done again by an operator, or put aside."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from chat import branches, services
from chat.errors import ChatError
from chat.models import DeadLetter, LetterState
from chat.protocol.frames import (
    Answered,
    AnyClientFrame,
    Edit,
    FrameRefused,
    Regenerate,
    Send,
    Stop,
    decode,
    encode_value,
)
from chat.services import Outgoing
from netra import env

logger = structlog.get_logger(__name__)

# A client that fails for ever must not fill the table, nor push out what others could not say.
WAITING_A_USER_MAX: Final = 1_000
WAITING_MAX: Final = 10_000
RESOLVED_LIFE: Final = timedelta(days=30)
PRUNED_AT_ONCE_MAX: Final = 1_000
# As long as the columns.
ERROR_CLASS_CHARS: Final = 100
ERROR_TEXT_CHARS: Final = 200

# Taken by whoever counts letters and adds one, so that no two count the same room.
_KEEP_LOCK: Final = "chat.dead_letters.keep"


# What a user wanted done; to a decision that they would take otherwise by now nobody comes back.
Replayable = Send | Edit | Regenerate | Stop


class DeadLettersFull(ChatError):
    """As many letters wait as are kept; the sender was told that the frame failed."""


class AlreadyResolved(ChatError):
    """Another operator was quicker."""


class Unfit(StrEnum):
    """Why a letter cannot be done again."""

    FRAME_TYPE = "frame_type"
    UNREADABLE = "unreadable"
    ACCOUNT_CLOSED = "account_closed"


class NotReplayable(ChatError):
    """Doing it again is not for an operator, now or ever."""

    def __init__(self, reason: Unfit) -> None:
        super().__init__(reason)
        self.reason = reason


class ReplayFailed(ChatError):
    """It failed again; the letter waits on, with the new error."""


def keep(
    *,
    user: User,
    connection_id: str,
    frame: AnyClientFrame,
    error: BaseException | None,
    attempts: int,
) -> DeadLetter:
    """Store a frame that failed `attempts` times; the same frame of a user is one letter.

    Raises DeadLettersFull.
    """
    text = encode_value(frame)
    named = _named(error)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_KEEP_LOCK])
        waiting = DeadLetter.objects.filter(state=LetterState.WAITING)
        letter = waiting.filter(user=user, frame=text).first()
        if letter is not None:
            return _failed_again(letter, attempts, **named, connection_id=connection_id)
        mine = waiting.filter(user=user).count()
        if mine >= WAITING_A_USER_MAX or waiting.count() >= WAITING_MAX:
            raise DeadLettersFull
        return DeadLetter.objects.create(
            user=user,
            connection_id=connection_id,
            client_id=frame.client_id if isinstance(frame, Answered) else None,
            frame_type=str(frame.__struct_config__.tag),
            frame=text,
            attempts=attempts,
            **named,
        )


def replay(*, letter: DeadLetter, actor: User) -> DeadLetter:
    """Do what the frame asked, once, as the user who sent it.

    Raises NotReplayable, AlreadyResolved, and ReplayFailed when it failed again.
    """
    frame = _replayable(letter)
    try:
        with transaction.atomic():
            # The row first: a second operator waits here, and finds it resolved.
            _resolve(letter, LetterState.REPLAYED, actor=actor)
            outcome = _do(letter.user, frame)
            DeadLetter.objects.filter(pk=letter.pk).update(outcome=outcome)
    except AlreadyResolved:
        raise
    except Exception as error:
        # The outermost loop of a replay: this frame is here because anything may fail on it.
        logger.exception("a dead letter failed again", dead_letter=letter.pk)
        _failed_again(letter, 1, **_named(error))
        raise ReplayFailed from error
    letter.refresh_from_db()
    return letter


def discard(*, letter: DeadLetter, actor: User, reason: str) -> DeadLetter:
    """Put a letter aside for good; raises AlreadyResolved, and ValueError without a reason."""
    if not reason.strip():
        raise ValueError("a letter is discarded for a reason")
    _resolve(letter, LetterState.DISCARDED, actor=actor, outcome=reason.strip())
    letter.refresh_from_db()
    return letter


def prune() -> int:
    """Delete what was resolved a month ago; gives how many letters, bounded."""
    old = DeadLetter.objects.filter(resolved_at__lt=timezone.now() - RESOLVED_LIFE)
    some = old.order_by("resolved_at").values("pk")[:PRUNED_AT_ONCE_MAX]
    deleted, _by_model = DeadLetter.objects.filter(pk__in=some).delete()
    return deleted


def _replayable(letter: DeadLetter) -> Replayable:
    try:
        frame = decode(letter.frame)
    except FrameRefused:
        # It was taken once; limits may have been cut since.
        raise NotReplayable(Unfit.UNREADABLE) from None
    if not isinstance(frame, Replayable):
        raise NotReplayable(Unfit.FRAME_TYPE)
    if not letter.user.may_sign_in:
        raise NotReplayable(Unfit.ACCOUNT_CLOSED)
    return frame


def _do(user: User, frame: Replayable) -> str:
    match frame:
        case Stop():
            run = services.stop_run(user=user, run_id=frame.run_id)
            return f"{run.public_id} was asked to stop."
        case Regenerate():
            shown = branches.answer_again(
                user=user, client_id=frame.client_id, run_id=frame.run_id, model=frame.model
            )
            return f"{shown.run.public_id} answers the question once more."
        case Edit():
            posted = branches.edit(
                user=user,
                client_id=frame.client_id,
                message_id=frame.message_id,
                text=frame.text,
                model=frame.model,
            )
            return f"{posted.message_id} in {posted.thread_id} has the new text."
        case Send():
            return _send(user, frame)


def _send(user: User, frame: Send) -> str:
    message = Outgoing(
        client_id=frame.client_id,
        text=frame.text,
        thread_id=frame.thread_id,
        files=frame.files,
        interrupt=frame.mode == "interrupt",
        model=frame.model,
    )
    posted = services.post_message(user=user, message=message)
    # The user's own retry may have been quicker: their client_id makes the two one message.
    stored = "Was stored before as" if posted.duplicate else "Stored as"
    return f"{stored} {posted.message_id} in {posted.thread_id}."


def _resolve(letter: DeadLetter, state: LetterState, *, actor: User, outcome: str = "") -> None:
    resolved = DeadLetter.objects.filter(pk=letter.pk, state=LetterState.WAITING).update(
        state=state, resolved_at=timezone.now(), resolved_by=actor, outcome=outcome
    )
    if not resolved:
        raise AlreadyResolved


def _failed_again(letter: DeadLetter, attempts: int, **changed: str) -> DeadLetter:
    DeadLetter.objects.filter(pk=letter.pk, state=LetterState.WAITING).update(
        attempts=F("attempts") + attempts, **changed
    )
    letter.refresh_from_db()
    return letter


def _named(error: BaseException | None) -> dict[str, str]:
    """What is kept of an error: its class, and its first line without secrets of ours."""
    if error is None:
        return {"error_class": "", "error_text": ""}
    # PostgreSQL puts what the row held, and where the code was, into the lines after the first.
    first = next(iter(env.masked(str(error)).replace("\0", "").splitlines()), "")
    return {
        "error_class": type(error).__qualname__[:ERROR_CLASS_CHARS],
        "error_text": first[:ERROR_TEXT_CHARS],
    }
