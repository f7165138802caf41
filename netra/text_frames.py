"""Text frames of a WebSocket, and how an application puts one on its way without a coroutine."""

from collections.abc import Callable, Mapping
from typing import Any, Final

# Of the ASGI scope: its `write` takes a text, or says False where `send` would have to wait or
# to refuse.
EXTENSION: Final = "netra.text"

WriteNow = Callable[[str], bool]


class TextFrames:
    """Whole, unmasked frames (RFC 6455, 5.2); what many sockets are sent in turn is made once."""

    __slots__ = ("_frame", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._frame = frame_of("")

    def of(self, text: str) -> bytes:
        # The very same object: to compare the texts would cost what it is to save.
        if text is not self._text:
            self._text, self._frame = text, frame_of(text)
        return self._frame


def frame_of(text: str) -> bytes:
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


def write_now_of(scope: Mapping[str, Any]) -> WriteNow:
    """What the server offers for it; of another server's scope what never writes."""
    write: WriteNow = scope.get("extensions", {}).get(EXTENSION, {}).get("write", never)
    return write


def never(_text: str) -> bool:
    return False
