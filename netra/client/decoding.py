"""JSON text to frames: each field with its type, and what is unknown ignored."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from netra.client.frames import (
    Account,
    AccountChanged,
    Ack,
    ActiveRun,
    Delta,
    Drain,
    Event,
    Events,
    FileRef,
    Message,
    Pong,
    Problem,
    Ready,
    ServerFrame,
    Services,
    ServicesChanged,
    Snapshot,
    Trial,
    User,
    Welcome,
)

Read = TypeVar("Read")


class Malformed(ValueError):
    """A frame that does not keep to the protocol."""


def decode(raw: bytes | str) -> ServerFrame | None:
    """The frame in `raw`, None for a type this client has no use for; raises Malformed."""
    try:
        frame = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("a frame is one JSON object") from None
    fields = _fields(frame)
    read = _READ.get(fields.text("type"))
    return None if read is None else read(fields)


class _Fields:
    """A JSON object that is read field by field, each with its type."""

    __slots__ = ("_object",)

    def __init__(self, json_object: Mapping[str, Any]) -> None:
        self._object = json_object

    def text(self, name: str) -> str:
        return self._typed(name, str)

    def integer(self, name: str) -> int:
        return self._typed(name, int)

    def flag(self, name: str) -> bool:
        return self._typed(name, bool)

    def text_or_none(self, name: str) -> str | None:
        return None if self._object.get(name) is None else self.text(name)

    def integer_or_none(self, name: str) -> int | None:
        return None if self._object.get(name) is None else self.integer(name)

    def number_or_none(self, name: str) -> float | None:
        value = self._object.get(name)
        return float(value) if isinstance(value, int | float) else None

    def inner(self, name: str) -> "_Fields":
        return _fields(self._object.get(name))

    def inner_or_none(self, name: str) -> "_Fields | None":
        return None if self._object.get(name) is None else self.inner(name)

    def mapping(self, name: str) -> dict[str, Any]:
        return self._typed(name, dict)

    def each(self, name: str, read: "Callable[[_Fields], Read]") -> tuple[Read, ...]:
        items: list[object] = self._typed(name, list)
        return tuple(read(_fields(item)) for item in items)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(str(item) for item in self._typed(name, list))

    def numbers(self, name: str) -> dict[str, int]:
        mapping = self._typed(name, dict)
        return {key: value for key, value in mapping.items() if isinstance(value, int)}

    def has(self, name: str) -> bool:
        return name in self._object

    def _typed(self, name: str, kind: type[Read]) -> Read:
        value = self._object.get(name)
        # JSON's true is an int to Python, and none to the protocol.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Malformed(f"{name} is not {kind.__name__}")
        return value


def _fields(value: object) -> _Fields:
    if not isinstance(value, dict):
        raise Malformed("an object is missing")
    return _Fields(value)


def _event(fields: _Fields) -> Event:
    return Event(
        seq=fields.integer("seq"),
        type=fields.text("type"),
        run_id=fields.text_or_none("run_id"),
        agent_name=fields.text_or_none("agent_name"),
        ts=fields.text("ts"),
        data=fields.mapping("data"),
    )


def file_refs(data: Mapping[str, Any]) -> tuple[FileRef, ...]:
    """The files of a message, from its event's `data`."""
    fields = _Fields(data)
    return fields.each("files", _file) if fields.has("files") else ()


def _file(fields: _Fields) -> FileRef:
    return FileRef(
        file_id=fields.text("file_id"),
        name=fields.text("name"),
        bytes=fields.integer("bytes"),
        # Of messages from before there was anything but text.
        kind=fields.text_or_none("kind") or "text",
        width=fields.integer_or_none("width"),
        height=fields.integer_or_none("height"),
    )


def _message(fields: _Fields) -> Message:
    return Message(
        message_id=fields.text("message_id"),
        role=fields.text("role"),
        text=fields.text("text"),
        run_id=fields.text_or_none("run_id"),
        status=fields.text("status"),
        seq=fields.integer("seq"),
        ts=fields.text("ts"),
        files=fields.each("files", _file) if fields.has("files") else (),
        after_run_id=fields.text_or_none("after_run_id"),
        question_id=fields.text_or_none("question_id"),
        versions=fields.texts("versions") if fields.has("versions") else (),
        answers=fields.texts("answers") if fields.has("answers") else (),
    )


def _account(fields: _Fields) -> Account:
    trial = fields.inner_or_none("trial")
    return Account(
        tier=fields.text("tier"),
        base_tier=fields.text("base_tier"),
        trial=None
        if trial is None
        else Trial(
            tier=trial.text("tier"),
            starts_at=trial.text("starts_at"),
            ends_at=trial.text_or_none("ends_at"),
        ),
        limits=fields.mapping("limits"),
        features=frozenset(fields.texts("features")),
        why=fields.text("why"),
        next_change=fields.text_or_none("next_change"),
    )


def _services(fields: _Fields) -> Services:
    return Services(
        database=fields.flag("database"), bus=fields.flag("bus"), runs=fields.flag("runs")
    )


def _ready(fields: _Fields) -> Ready:
    user = fields.inner("user")
    return Ready(
        user=User(user_id=user.text("user_id"), email=user.text("email")),
        account=_account(fields.inner("entitlements")),
        services=_services(fields.inner("services")),
    )


def _ack(fields: _Fields) -> Ack:
    return Ack(
        client_id=fields.text("client_id"),
        message_id=fields.text_or_none("message_id"),
        thread_id=fields.text("thread_id"),
        run_id=fields.text_or_none("run_id"),
        seq=fields.integer_or_none("seq"),
        duplicate=fields.flag("duplicate"),
    )


def _events(fields: _Fields) -> Events:
    return Events(thread_id=fields.text("thread_id"), events=fields.each("events", _event))


def _delta(fields: _Fields) -> Delta:
    return Delta(
        thread_id=fields.text("thread_id"),
        run_id=fields.text("run_id"),
        attempt=fields.integer("attempt"),
        offset=fields.integer("offset"),
        text=fields.text("text"),
    )


def _snapshot(fields: _Fields) -> Snapshot:
    active = fields.inner_or_none("active_run")
    return Snapshot(
        thread_id=fields.text("thread_id"),
        seq=fields.integer("seq"),
        messages=fields.each("messages", _message),
        tip=fields.text_or_none("tip"),
        active_run=None
        if active is None
        else ActiveRun(
            run_id=active.text("run_id"),
            status=active.text("status"),
            attempt=active.integer("attempt"),
        ),
        queued_run_ids=fields.each("queued_runs", lambda run: run.text("run_id")),
    )


def _problem(fields: _Fields) -> Problem:
    return Problem(
        code=fields.text("code"),
        message=fields.text("message"),
        retryable=fields.flag("retryable"),
        retry_after_s=fields.number_or_none("retry_after_s"),
        client_id=fields.text_or_none("client_id"),
        thread_id=fields.text_or_none("thread_id"),
    )


_READ: Final[Mapping[str, Callable[[_Fields], ServerFrame]]] = {
    "welcome": lambda fields: Welcome(connection_id=fields.text("connection_id")),
    "ready": _ready,
    "ack": _ack,
    "events": _events,
    "delta": _delta,
    "snapshot": _snapshot,
    "account": lambda fields: AccountChanged(account=_account(fields.inner("entitlements"))),
    "state": lambda fields: ServicesChanged(services=_services(fields.inner("services"))),
    "drain": lambda fields: Drain(reconnect_after_ms=fields.integer("reconnect_after_ms")),
    "pong": lambda fields: Pong(heads=fields.numbers("heads")),
    "error": _problem,
}
