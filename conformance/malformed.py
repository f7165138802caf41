"""What cannot be taken is answered, and the connection stays."""

import json
import secrets
from typing import Any, Final

from conformance.checks import check, expect, expect_equal
from conformance.subject import Frame, Subject, answer_to, close_code, error_for, heads
from netra.client import ChatConnection

THREAD: Final = "thread_1_abcdef"


def _send(**fields: Any) -> Frame:
    return {"type": "send", "client_id": "conformance", "thread_id": None, "text": "x", **fields}


async def _expect_code(socket: ChatConnection, frame: Frame | str | bytes, code: str) -> None:
    error = await error_for(socket, frame)
    shown = str(frame)[:60]
    expect(error["code"] == code, f"{shown} was answered {error['code']}, not {code}")
    expect(error["retryable"] is False, f"{shown} was called retryable")
    expect(error["message"], f"{shown} was answered without a sentence")
    await heads(socket)


async def _expect_codes(subject: Subject, code: str, *frames: Frame | str | bytes) -> None:
    async with subject.ready() as socket:
        for frame in frames:
            await _expect_code(socket, frame, code)


@check("`invalid_json`: not JSON, or JSON with NaN or Infinity.")
async def invalid_json(subject: Subject) -> None:
    infinite = '{"type":"ping","x":Infinity}'
    await _expect_codes(
        subject, "invalid_json", "", "{", "netra", '{"type":"ping","x":NaN}', infinite
    )


@check("`invalid_frame`: binary, no object, no `type`, or a field of the wrong type or size.")
async def invalid_frame(subject: Subject) -> None:
    await _expect_codes(
        subject, "invalid_frame",
        b'{"type":"ping"}', "[]", "7", "null", '"ping"', "{}", '{"type":7}', "[" * 5000,
        _send(client_id=""), _send(client_id="x" * 65), _send(client_id="a b"),
        _send(client_id=7), _send(text=7), _send(mode="shout"), _send(files=["f"] * 11),
        {"type": "subscribe"}, {"type": "subscribe", "thread_id": THREAD, "after_seq": -1},
        {"type": "subscribe", "thread_id": "x" * 65}, {"type": "stop", "client_id": "c"},
        {"type": "seen", "heads": {}}, {"type": "seen", "heads": {}, "bytes": 1.5},
        {"type": "switch", "client_id": "c"},
        {"type": "switch", "client_id": "c", "run_id": "run_1_abcdef", "message_id": "msg_1_abcde"},
    )  # fmt: skip


@check("`unknown_type`: a type that this version does not have.")
async def unknown_type(subject: Subject) -> None:
    kinds = ("shout", "Send", "welcome", "rename")
    await _expect_codes(subject, "unknown_type", *({"type": kind} for kind in kinds))


@check("`text_empty`, `text_too_long`, `text_invalid`: a message has 1 to 10 000 code points.")
async def message_text(subject: Subject) -> None:
    edit = {"type": "edit", "client_id": "c", "message_id": "msg_1_abcdef", "text": ""}
    await _expect_codes(subject, "text_empty", _send(text=""), edit)
    # Not UTF-16 units, nor bytes; what is not too long is refused for its file, and so not stored.
    character = "\N{GRINNING FACE}"
    longest, longer = (
        _send(client_id=secrets.token_hex(12), text=character * chars, files=["file_1_abcdef"])
        for chars in (10_000, 10_001)
    )
    unescaped = [json.dumps(frame, ensure_ascii=False) for frame in (longest, longer)]
    await _expect_codes(subject, "file_not_found", unescaped[0])
    await _expect_codes(subject, "text_too_long", _send(text="x" * 10_001), unescaped[1])
    half = '{"type":"send","client_id":"c","text":"\\ud800"}'
    await _expect_codes(subject, "text_invalid", _send(text="a\0b"), half)


@check("`frame_too_large`: more than 64 KiB of UTF-8, up to 1 MiB.")
async def frame_too_large(subject: Subject) -> None:
    filled = json.dumps({"type": "ping", "x": "x" * 65_536})
    await _expect_codes(subject, "frame_too_large", filled, _send(text="x" * 900_000))


@check("A frame above 1 MiB closes the connection with 1009.")
async def frame_above_a_mebibyte(subject: Subject) -> None:
    async with subject.ready() as socket:
        # Its end in a piece of its own: a server that closes before it has read all of what came
        # resets the connection, and the code is lost.
        await socket.put_raw(["x" * (1024 * 1024), "x"])
        expect_equal(await close_code(socket), 1009)


@check("`too_many`: more than 500 heads in a `seen`, or more than 200 threads followed.")
async def too_many_heads(subject: Subject) -> None:
    async with subject.ready() as socket:
        seen = {"type": "seen", "heads": {f"t{n}": 1 for n in range(501)}, "bytes": 1}
        error = await error_for(socket, seen)
        expect_equal((error["code"], error["retryable"]), ("too_many", True))
        await heads(socket)


@check("A refusal names the `client_id` of the frame it answers, where it could be read.")
async def refusals_name_their_frame(subject: Subject) -> None:
    spoilt: list[Frame | str] = [
        _send(text=""),
        _send(mode="shout"),
        _send(text="x" * 70_000),
        {"type": "shout", "client_id": "conformance"},
        '{"type":"send","client_id":"conformance","text":"\\ud800"}',
    ]
    async with subject.ready() as socket:
        for frame in spoilt:
            error = await error_for(socket, frame)
            expect(error.get("client_id") == "conformance", f"{str(frame)[:60]}: {error}")


@check("Unknown fields are ignored.")
async def unknown_fields(subject: Subject) -> None:
    async with subject.ready() as socket:
        await socket.put(type="ping", of_tomorrow={"x": [1, None]})
        await socket.until("pong")
        client_id = "conformance-unknown-fields"
        await socket.put(type="stop", client_id=client_id, run_id="run_1_abcdef", because="so")
        expect_equal((await answer_to(socket, client_id))["code"], "not_found")
