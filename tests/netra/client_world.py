"""A server of one thread in memory, and a dialogue that talks to it by hand-moved time."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from netra.client.dialogue import Dialogue
from netra.client.outbox import Outbox

Frame = dict[str, Any]

THREAD = "thread_1_aaaaaa"
RUN = "run_1_aaaaaa"
USER = "user_1_aaaaaa"
REPLAY_DEPTH_MAX = 12
REPLAY_BATCH = 3

ENTITLEMENTS: Frame = {
    "tier": "free",
    "base_tier": "free",
    "trial": None,
    "limits": {"runs_month": 1000},
    "features": ["basic_chat"],
    "why": "because",
    "next_change": None,
}
SERVICES: Frame = {"database": True, "bus": True, "runs": True}
WELCOME: Frame = {
    "type": "welcome",
    "connection_id": "conn_1_aaaaaa",
    "limits": {"frame": 65_536, "text": 10_000},
    "heartbeat_s": 25,
}


def ready(user_id: str = USER, **services: bool) -> Frame:
    return {
        "type": "ready",
        "user": {"user_id": user_id, "email": "ada@example.com"},
        "entitlements": ENTITLEMENTS,
        "limits": {},
        "services": SERVICES | services,
        "active_runs": [],
    }


def event(seq: int, kind: str = "tool_progress", **data: Any) -> Frame:
    run_id = data.pop("run_id", RUN)
    return {
        "seq": seq,
        "type": kind,
        "run_id": run_id,
        "agent_name": "assistant",
        "ts": "2026-11-22T10:00:00.000Z",
        "data": data,
    }


def events(*batch: Frame, thread_id: str = THREAD) -> Frame:
    return {"type": "events", "thread_id": thread_id, "events": list(batch)}


def delta(offset: int, text: str, *, attempt: int = 1, run_id: str = RUN) -> Frame:
    return {
        "type": "delta",
        "thread_id": THREAD,
        "run_id": run_id,
        "attempt": attempt,
        "offset": offset,
        "text": text,
    }


def snapshot(
    seq: int, *messages: Frame, active_run: Frame | None = None, tip: str | None = None
) -> Frame:
    """A thread as it stands; without `tip` its branch ends in the run of its last message."""
    return {
        "type": "snapshot",
        "thread_id": THREAD,
        "seq": seq,
        "messages": list(messages),
        "more": False,
        "tip": tip or (messages[-1]["run_id"] if messages else None),
        "active_run": active_run,
        "queued_runs": [],
    }


def ack(client_id: str, *, seq: int | None = 1, duplicate: bool = False) -> Frame:
    """The answer to a send, or without a seq to a stop."""
    return {
        "type": "ack",
        "client_id": client_id,
        "message_id": None if seq is None else f"msg_1_{seq:06}",
        "thread_id": THREAD,
        "run_id": RUN,
        "seq": seq,
        "duplicate": duplicate,
    }


def error(code: str, *, retryable: bool = False, **more: Any) -> Frame:
    return {"type": "error", "code": code, "message": code, "retryable": retryable, **more}


def subscribe(after_seq: int | None, thread_id: str = THREAD) -> Frame:
    return {"type": "subscribe", "thread_id": thread_id, "after_seq": after_seq}


@dataclass(slots=True)
class Talk:
    """A dialogue whose clock stands still until it is moved."""

    dialogue: Dialogue = field(
        default_factory=lambda: Dialogue(outbox=Outbox(limit=10), events_kept=1000)
    )
    now: float = 100.0

    def connect(self, *, user_id: str = USER) -> "Talk":
        self.dialogue.opening(self.now)
        self.hear(WELCOME, ready(user_id))
        return self

    def hear(self, *frames: Frame) -> None:
        for frame in frames:
            self.dialogue.receive(json.dumps(frame).encode(), self.now)

    def says(self, *, after_s: float = 0.0) -> list[Frame]:
        """What the client sends by now, `seen` left out."""
        self.now += after_s
        frames = [json.loads(text) for text in self.dialogue.to_send(self.now)]
        return [frame for frame in frames if frame["type"] != "seen"]

    def cut(self, code: int = 1006) -> None:
        self.dialogue.closed(code, "", self.now, chance=0.0)


def followed(*, after_seq: int | None = 0) -> Talk:
    """A ready client that has asked for its thread; what it said so far is taken away."""
    talk = Talk().connect()
    talk.dialogue.followings.follow(THREAD, after_seq=after_seq)
    assert talk.says() == [subscribe(after_seq)]
    return talk


@dataclass(slots=True)
class Server:
    """One thread's log and the text of its active run, as the server keeps and tells them."""

    log: list[Frame] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    attempt: int = 1
    is_followed: bool = False
    _runs: int = 0

    def append(self, *batch: Frame) -> list[Frame]:
        for number, one in enumerate(batch, start=len(self.log) + 1):
            self.log.append({**one, "seq": number})
        return [events(*self.log[-len(batch) :])] if self.is_followed else []

    def begin(self) -> list[Frame]:
        self._runs += 1
        self.run_id, self.attempt = f"run_1_{self._runs:06}", 1
        self.texts[self.run_id] = ""
        name = f"ask{self._runs}"
        after = {"after_run_id": f"run_1_{self._runs - 1:06}"} if self._runs > 1 else {}
        asked = event(0, "message_created", run_id=None, message_id=name, role="user", **after)
        started = self._event("agent_started", model="m", trigger="send", question_id=name)
        return self.append(asked, started)

    def stream(self, text: str) -> list[Frame]:
        assert self.run_id is not None
        offset = len(self.texts[self.run_id])
        self.texts[self.run_id] += text
        return [self._delta(offset)] if self.is_followed else []

    def crash(self, *, keeps: int) -> list[Frame]:
        """Another worker goes on from what was stored of the text."""
        assert self.run_id is not None
        self.attempt += 1
        self.texts[self.run_id] = self.texts[self.run_id][:keeps]
        return self.append(self._event("run_resumed", attempt=self.attempt, reason="lost"))

    def end(self) -> list[Frame]:
        assert self.run_id is not None
        text, name = self.texts[self.run_id], f"answer{self._runs}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        frames = self.append(
            self._event("message_created", message_id=name, role="assistant", text=text),
            self._event("message_completed", message_id=name, length=len(text), sha256=digest),
            self._event("agent_completed", status="completed", message_id=name, usage={}),
        )
        self.run_id = None
        return frames

    def answer(self, frame: Frame) -> list[Frame]:
        if frame["type"] == "ping":
            return [self.pong()]
        if frame["type"] != "subscribe":
            return []
        self.is_followed = True
        after = frame["after_seq"]
        told: list[Frame] = []
        if after is None or not len(self.log) - REPLAY_DEPTH_MAX <= after <= len(self.log):
            told.append(self._snapshot())
            after = len(self.log)
        missed = self.log[after:]
        told += [events(*missed[n : n + REPLAY_BATCH]) for n in range(0, len(missed), REPLAY_BATCH)]
        return [*told, self._delta(0)] if self.run_id is not None else told

    def pong(self) -> Frame:
        return {"type": "pong", "heads": {THREAD: len(self.log)} if self.is_followed else {}}

    def _event(self, kind: str, **data: Any) -> Frame:
        return event(0, kind, run_id=self.run_id, **data)

    def _delta(self, offset: int) -> Frame:
        assert self.run_id is not None
        text = self.texts[self.run_id][offset:]
        return delta(offset, text, attempt=self.attempt, run_id=self.run_id)

    def _snapshot(self) -> Frame:
        created = [one for one in self.log if one["type"] == "message_created"]
        tip = f"run_1_{self._runs:06}"
        active = {"run_id": self.run_id, "status": "running", "attempt": self.attempt}
        return snapshot(
            len(self.log),
            *(_message(one) for one in created),
            active_run=active if self.run_id else None,
            tip=tip,
        )


def _message(created: Frame) -> Frame:
    data = created["data"]
    # Each question has one answer, whose number is its own.
    number = int(data["message_id"].removeprefix("ask").removeprefix("answer"))
    is_asked = data["role"] == "user"
    return {
        "message_id": data["message_id"],
        "role": data["role"],
        "text": data.get("text", ""),
        "run_id": f"run_1_{number:06}",
        "status": "stored" if is_asked else "completed",
        "seq": created["seq"],
        "ts": created["ts"],
        **(
            {"after_run_id": data.get("after_run_id")}
            if is_asked
            else {"question_id": f"ask{number}"}
        ),
    }


def seqs(batch: Sequence[Frame]) -> list[int]:
    return [one["seq"] for one in batch]
