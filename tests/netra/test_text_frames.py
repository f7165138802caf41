"""A text frame is what a parser of the protocol reads, whatever was sent before it."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from netra.text_frames import TextFrames, never, write_now_of


def _read(frame: bytes) -> Frame:
    reader = StreamReader()
    reader.feed_data(frame)
    with pytest.raises(StopIteration) as parsed:
        next(Frame.parse(reader.read_exact, mask=False))
    read = parsed.value.value
    assert isinstance(read, Frame)
    return read


def test_frames_of_each_length_are_read_as_they_were_meant() -> None:
    frames = TextFrames()
    texts = ["x" * length for length in (0, 1, 125, 126, 127, 65535, 65536, 70000)]
    for text in [*texts, "grüße", "𝕏" * 40, *texts, texts[-1]]:
        read = _read(frames.of(text))
        assert (read.opcode, read.fin) == (Opcode.TEXT, True)
        assert bytes(read.data).decode() == text


def test_what_is_sent_again_is_not_made_again() -> None:
    frames = TextFrames()
    text = "x" * 300
    assert frames.of(text) is frames.of(text)


def test_a_server_without_the_extension_never_writes_at_once() -> None:
    assert write_now_of({"type": "websocket"}) is never
    assert write_now_of({"extensions": {"websocket.http.response": {}}}) is never
