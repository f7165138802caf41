"""The reference of the wire says what the code does: nothing is left out, nothing is made up."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from django.conf import settings
from msgspec.inspect import StructType

from chat import http_socket, questions
from chat import snapshots as reading
from chat.connection import flow, heartbeat, inbound, subscriber, throttle
from chat.consumers import SETUP_LIMIT_S
from chat.protocol import events, frames, snapshots
from chat.protocol.codes import RETRYABLE, CloseCode, ErrorCode
from chat.protocol.events import EventData
from chat.protocol.frames import ClientFrame, FrameRefused, ServerFrame
from conformance import shapes
from netra.client import decoding
from netra.management.commands.web import WS_MAX_BYTES

REFERENCE: Final = (settings.BASE_DIR / "docs" / "protocol.md").read_text()
# Of the WebSocket library itself, not sent by us.
OF_THE_TRANSPORT: Final = {1002, 1006, 1007, 1009, 1011}
# What stands inside of a frame without a section of its own.
INNER: Final = (
    events.Fault, events.FileRef, frames.ActiveRunRef, frames.FolderRow, frames.FrameLimits,
    frames.Services, frames.ThreadRow, frames.WhoIAm, snapshots.ActiveRun, snapshots.FeedbackView,
    snapshots.MessageView, snapshots.QueuedRun, snapshots.ToolCallView,
)  # fmt: skip


def part(name: str) -> str:
    """What stands under a heading of the second level."""
    [found] = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    return str(found)


def sections(name: str) -> dict[str, str]:
    """The text under each type's heading."""
    return dict(
        re.findall(r"^### `(\w+)`[^\n]*\n(.*?)(?=^### |\Z)", part(name), re.MULTILINE | re.DOTALL)
    )


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of its tables, without the heads."""
    for line in text.splitlines():
        if re.match(r"\| (`|\d)", line):
            yield [cell.strip() for cell in line.strip("| ").split(" | ")]


def named(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def descendants(base: type[Any]) -> Iterator[type[Any]]:
    for each in base.__subclasses__():
        yield each
        yield from descendants(each)


def by_type(base: type[Any]) -> dict[str, StructType]:
    found = [msgspec.inspect.type_info(each) for each in descendants(base)]
    return {str(each.tag): each for each in found if isinstance(each, StructType)}


def fields(struct: StructType) -> dict[str, bool]:
    """Each field, and whether it is always there."""
    return {field.encode_name: field.required for field in struct.fields}


def test_each_frame_of_a_client_is_told_with_its_fields_and_which_may_be_left_out() -> None:
    told = sections("Client to server")
    known = by_type(ClientFrame)
    assert set(told) == set(known)
    for kind, struct in known.items():
        table = {name: cells[1] for cells in rows(told[kind]) for name in named(cells[0])}
        wanted = fields(struct)
        assert set(wanted) <= named(told[kind]), kind
        assert set(table) <= set(wanted), kind
        optional = {name for name, text in table.items() if "optional" in text}
        assert optional == {name for name in table if not wanted[name]}, kind


def test_each_frame_of_the_server_is_told_with_its_fields() -> None:
    told = sections("Server to client")
    known = by_type(ServerFrame) | {"events": msgspec.inspect.type_info(events._WireEvents)}
    assert set(told) == set(known)
    for kind, struct in known.items():
        assert isinstance(struct, StructType)
        table = {name: cells[1] for cells in rows(told[kind]) for name in named(cells[0])}
        assert set(fields(struct)) <= named(told[kind]), kind
        assert set(table) <= set(fields(struct)), kind
        optional = {name for name, text in table.items() if "optional" in text}
        assert optional == {
            name for name in table if not fields(struct)[name] and kind == "error"
        }, kind
    whole = named(part("Server to client"))
    for inner in INNER:
        assert set(inner.__struct_fields__) <= whole, inner


def test_each_event_is_told_with_its_data_and_which_may_be_left_out() -> None:
    told = {next(iter(named(cells[0]))): cells[1] for cells in rows(part("Events of a thread"))}
    known = {each.type: each for each in descendants(EventData)}
    assert set(told) == set(known)
    for kind, data in known.items():
        struct = msgspec.inspect.type_info(data)
        assert isinstance(struct, StructType)
        for name, is_always in fields(struct).items():
            assert re.search(rf"`{name}`(\?)?", told[kind]), (kind, name)
            assert bool(re.search(rf"`{name}`\?", told[kind])) is not is_always, (kind, name)


def test_each_code_is_told_with_whether_to_retry_and_each_that_is_told_is_used() -> None:
    told = {name: cells[2] for cells in rows(part("Error codes")) for name in named(cells[0])}
    assert told == {code: "yes" if code in RETRYABLE else "no" for code in ErrorCode}
    modules = (settings.BASE_DIR / "chat").rglob("*.py")
    code = "\n".join(path.read_text() for path in modules if path.name != "codes.py")
    assert [one.name for one in ErrorCode if f"ErrorCode.{one.name}" not in code] == []


def test_each_close_code_is_told() -> None:
    told = {
        int(number)
        for cells in rows(part("Close codes"))
        for number in re.findall(r"\d{4}", cells[0])
    }
    assert told == {code.value for code in CloseCode} | OF_THE_TRANSPORT | {
        code.private for code in (CloseCode.DRAIN, CloseCode.COME_BACK_LATER)
    }


def test_each_limit_has_the_value_that_the_code_has() -> None:
    told = {cells[0]: " ".join(cells[1:]) for cells in rows_of_limits()}
    for name, value in {
        "a frame to the server": frames.FRAME_BYTES_MAX,
        "the same": WS_MAX_BYTES,
        "text of a message": frames.TEXT_CHARS_MAX,
        "files of a message": frames.FILES_PER_MESSAGE_MAX,
        "waiting runs of a thread": questions.QUEUED_RUNS_MAX,
        "threads a connection follows": frames.THREADS_PER_CONNECTION_MAX,
        "heads in a `seen` or `pong`": frames.HEADS_PER_FRAME_MAX,
        "frames waiting for an answer": inbound.FRAMES_MAX,
        "frames": throttle.BURST_FRAMES,
        "events behind which a replay is replaced": subscriber.REPLAY_DEPTH_MAX,
    }.items():
        assert f"{value:,}".replace(",", " ") in told[name], name
    assert f"{throttle.FRAMES_A_SECOND} a second" in told["frames"]
    for sentence in (
        f"messages` | list, the last {reading.MESSAGES_MAX} at most",
        f"gives itself {SETUP_LIMIT_S:g} s",
        f"more than {flow.UNCONFIRMED_BYTES_MAX // 2**20} MiB, or a frame older than "
        f"{flow.UNCONFIRMED_S_MAX:g} s",
        f"never sent `seen` gets {flow.SILENT_BYTES_MAX // 2**20} MiB",
        f'"heartbeat_s":{heartbeat.HEARTBEAT_S}',
        f"up to {http_socket.FRAMES_CARRIED_MAX} and {http_socket.CARRIED_BYTES_MAX // 1024} KiB",
        f"comment every {http_socket.HEARTBEAT_S:g} s",
        f"nothing came for {http_socket.SILENCE_MAX_S:g} s",
    ):
        assert sentence in " ".join(REFERENCE.split()), sentence


def rows_of_limits() -> Iterator[list[str]]:
    [table] = re.findall(r"^\| limit .*\n\|---.*\n((?:\|.*\n)+)", REFERENCE, re.MULTILINE)
    for line in table.splitlines():
        yield [cell.strip() for cell in line.strip("| ").split(" | ")]


def test_each_frame_that_is_shown_can_be_sent() -> None:
    shown = re.findall(r'^(?:→ |`)(\{"type":"\w+".*?\})`?$', part("Client to server"), re.MULTILINE)
    assert len(shown) == len(sections("Client to server"))
    for text in shown:
        try:
            frames.decode(text)
        except FrameRefused as refused:
            raise AssertionError(text) from refused


def test_our_clients_know_no_frame_that_is_not_told() -> None:
    told = set(sections("Server to client"))
    assert set(decoding._READ) <= told
    script = (settings.BASE_DIR / "chat/static/chat/frames.js").read_text()
    assert set(re.findall(r'type: "(\w+)"', script)) | {"ready"} <= told


def test_the_kit_asks_for_the_same_fields() -> None:
    known = by_type(ServerFrame)
    asked = {kind: shape for kind, shape in shapes.FRAMES.items() if kind != "events"}
    assert set(asked) == set(known)
    for kind, shape in asked.items():
        wanted = {name.removesuffix("?") for name in shape}
        assert wanted == set(fields(known[kind])), kind
    inner: dict[type[Any], dict[str, Any]] = {
        events.FileRef: shapes.FILE, snapshots.ActiveRun: shapes.ACTIVE_RUN,
        snapshots.ToolCallView: shapes.CALL_VIEW, frames.ThreadRow: shapes.ROW,
        snapshots.MessageView: shapes.QUESTION | shapes.ANSWER, events.Fault: shapes.FAULT,
        **{each: shapes.EVENTS[each.type] for each in descendants(EventData)},
    }  # fmt: skip
    for struct, shape in inner.items():
        wanted = {name.removesuffix("?") for name in shape}
        assert wanted == set(struct.__struct_fields__), struct
    assert len(shapes.EVENTS) == len(list(descendants(EventData)))
