"""The event streams that this process has open; whoever ends it ends them."""

from typing import Final, Protocol


class OpenStream(Protocol):
    """A stream, as far as its process decides about it."""

    @property
    def user_id(self) -> str: ...

    def end(self, code: str) -> None: ...


def end_all() -> None:
    """Let every reader go on elsewhere."""
    for stream in tuple(OPEN):
        stream.end("drain")


OPEN: Final[set[OpenStream]] = set()
