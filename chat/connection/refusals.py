"""Why a frame or a request was not done, in words for its sender."""

from math import ceil
from typing import Final

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from procrastinate.exceptions import ProcrastinateException
from psycopg_pool import PoolTimeout

from billing.errors import LimitReached
from chat.errors import (
    AddressUnverified,
    AlreadyDecided,
    ChatError,
    ClientIDReused,
    FileNotFound,
    FolderNotFound,
    MessageNotFound,
    ModelNotFound,
    NotEnded,
    PromptNotFound,
    QueueFull,
    ReadOnly,
    RunNotFound,
    ShareNotFound,
    ThreadFilesFull,
    ThreadNotFound,
    TokenOnlyReads,
)
from chat.protocol.codes import ErrorCode
from chat.protocol.frames import FrameRefused
from netra.tally import TALLY

FAILED: Final = "This could not be done. It was kept, and we will look at it."
UNAVAILABLE: Final = "This is not possible right now. Try again in a moment."
RETRY_AFTER_S: Final = 2.0
_LIMITS_IN_WORDS: Final = {
    "runs_month": ("run of this month", "runs of this month"),
    "messages_minute": ("message of this minute", "messages of this minute"),
}
# A limit that opens again within this time is worth waiting for.
PATIENCE_S: Final = 120.0
# Away or overloaded, not broken: the same frame may do well in a moment.
OUTAGES: Final = (
    OperationalError, InterfaceError, PoolTimeout, ProcrastinateException, TimeoutError,
)  # fmt: skip
REFUSALS: Final[dict[type[ChatError], tuple[ErrorCode, str]]] = {
    # What belongs to somebody else is answered exactly like what is not there.
    ThreadNotFound: (ErrorCode.NOT_FOUND, "There is no such thread."),
    RunNotFound: (ErrorCode.NOT_FOUND, "There is no such run."),
    MessageNotFound: (ErrorCode.NOT_FOUND, "There is no such message."),
    FolderNotFound: (ErrorCode.NOT_FOUND, "There is no such folder."),
    PromptNotFound: (ErrorCode.NOT_FOUND, "There is no such prompt."),
    ShareNotFound: (ErrorCode.NOT_FOUND, "This thread is not shared."),
    FileNotFound: (
        ErrorCode.FILE_NOT_FOUND,
        "An attached file is missing, or was sent before. Attach it again.",
    ),
    ThreadFilesFull: (
        ErrorCode.FILES_FULL,
        "The files of this thread are more than your plan allows. Begin a new thread with them.",
    ),
    ModelNotFound: (
        ErrorCode.MODEL_NOT_FOUND,
        "There is no such model, or your plan does not have it. Choose another one.",
    ),
    ClientIDReused: (
        ErrorCode.CLIENT_ID_REUSED, "This client_id was used before for another message.",
    ),
    QueueFull: (
        ErrorCode.QUEUE_FULL, "Too many messages wait in this thread. Let some be answered first.",
    ),
    NotEnded: (
        ErrorCode.NOT_ENDED, "This answer is still being given. Stop it first, or wait.",
    ),
    AlreadyDecided: (
        ErrorCode.ALREADY_DECIDED, "This was decided before, or can be decided no more.",
    ),
    ReadOnly: (
        ErrorCode.READ_ONLY, "You are looking at somebody's account: nothing can be changed in it.",
    ),
    TokenOnlyReads: (
        ErrorCode.READ_ONLY, "This token may only read. Use one that may write, too.",
    ),
    AddressUnverified: (
        ErrorCode.VERIFY_EMAIL, "Verify your e-mail address first, then send this again.",
    ),
}  # fmt: skip


def unavailable() -> FrameRefused:
    return FrameRefused(ErrorCode.UNAVAILABLE, UNAVAILABLE, retry_after_s=RETRY_AFTER_S)


def limit_refusal(limit: LimitReached) -> FrameRefused:
    TALLY.limits.add(limit.feature)
    plain = limit.feature.replace("_", " ")
    one, many = _LIMITS_IN_WORDS.get(limit.feature, (plain, plain))
    used = f"the one {one}" if limit.limit == 1 else f"all {limit.limit:,} {many}"
    words = [f"You have used {used}."]
    if limit.resets_at is not None:
        words.append(f"More from {limit.resets_at:%-d %B, %H:%M} UTC.")
    if limit.required_tier is not None:
        words.append(f"The {limit.required_tier.value} plan has more.")
    wait_s = _worth_waiting_for(limit)
    return FrameRefused(ErrorCode.LIMIT_REACHED, " ".join(words), retry_after_s=wait_s)


def _worth_waiting_for(limit: LimitReached) -> float | None:
    """Seconds until a minute's limit opens again, never fewer; None for one that takes days."""
    if limit.resets_at is None:
        return None
    wait_s = (limit.resets_at - timezone.now()).total_seconds()
    return max(1, ceil(wait_s * 10)) / 10 if wait_s <= PATIENCE_S else None
