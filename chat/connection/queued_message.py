"""One message on its way through a queue, and what its sender is answered (SPEC §2)."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, Generic, TypeVar

P = TypeVar("P")


class MessagePriority(IntEnum):
    """What is delivered first."""

    LOW = 0  # typing and presence
    NORMAL = 1  # general
    HIGH = 2  # user messages and sequenced thread events, one lane so that their order holds
    CRITICAL = 3  # errors and control: never evicted, never expired


@dataclass(slots=True, eq=False)
class QueuedMessage(Generic[P]):
    """A payload on its way; times are the clock's, `attempts` counts the one being made."""

    payload: P
    priority: MessagePriority
    message_id: str
    enqueued_at: float
    attempts: int = 0
    first_attempt_at: float | None = None
    error: BaseException | None = field(default=None, repr=False)


class RefusalReason(StrEnum):
    """Why a message was not accepted."""

    OVERFLOW = "overflow"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Enqueued:
    """Truthy when the message is kept or delivered."""

    reason: RefusalReason | None = None

    def __bool__(self) -> bool:
        return self.reason is None


KEPT: Final = Enqueued()
REFUSED_OVERFLOW: Final = Enqueued(RefusalReason.OVERFLOW)
REFUSED_CLOSED: Final = Enqueued(RefusalReason.CLOSED)
