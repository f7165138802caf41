"""A run told as AG-UI: frames of its thread go in, events come out that the protocol allows.

AG-UI's runs end where a user is needed; ours waits. So one of ours may be told in several of
theirs, each from its beginning: a MESSAGES_SNAPSHOT replaces what the client has of it already.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from chat.api.agui import events
from chat.api.agui.events import event
from chat.api.agui.frames import CallRead, EventRead, FrameRead, RunRead, read

ENDED_CALLS: Final = frozenset({"ok", "error", "stopped", "denied"})
_UNTOLD: Final = (
    "The server closes this stream, and the run goes on: run the same again for the rest."
)
_WHY: Final[Mapping[str, str]] = {
    "access_ended": "You have no access any more.",
    "not_found": "There is no such thread.",
    "not_shown": "This answer lies too far back to be told: read it under /api/runs/.",
}


class Opening(Struct, frozen=True, kw_only=True):
    """What is told to whom: the client's names, its own list of messages, how our run stands."""

    thread_name: str
    run_name: str
    thread_id: str
    run_id: str
    # Without what this run has told before, but with its thoughts, which stay.
    history: Sequence[Mapping[str, Any]]
    is_retold: bool = False
    # Calls that nobody is asked about any more.
    decided: frozenset[str] = frozenset()
    # What the client offered in vain.
    unused: Sequence[str] = ()


class RunStory:
    """One stream's teller; `message` takes each frame once, in order."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._run_id = opening.run_id
        self.is_over = False
        self._model = ""
        self._text = ""
        self._waiting_text = ""
        self._attempt = 0
        # The text message that is open, and how many have been.
        self._part = ""
        self._parts = 0
        self._calls: set[str] = set()
        self._results: set[str] = set()
        # Calls and their results, as they were told.
        self._steps: list[str] = []
        self._thoughts = {
            one["id"]: one
            for one in opening.history
            if one["role"] == "reasoning" and one["id"].startswith(self._run_id)
        }

    def waits_with(self, text: str) -> None:
        """The run waits with so much text, of which the interrupt may be told first."""
        self._waiting_text = text

    def opening(self) -> str:
        """What comes before everything that happens."""
        opening = self._opening
        names = {"threadId": opening.thread_name, "runId": opening.run_name}
        told = [event("RUN_STARTED", **names, protocolVersion=events.PROTOCOL_VERSION)]
        if opening.is_retold:
            told.append(event("MESSAGES_SNAPSHOT", messages=opening.history))
        told.append(
            events.custom("run", {"thread_id": opening.thread_id, "run_id": opening.run_id})
        )
        if opening.unused:
            told.append(events.custom("unused", opening.unused))
        return "".join(told)

    def message(self, frame: str) -> str:
        """What a frame says of this run, as none to many events."""
        if self.is_over:
            return ""
        said = read(frame)
        match said.type:
            case "events":
                return "".join(
                    self._happened(one) for one in said.events if one.run_id == self._run_id
                )
            case "delta" if said.run_id == self._run_id:
                return self._delta(said)
            case "snapshot":
                return self._stands(said)
            case _:
                return ""

    def end(self, code: str) -> str:
        """The last word to a client whose run has not been told to its end."""
        if self.is_over:
            return ""
        return self._failed({"code": code, "message": _WHY.get(code, _UNTOLD)}, usage=None)

    def _happened(self, one: EventRead) -> str:
        data = one.data
        if self.is_over:
            return ""
        match one.type:
            case "agent_started":
                self._model = data["model"]
                return ""
            case "agent_thinking":
                self._model = data.get("model") or self._model
                return self._thought(f"{self._run_id}:{one.seq}", data["text"])
            case "tool_call" | "tool_executing":
                return self._call(data["call_id"], data["tool_name"], data["args"])
            case "tool_completed":
                return self._result(
                    data["call_id"], data["status"], data.get("result"), data.get("error")
                )
            case "approval_required":
                return self._interrupt(data["call_id"], data["tool_name"], data["expires_at"])
            case "message_created":
                return self._wrote(data["text"])
            case "message_completed":
                return ""
            case "agent_completed":
                return self._ended(data["status"], data["usage"], data.get("error"))
            case kind:
                return events.custom(kind, data)

    def _delta(self, piece: FrameRead) -> str:
        is_again = piece.attempt > self._attempt
        if piece.attempt < self._attempt or piece.offset > len(self._text):
            return ""
        self._attempt = piece.attempt
        if not is_again and piece.offset + len(piece.text) <= len(self._text):
            return ""
        return self._wrote(self._text[: piece.offset] + piece.text)

    def _wrote(self, text: str) -> str:
        """The answer as far as it has come; where it has another beginning, all is told anew."""
        if not text.startswith(self._text):
            return self._tell_anew(text)
        more, self._text = text[len(self._text) :], text
        return self._say(more) if more else ""

    def _say(self, text: str) -> str:
        opened = ""
        if not self._part:
            self._parts += 1
            self._part = f"{self._run_id}:text:{self._parts}"
            opened = event("TEXT_MESSAGE_START", messageId=self._part, role="assistant")
        return opened + event("TEXT_MESSAGE_CONTENT", messageId=self._part, delta=text)

    def _tell_anew(self, text: str) -> str:
        closed = self._close()
        messages = [*self._opening.history, *self._thoughts.values()]
        known = {one["id"]: one for one in messages}
        self._text, self._parts = text, 0
        return "".join(
            (
                closed,
                event("MESSAGES_SNAPSHOT", messages=list(known.values())),
                *self._steps,
                self._say(text) if text else "",
            )
        )

    def _close(self) -> str:
        if not self._part:
            return ""
        closed, self._part = event("TEXT_MESSAGE_END", messageId=self._part), ""
        return closed

    def _thought(self, message_id: str, text: str) -> str:
        if message_id in self._thoughts:
            return ""
        self._thoughts[message_id] = {"id": message_id, "role": "reasoning", "content": text}
        return self._close() + events.reasoning(message_id, text)

    def _call(self, call_id: str, name: str, args: object) -> str:
        # One that was approved is told already, if with the arguments that the model chose.
        if call_id in self._calls:
            return ""
        self._calls.add(call_id)
        return self._step(events.tool_call(self._named(call_id), name, args))

    def _result(
        self, call_id: str, status: str, result: object, error: Mapping[str, str] | None
    ) -> str:
        if call_id in self._results:
            return ""
        self._results.add(call_id)
        return self._step(events.tool_result(self._named(call_id), status, result, error))

    def _step(self, told: str) -> str:
        self._steps.append(told)
        return self._close() + told

    def _named(self, call_id: str) -> str:
        # Ours are known within their run, AG-UI's within the whole list of messages.
        return f"{self._run_id}:{call_id}"

    def _interrupt(self, call_id: str, tool_name: str, expires_at: str | None) -> str:
        if call_id in self._opening.decided:
            return ""
        text = self._waiting_text
        rest = self._wrote(text) if len(text) > len(self._text) else ""
        waits = events.interrupt(self._named(call_id), tool_name, expires_at)
        return rest + self._finished({"type": "interrupt", "interrupts": [waits]})

    def _ended(self, status: str, usage: Mapping[str, Any], error: Mapping[str, Any] | None) -> str:
        used = events.token_usage(self._model, usage)
        if status == "completed":
            return self._finished({"type": "success"}, used)
        if status == "stopped":
            return self._finished({"type": "cancelled"}, used)
        return self._failed(error or {"code": status, "message": "The run has failed."}, used)

    def _finished(
        self, outcome: Mapping[str, Any], usage: Sequence[Mapping[str, Any]] | None = None
    ) -> str:
        closed = self._close()
        self.is_over = True
        names = {"threadId": self._opening.thread_name, "runId": self._opening.run_name}
        return closed + event("RUN_FINISHED", **names, outcome=outcome, usage=usage)

    def _failed(self, error: Mapping[str, Any], usage: Sequence[Mapping[str, Any]] | None) -> str:
        closed = self._close()
        self.is_over = True
        words = {"message": error["message"], "code": error["code"]}
        return closed + event("RUN_ERROR", **words, usage=usage)

    def _stands(self, snapshot: FrameRead) -> str:
        """The run as a snapshot has it, which comes where its events would be too many."""
        views = [one for one in snapshot.messages if one.role == "assistant"]
        active = snapshot.active_run
        for view in [*views, *([active] if active else [])]:
            if view.run_id == self._run_id:
                return self._stood(view)
        if any(one.run_id == self._run_id for one in snapshot.queued_runs):
            return ""
        return self.end("not_shown")

    def _stood(self, view: RunRead) -> str:
        self._model = view.model
        told = []
        if view.thinking and not self._thoughts:
            told.append(self._thought(f"{self._run_id}:thoughts", view.thinking))
        told += [self._call_stood(call) for call in view.tool_calls]
        if not self.is_over and view.status in ("completed", "stopped", "failed", "limit"):
            told.append(self._wrote(view.text))
            told.append(self._ended(view.status, view.usage, view.error))
        return "".join(told)

    def _call_stood(self, call: CallRead) -> str:
        if self.is_over:
            return ""
        told = self._call(call.call_id, call.tool_name, call.args)
        if call.status in ENDED_CALLS:
            return told + self._result(call.call_id, call.status, call.result, call.error)
        if call.status == "waiting":
            return told + self._interrupt(call.call_id, call.tool_name, call.expires_at)
        return told
