"""A clock that moves only when told."""


class Clock:
    """Seconds, for whatever takes a `clock=`; `error` makes the next reading fail."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.error: Exception | None = None

    def __call__(self) -> float:
        if self.error is not None:
            raise self.error
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
