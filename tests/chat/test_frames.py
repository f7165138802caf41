import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.protocol.codes import RETRYABLE, CloseCode, ErrorCode
from chat.protocol.frames import (
    FRAME_BYTES_MAX,
    HEADS_PER_FRAME_MAX,
    TEXT_CHARS_MAX,
    FrameRefused,
    Ping,
    Seen,
    Send,
    Subscribe,
    decode,
    encode,
)


def refusal(frame: Any) -> FrameRefused:
    text = frame if isinstance(frame, str) else json.dumps(frame)
    with pytest.raises(FrameRefused) as caught:
        decode(text)
    return caught.value


def answer_to(text: str) -> str | None:
    """The code of the refusal, as it goes over the wire; None for a frame that is taken."""
    try:
        decode(text)
    except FrameRefused as refused:
        code: str = json.loads(encode(refused.frame()))["code"]
        return code
    return None


def send(**fields: Any) -> dict[str, Any]:
    return {"type": "send", "client_id": "c-1", "text": "hello", **fields}


def test_a_send_has_its_defaults() -> None:
    assert decode(json.dumps(send())) == Send(client_id="c-1", text="hello")


def test_unknown_fields_are_ignored() -> None:
    assert decode('{"type":"ping","tomorrow":{"x":[1]}}') == Ping()


def test_a_position_may_be_absent_or_null() -> None:
    expected = Subscribe(thread_id="thread_1_abc123")
    assert decode('{"type":"subscribe","thread_id":"thread_1_abc123"}') == expected
    assert decode('{"type":"subscribe","thread_id":"thread_1_abc123","after_seq":null}') == expected


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", ErrorCode.INVALID_JSON),
        ("{", ErrorCode.INVALID_JSON),
        ('{"type":"ping","x":NaN}', ErrorCode.INVALID_JSON),
        ("[" * 5000, ErrorCode.INVALID_FRAME),
        ('{"type":"send","client_id":"c","text":"\\ud800"}', ErrorCode.TEXT_INVALID),
        ('{"type":"nope","x":' + "[" * 30_000 + "}", ErrorCode.INVALID_FRAME),
        (
            {"type": "seen", "heads": {f"t{n}": 1 for n in range(501)}, "bytes": 1},
            ErrorCode.TOO_MANY,
        ),
        ("[]", ErrorCode.INVALID_FRAME),
        ("7", ErrorCode.INVALID_FRAME),
        ("null", ErrorCode.INVALID_FRAME),
        ({}, ErrorCode.INVALID_FRAME),
        ({"type": 7}, ErrorCode.INVALID_FRAME),
        ({"type": "shout"}, ErrorCode.UNKNOWN_TYPE),
        (send(client_id=""), ErrorCode.INVALID_FRAME),
        (send(client_id="x" * 65), ErrorCode.INVALID_FRAME),
        (send(client_id="a b"), ErrorCode.INVALID_FRAME),
        (send(client_id="a\n"), ErrorCode.INVALID_FRAME),
        (send(mode="shout"), ErrorCode.INVALID_FRAME),
        (send(files=["f"] * 11), ErrorCode.INVALID_FRAME),
        (send(text=7), ErrorCode.INVALID_FRAME),
        (send(text=""), ErrorCode.TEXT_EMPTY),
        (send(text="x" * (TEXT_CHARS_MAX + 1)), ErrorCode.TEXT_TOO_LONG),
        (send(text="a\0b"), ErrorCode.TEXT_INVALID),
        (send(text="x" * FRAME_BYTES_MAX), ErrorCode.FRAME_TOO_LARGE),
        ({"type": "subscribe", "thread_id": "t", "after_seq": -1}, ErrorCode.INVALID_FRAME),
        ({"type": "seen", "heads": {}, "bytes": 1.5}, ErrorCode.INVALID_FRAME),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_code(frame: Any, code: ErrorCode) -> None:
    assert refusal(frame).code is code


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"send","client_id":"c-1","text":"a\\ud800"}',
        '{"client_id":"c-1","x":NaN}',
        send(text=""),
        send(mode="x"),
        {"type": "x", "client_id": "c-1"},
        send(text="x" * FRAME_BYTES_MAX),
    ],
)
def test_a_refusal_names_the_client_id_it_answers(frame: dict[str, Any] | str) -> None:
    answer = json.loads(encode(refusal(frame).frame()))
    assert answer["client_id"] == "c-1"
    assert answer["retryable"] is False


# One code point of two bytes and of four, two that are seen as one, and seven seen as one.
@pytest.mark.parametrize("one", ["x", "é", "😀", "e\u0301", "👨\u200d👩\u200d👧\u200d👦"])
def test_text_is_counted_in_code_points(one: str) -> None:
    text = (one * TEXT_CHARS_MAX)[:TEXT_CHARS_MAX]
    frame = decode(json.dumps(send(text=text), ensure_ascii=False))
    assert isinstance(frame, Send)
    assert frame.text == text
    longer = json.dumps(send(text=text + one[0]), ensure_ascii=False)
    assert answer_to(longer) == ErrorCode.TEXT_TOO_LONG


@pytest.mark.parametrize("one", ["x", "é", "😀"])
def test_a_frame_is_counted_in_bytes_of_utf_8_and_the_last_one_fits(one: str) -> None:
    head, tail = '{"type":"ping","x":"', '"}'
    room = FRAME_BYTES_MAX - len(head) - len(tail)
    width = len(one.encode())
    frame = head + one * (room // width) + "x" * (room % width) + tail
    assert len(frame.encode()) == FRAME_BYTES_MAX
    assert decode(frame) == Ping()
    assert answer_to(frame + " ") == ErrorCode.FRAME_TOO_LARGE


def test_as_many_heads_as_are_allowed_are_taken() -> None:
    heads = {f"t{n}": n for n in range(HEADS_PER_FRAME_MAX)}
    assert decode(json.dumps({"type": "seen", "heads": heads, "bytes": 0})) == Seen(
        heads=heads, bytes=0
    )


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_frame_or_a_refusal(text: str) -> None:
    assert answer_to(text) in {None, *ErrorCode}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["type", "client_id", "thread_id", "text", "heads", "bytes", "run_id"]),
        json_values | st.sampled_from(["send", "stop", "seen", "subscribe", "ping"]),
    )
)
def test_any_object_is_a_frame_or_a_refusal(frame: dict[str, Any]) -> None:
    assert answer_to(json.dumps(frame)) in {None, *ErrorCode}


def test_close_codes_say_whether_to_reconnect() -> None:
    final = {code for code in CloseCode if not code.reconnect}
    assert final == {
        CloseCode.NORMAL,
        CloseCode.PROTOCOL_ERROR,
        CloseCode.NOT_SIGNED_IN,
        CloseCode.FORBIDDEN,
        CloseCode.TOO_MANY_CONNECTIONS,
        CloseCode.SUSPENDED,
    }
    assert set(ErrorCode) >= RETRYABLE
