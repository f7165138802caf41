"""What waits for a final answer: the frames of a client that have a `client_id`."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from netra.client.errors import Refused

CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
FRAME_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSend:
    """A message that the server has not answered yet.

    `user_id` is whose it is, None until the first connection tells who the user is: what one user
    wrote is never sent as another.
    """

    client_id: str
    text: str
    thread_id: str | None = None
    mode: str = "queue"
    files: tuple[str, ...] = ()
    model: str | None = None
    user_id: str | None = None

    def frame(self) -> str:
        fields: dict[str, Any] = {
            "type": "send",
            "client_id": self.client_id,
            "thread_id": self.thread_id,
            "text": self.text,
            "mode": self.mode,
        }
        if self.files:
            fields["files"] = self.files
        if self.model is not None:
            fields["model"] = self.model
        return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStop:
    """A run to be stopped; of no use to a later life of the program, so it is not stored."""

    client_id: str
    run_id: str
    user_id: str | None = None

    def frame(self) -> str:
        return json.dumps({"type": "stop", "client_id": self.client_id, "run_id": self.run_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAdvance:
    """A message that waits, named by its run, to go before all others."""

    client_id: str
    run_id: str
    user_id: str | None = None

    def frame(self) -> str:
        return json.dumps({"type": "advance", "client_id": self.client_id, "run_id": self.run_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDecision:
    """What is decided about a tool call; not stored either, since another device may decide."""

    client_id: str
    run_id: str
    call_id: str
    decision: str
    args: dict[str, Any] | None = None
    user_id: str | None = None

    def frame(self) -> str:
        fields: dict[str, Any] = {
            "type": "approve",
            "client_id": self.client_id,
            "run_id": self.run_id,
            "call_id": self.call_id,
            "decision": self.decision,
        }
        if self.args is not None:
            fields["args"] = self.args
        return json.dumps(fields, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEdit:
    """Another text for a message; not stored either: what it is about may be another by then."""

    client_id: str
    message_id: str
    text: str
    model: str | None = None
    user_id: str | None = None

    def frame(self) -> str:
        fields = {
            "type": "edit",
            "client_id": self.client_id,
            "message_id": self.message_id,
            "text": self.text,
        }
        if self.model is not None:
            fields["model"] = self.model
        return json.dumps(fields, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRegenerate:
    """A question to be answered once more, named by one of its answers."""

    client_id: str
    run_id: str
    model: str | None = None
    user_id: str | None = None

    def frame(self) -> str:
        fields = {"type": "regenerate", "client_id": self.client_id, "run_id": self.run_id}
        if self.model is not None:
            fields["model"] = self.model
        return json.dumps(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSwitch:
    """A branch to be shown, named by one of its answers or one of its questions."""

    client_id: str
    run_id: str | None = None
    message_id: str | None = None
    user_id: str | None = None

    def frame(self) -> str:
        fields = {"type": "switch", "client_id": self.client_id}
        if self.run_id is not None:
            fields["run_id"] = self.run_id
        if self.message_id is not None:
            fields["message_id"] = self.message_id
        return json.dumps(fields)


Pending = (
    PendingSend
    | PendingEdit
    | PendingRegenerate
    | PendingSwitch
    | PendingStop
    | PendingAdvance
    | PendingDecision
)


def check(pending: Pending) -> None:
    """Refuse what no server could take, or answer by its `client_id`: one would wait for ever."""
    if CLIENT_ID.fullmatch(pending.client_id) is None:
        raise Refused(
            "invalid_frame", "A client_id has 1 to 64 of the characters A-Z a-z 0-9 . _ : -"
        )
    try:
        size = len(pending.frame().encode())
    except UnicodeEncodeError:
        raise Refused("text_invalid", "A message cannot hold half a character.") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused("invalid_frame", f"This is not JSON: {error}.") from None
    # One that is much too large would cost the socket.
    if size > FRAME_BYTES_MAX:
        raise Refused("frame_too_large", f"A frame may have {FRAME_BYTES_MAX} bytes.")
