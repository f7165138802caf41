"""What a client of Netra can meet; each error says whose fault it is and whether to try again."""


class ClientError(Exception):
    """The base of all errors this client raises by itself."""


class Closed(ClientError):
    """The socket is closed; `code` says what to do (docs/protocol.md)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Refused(ClientError):
    """The server's final answer to a frame is no; the fields are those of its `error` frame."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


class OutboxFull(ClientError):
    """As many sends as may be kept wait for their answers already."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} frames wait for their answers already."


class OutboxUnreadable(ClientError):
    """The file of unanswered sends is damaged, or not one; nothing of it was changed."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"The file {self.path} is damaged, or no outbox; it was left as it is."


class Overtaken(ClientError):
    """An iteration was too slow: the events behind `after_seq` are no longer kept."""

    def __init__(self, thread_id: str, after_seq: int) -> None:
        super().__init__(thread_id, after_seq)
        self.thread_id = thread_id
        self.after_seq = after_seq

    def __str__(self) -> str:
        return f"The events of {self.thread_id} after {self.after_seq} are no longer kept."


class Unanswered(ClientError):
    """What answers at this address is no Netra."""

    def __init__(self, base_url: str) -> None:
        super().__init__(f"No Netra answers at {base_url}.")


class SignInFailed(ClientError):
    """The server did not accept the address and password."""
