"""Frames of a WebSocket as they are on the wire (RFC 6455, section 5.2)."""

import asyncio
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import msgspec

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
WHOLE_TEXT: Final = 0x81
MASKED: Final = 0x80
KEY_BYTES: Final = 4
LENGTH_16_BITS: Final = 126
LENGTH_64_BITS: Final = 127


class _Kind(msgspec.Struct):
    type: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: all its bytes, its payload unmasked and, where it is a whole text, its type."""

    raw: bytes
    payload: bytes
    kind: str | None


async def next_frame(reader: asyncio.StreamReader) -> Frame:
    """Read one frame of a server, or of a client, whose frames are masked."""
    raw = await reader.readexactly(2)
    first, length = raw[0], raw[1] & ~MASKED
    is_masked = raw[1] & MASKED
    if length >= LENGTH_16_BITS:
        extended = await reader.readexactly(2 if length == LENGTH_16_BITS else 8)
        raw, length = raw + extended, int.from_bytes(extended)
    assert length <= FRAME_BYTES_MAX, length
    key = await reader.readexactly(KEY_BYTES if is_masked else 0)
    body = await reader.readexactly(length)
    payload = bytes(a ^ b for a, b in zip(body, cycle(key), strict=False)) if key else body
    return Frame(raw + key + body, payload, _kind_of(payload) if first == WHOLE_TEXT else None)


def masked_text(payload: bytes) -> Frame:
    """A whole text as a client sends it; with a key of zeros the payload stays legible."""
    length = len(payload)
    if length < LENGTH_16_BITS:
        size = bytes([MASKED | length])
    elif length < 1 << 16:
        size = bytes([MASKED | LENGTH_16_BITS]) + length.to_bytes(2)
    else:
        size = bytes([MASKED | LENGTH_64_BITS]) + length.to_bytes(8)
    raw = bytes([WHOLE_TEXT]) + size + bytes(KEY_BYTES) + payload
    return Frame(raw, payload, _kind_of(payload))


def _kind_of(text: bytes) -> str:
    try:
        return msgspec.json.decode(text, type=_Kind).type
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""
