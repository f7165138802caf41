"""Close codes and error codes of `netra.v1`, each with what a client should do."""

from enum import IntEnum, StrEnum
from typing import Final


class CloseCode(IntEnum):
    """4000 to 4499: reconnect and resume; 4500 to 4999: final (DESIGN §4i)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    DRAIN = 1012
    COME_BACK_LATER = 1013
    SETUP_TIMEOUT = 4408
    SLOW_CONSUMER = 4410
    TOO_FAST = 4429
    PROTOCOL_ERROR = 4500
    NOT_SIGNED_IN = 4501
    FORBIDDEN = 4503
    TOO_MANY_CONNECTIONS = 4529
    SUSPENDED = 4530

    @property
    def private(self) -> int:
        """The same from 4000 to 4499, for servers that send no registered code but 1000."""
        is_registered = CloseCode.NORMAL < self < 3000
        return self + 3000 if is_registered else self.value

    @property
    def reconnect(self) -> bool:
        return self.value < 4500 and self is not CloseCode.NORMAL


class ErrorCode(StrEnum):
    FRAME_TOO_LARGE = "frame_too_large"
    INVALID_JSON = "invalid_json"
    INVALID_FRAME = "invalid_frame"
    UNKNOWN_TYPE = "unknown_type"
    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    TEXT_INVALID = "text_invalid"
    NOT_FOUND = "not_found"
    FILE_NOT_FOUND = "file_not_found"
    FILES_FULL = "files_full"
    MODEL_NOT_FOUND = "model_not_found"
    CLIENT_ID_REUSED = "client_id_reused"
    QUEUE_FULL = "queue_full"
    TOO_MANY = "too_many"
    LIMIT_REACHED = "limit_reached"
    VERIFY_EMAIL = "verify_email"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    ALREADY_DECIDED = "already_decided"
    NOT_ENDED = "not_ended"
    READ_ONLY = "read_only"


# Whether the very same frame, sent again later, may succeed.
RETRYABLE: Final[frozenset[ErrorCode]] = frozenset(
    {
        ErrorCode.QUEUE_FULL,
        ErrorCode.TOO_MANY,
        ErrorCode.LIMIT_REACHED,
        ErrorCode.VERIFY_EMAIL,
        ErrorCode.UNAVAILABLE,
        ErrorCode.FAILED,
    }
)
