"""What each frame and event of the server holds, and what a value lacks of that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

# A type, the words that may stand there, a list of one shape, an object of named ones, or ANY.
Shape = Any
ANY: Final = object()


@dataclass(frozen=True, slots=True)
class Maybe:
    """The shape, or null."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Each:
    """An object of any names whose values have the shape."""

    shape: Shape


TIME: Final = str
FAULT: Final = {"code": str, "message": str, "retryable": bool}
CALL_FAULT: Final = {"code": str, "message": str}
LIMITS: Final = {
    name: Maybe(int)
    for name in (
        "runs_month", "messages_minute", "concurrent_runs", "concurrent_connections",
        "session_idle_hours", "retention_days",
    )
}  # fmt: skip
TIERS: Final = {"free", "early", "mid", "enterprise"}
ENTITLEMENTS: Final = {
    "tier": TIERS,
    "base_tier": TIERS,
    "trial": Maybe({"tier": TIERS, "starts_at": TIME, "ends_at": Maybe(TIME)}),
    "limits": LIMITS,
    "features": [str],
    "why": str,
    "next_change": Maybe(TIME),
}
SERVICES: Final = {"database": bool, "bus": bool, "runs": bool}
FILE: Final = {
    "file_id": str, "name": str, "bytes": int, "kind?": {"text", "pdf", "image"},
    "width?": int, "height?": int,
}  # fmt: skip
USAGE: Final = {
    "elapsed_ms?": int, "requests?": int, "input_tokens?": int, "output_tokens?": int,
    "cached_tokens?": int, "cost_usd?": str, "unpriced_requests?": int, "runs?": int,
}  # fmt: skip
DECISIONS: Final = {"approve", "deny", "expired", "stopped"}
ENDS: Final = {"completed", "stopped", "failed", "limit"}
CALL: Final = {"call_id": str, "tool_name": str, "args": ANY}
CALL_VIEW: Final = CALL | {
    "status": {"waiting", "approved", "running", "ok", "error", "stopped", "denied"},
    "elapsed_ms": Maybe(int),
    "result?": ANY,
    "error?": CALL_FAULT,
    "expires_at?": TIME,
    "decision?": DECISIONS,
    "edited?": bool,
}
MESSAGE: Final = {
    "message_id": str,
    "role": {"user", "assistant"},
    "text": str,
    "run_id": Maybe(str),
    "status": {"stored"} | ENDS,
    "seq": int,
    "ts": TIME,
    "files": [FILE],
    "versions?": [str],
}
QUESTION: Final = MESSAGE | {"after_run_id": Maybe(str), "answers?": [str]}
ANSWER: Final = MESSAGE | {
    "question_id": str,
    "thinking": str,
    "thought_ms?": int,
    "tool_calls": [CALL_VIEW],
    "model": str,
    "usage": USAGE,
    "feedback": Maybe({"rating": {"up", "down"}, "reason": Maybe(str)}),
    "error?": FAULT,
}
ACTIVE_RUN: Final = {
    "run_id": str,
    "question_id": str,
    "agent_name": str,
    "status": {"running", "waiting"},
    "attempt": int,
    "started_at": Maybe(TIME),
    "thinking": str,
    "thought_ms?": int,
    "tool_calls": [CALL_VIEW],
}
EVENT: Final = {
    "seq": int,
    "type": str,
    "run_id": Maybe(str),
    "agent_name": Maybe(str),
    "ts": TIME,
    "data": dict,
}
ROW: Final = {
    "thread_id": str, "title": str, "updated_at": TIME, "running": bool, "pinned": bool,
    "archived": bool, "folder_id": Maybe(str), "unread": bool, "deleted": bool,
    "waiting?": bool, "gone?": bool,
}  # fmt: skip
FRAMES: Final[Mapping[str, Shape]] = {
    "welcome": {"connection_id": str, "limits": {"frame": int, "text": int}, "heartbeat_s": int},
    "ready": {
        "user": {"user_id": str, "email": str},
        "entitlements": ENTITLEMENTS,
        "limits": {"text": int, "frame": int, "file_bytes": int},
        "services": SERVICES,
        "active_runs": [{"thread_id": str, "run_id": str}],
    },
    "ack": {
        "client_id": str, "message_id": Maybe(str), "thread_id": str, "run_id": Maybe(str),
        "seq": Maybe(int), "duplicate": bool,
    },
    "events": {"thread_id": str, "events": [EVENT]},
    "delta": {"thread_id": str, "run_id": str, "attempt": int, "offset": int, "text": str},
    "snapshot": {
        "thread_id": str,
        "seq": int,
        "messages": [MESSAGE],
        "more": bool,
        "tip": Maybe(str),
        "model": Maybe(str),
        "usage": USAGE,
        "active_run": Maybe(ACTIVE_RUN),
        "queued_runs": [{"run_id": str, "message_id": str, "position": int}],
    },
    "account": {"entitlements": ENTITLEMENTS},
    "threads": {"threads": [ROW]},
    "folders": {"folders": [{"folder_id": str, "name": str}]},
    "typing": {"thread_id": str, "connection_id": str},
    "state": {"services": SERVICES},
    "drain": {"reconnect_after_ms": int},
    "pong": {"heads": Each(int)},
    "error": {
        "code": str, "message": str, "retryable": bool, "retry_after_s?": float, "client_id?": str,
    },
}  # fmt: skip
EVENTS: Final[Mapping[str, Shape]] = {
    "message_created": {
        "message_id": str, "role": {"user", "assistant"}, "text": str, "client_id?": str,
        "files?": [FILE], "after_run_id?": str,
    },
    "message_edited": {"message_id": str, "text": str},
    "message_moved": {"message_id": str, "after_run_id?": str},
    "branch_selected": {"run_id": str, "message_id": str},
    "run_queued": {"message_id": str, "position": int},
    "run_resumed": {"attempt": int, "reason": str},
    "agent_started": {
        "model": str, "trigger": {"send", "edit", "regenerate", "retry"}, "question_id": str,
    },
    "agent_thinking": {"text": str, "model?": str},
    "tool_call": CALL,
    "approval_required": CALL | {"expires_at": TIME},
    "approval_resolved": {"call_id": str, "decision": DECISIONS, "args?": ANY},
    "tool_executing": CALL,
    "tool_progress": {"call_id": str, "text": str},
    "tool_completed": {
        "call_id": str, "tool_name": str, "status": {"ok", "error", "stopped", "denied"},
        "elapsed_ms": int, "result?": ANY, "error?": CALL_FAULT,
    },
    "citation_added": {"call_id": str, "title": str, "source": str, "excerpt?": str},
    "message_completed": {"message_id": str, "length": int, "sha256": str},
    "usage_updated": {"usage": USAGE},
    "limit_reached": {"limit": str, "message": str, "resets_at?": TIME, "required_tier?": TIERS},
    "agent_completed": {
        "status": ENDS, "message_id": Maybe(str), "usage": USAGE, "error?": FAULT,
    },
}  # fmt: skip


def lacks(frame: Mapping[str, Any]) -> list[str]:
    """What a frame of the server lacks, a line each; of unknown types nothing is asked."""
    kind = frame.get("type")
    found = list(_lacks(frame, FRAMES.get(str(kind), {"type": str}), str(kind)))
    if found:
        return found
    if kind == "events":
        for event in frame["events"]:
            found += _lacks(event["data"], EVENTS.get(event["type"], dict), event["type"])
    if kind == "snapshot":
        for message in frame["messages"]:
            shape = QUESTION if message["role"] == "user" else ANSWER
            found += _lacks(message, shape, f"snapshot.{message['role']}")
    return found


def _lacks(value: object, shape: Shape, at: str) -> Iterator[str]:
    match shape:
        case Maybe():
            if value is not None:
                yield from _lacks(value, shape.shape, at)
        case dict() | Each():
            if isinstance(value, dict):
                yield from _of_object(value, shape, at)
            else:
                yield f"{at} is no object"
        case [inner]:
            if isinstance(value, list):
                for one in value:
                    yield from _lacks(one, inner, f"{at}[]")
            else:
                yield f"{at} is no list"
        case set():
            if not isinstance(value, str) or value not in shape:
                yield f"{at} is {value!r}"
        case type():
            if not _is_a(value, shape):
                yield f"{at} is no {shape.__name__}: {str(value)[:40]}"


def _of_object(value: Mapping[str, Any], shape: Shape, at: str) -> Iterator[str]:
    if isinstance(shape, Each):
        for name, one in value.items():
            yield from _lacks(one, shape.shape, f"{at}.{name}")
        return
    for name, inner in shape.items():
        plain = name.removesuffix("?")
        if plain in value:
            yield from _lacks(value[plain], inner, f"{at}.{plain}")
        elif plain == name:
            yield f"{at} has no {name}"


def _is_a(value: object, kind: type) -> bool:
    # JSON's true is an int to Python, and a whole number may stand for any.
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
