"""Width and height of an image from its headers alone: nothing of the picture is decoded."""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from chat.files.kinds import MediaType

# Segments of a JPEG before its frame: profiles and previews come in some dozens.
_SEGMENTS_MAX: Final = 1000
# Of a JPEG's markers those that begin a frame: all of C0 to CF but three (ITU T.81, table B.1).
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone, and the one that fills gaps.
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_FILL: Final = 0xFF
_END_OR_SCAN: Final = frozenset({0xD9, 0xDA})


class Seekable(Protocol):
    """What is read of a file."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...


def dimensions_of(media_type: MediaType, content: Seekable) -> tuple[int, int] | None:
    """Width and height in pixels; None of what is damaged, or no image."""
    read = _READERS.get(media_type)
    content.seek(0)
    try:
        found = read(content) if read is not None else None
    except struct.error:  # it ends within a header
        return None
    return found if found is not None and min(found) > 0 else None


def _png(content: Seekable) -> tuple[int, int] | None:
    start = content.read(24)
    if start[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", start, 16)
    return width, height


def _gif(content: Seekable) -> tuple[int, int] | None:
    width, height = struct.unpack_from("<HH", content.read(10), 6)
    return width, height


def _jpeg(content: Seekable) -> tuple[int, int] | None:
    content.seek(2)
    for _ in range(_SEGMENTS_MAX):
        prefix, marker = struct.unpack(">BB", content.read(2))
        while marker == _FILL:
            (marker,) = struct.unpack(">B", content.read(1))
        if prefix != _FILL or marker in _END_OR_SCAN:
            return None
        if marker in _BARE:
            continue
        (length,) = struct.unpack(">H", content.read(2))
        if marker in _FRAMES:
            _precision, height, width = struct.unpack(">BHH", content.read(5))
            return width, height
        content.seek(max(length - 2, 0), 1)
    return None


def _webp(content: Seekable) -> tuple[int, int] | None:
    start = content.read(30)
    match start[12:16]:
        case b"VP8X":
            width, height = _uint24(start[24:27]) + 1, _uint24(start[27:30]) + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", start, 21)
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", start, 26))
        case _:
            return None
    return width, height


def _uint24(three: bytes) -> int:
    if len(three) < 3:
        raise struct.error("the header is cut")
    return int.from_bytes(three, "little")


_READERS: Final[Mapping[MediaType, Callable[[Seekable], tuple[int, int] | None]]] = (
    MappingProxyType(
        {
            MediaType.PNG: _png,
            MediaType.JPEG: _jpeg,
            MediaType.WEBP: _webp,
            MediaType.GIF: _gif,
        }
    )
)
