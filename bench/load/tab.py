"""One open page of a user, made of the Python client's own parts, with a meter on them."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.load.meter import Meter
from bench.load.visitors import Visitor
from netra.client import Ack, ClientState, Closed, Dialogue, Outbox, PendingRegenerate, PendingSend
from netra.client.dialogue import STATE
from netra.client.line import Line
from netra.client.news import News
from netra.client.pending import Pending, PendingStop
from netra.client.run import ENDED

# A user has one question under way; a stop may be beside it.
PENDING_MAX: Final = 4
# A simulated user looks at nothing twice.
EVENTS_KEPT: Final = 50
LOST: Final = 1006


@dataclass(slots=True)
class Question:
    """When a message was sent, and whether what it waits for has come."""

    sent_at: float
    has_event: bool = False
    has_token: bool = False


class MeteredDialogue(Dialogue):
    """The client's dialogue, whose frames are counted as they come."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(outbox=Outbox(PENDING_MAX), events_kept=EVENTS_KEPT)
        self.question: Question | None = None
        self._meter = meter

    def receive(self, raw: bytes, now: float) -> None:
        kind = raw[9 : raw.find(b'"', 9)]
        self._meter.take(kind, raw)
        if self.question is not None:
            self._time(self.question, kind, now)
        super().receive(raw, now)

    def closed(self, code: int, reason: str, now: float, *, chance: float) -> None:
        if self.final is None:
            self._meter.closes[code] += 1
        super().closed(code, reason, now, chance=chance)

    def _time(self, question: Question, kind: bytes, now: float) -> None:
        took_ms = 1000 * (now - question.sent_at)
        if kind == b"events" and not question.has_event:
            question.has_event = True
            self._meter.to_first_event_ms.append(took_ms)
        elif kind == b"delta" and not question.has_token:
            question.has_token = True
            self._meter.to_first_token_ms.append(took_ms)


class Tab:
    """Connects again by itself, as the client does; every wait has an end."""

    def __init__(self, visitor: Visitor, meter: Meter) -> None:
        self.visitor = visitor
        self.thread_id: str | None = None
        self._meter = meter
        self._news = News()
        self._dialogue = MeteredDialogue(meter)
        self._line = Line(
            visitor.url,
            cookie=visitor.cookie,
            token=visitor.token,
            dialogue=self._dialogue,
            news=self._news,
        )
        self._keeping: asyncio.Task[None] | None = None

    async def open(self, *, within_s: float) -> None:
        """Connect; raises Closed, or TimeoutError."""
        started = time.monotonic()
        self._keeping = asyncio.create_task(self._line.keep())
        ready = (ClientState.READY, ClientState.DEGRADED)
        await self._until(STATE, lambda: self._dialogue.state in ready, within_s=within_s)
        self._meter.to_ready_ms.append(1000 * (time.monotonic() - started))

    async def close(self) -> None:
        self._dialogue.end(Closed(1000, "the load is over"))
        await self._line.hang_up()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})

    async def ask(self, text: str, *, within_s: float) -> str:
        """Send a message; gives its run once it is acknowledged. Raises Refused, TimeoutError."""
        self._meter.counts.sends += 1
        question = Question(time.monotonic())
        self._dialogue.question = question
        send = PendingSend(client_id=_new_id(), text=text, thread_id=self.thread_id)
        ack = await self._answered(send, within_s=within_s)
        self._meter.to_ack_ms.append(1000 * (time.monotonic() - question.sent_at))
        self.thread_id = ack.thread_id
        return _run_of(ack)

    async def regenerate(self, run_id: str, *, within_s: float) -> str:
        """Have a run's question answered once more; gives the new run."""
        again = PendingRegenerate(client_id=_new_id(), run_id=run_id)
        return _run_of(await self._answered(again, within_s=within_s))

    async def stop(self, run_id: str, *, within_s: float) -> None:
        await self._answered(PendingStop(client_id=_new_id(), run_id=run_id), within_s=within_s)

    async def text_begins(self, run_id: str, *, within_s: float) -> None:
        """Wait until the answer has text, or has ended without."""
        await self._until_run(
            lambda: self._has_ended(run_id) or bool(self._text_of(run_id)), within_s
        )

    async def ended(self, run_id: str, *, within_s: float) -> None:
        """Wait for the end of a run, and count it."""
        await self._until_run(lambda: self._has_ended(run_id), within_s)
        self._dialogue.question = None
        self._meter.counts.answers += 1
        assert self.thread_id is not None, "it asked"
        thread = self._dialogue.followings[self.thread_id].thread
        self._meter.ends[str(thread.status_of(run_id))] += 1

    def follow(self, thread_id: str) -> None:
        """Follow a thread of the same user from now on."""
        self._dialogue.followings.follow(thread_id, after_seq=None)
        self._line.turn.set()

    async def _answered(self, pending: Pending, *, within_s: float) -> Ack:
        outbox = self._dialogue.outbox
        outbox.add(pending)
        self._line.turn.set()
        key = pending.client_id
        await self._until(key, lambda: outbox.answer_to(key) is not None, within_s=within_s)
        answer = outbox.answer_to(key)
        if not isinstance(answer, Ack):
            assert answer is not None, "it was waited for"
            raise answer
        self._meter.counts.acks += 1
        return answer

    async def _until_run(self, holds: Callable[[], bool], within_s: float) -> None:
        assert self.thread_id is not None, "only who asked waits for an answer"
        await self._until(self.thread_id, holds, within_s=within_s)

    async def _until(self, key: str, holds: Callable[[], bool], *, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                final = self._dialogue.final
                if final is not None:
                    raise Closed(final.code, final.reason)
                await self._news.of(key)

    def _has_ended(self, run_id: str) -> bool:
        return self._dialogue.followings[self.thread_id or ""].thread.status_of(run_id) in ENDED

    def _text_of(self, run_id: str) -> str:
        return self._dialogue.followings[self.thread_id or ""].thread.text_of(run_id)


def _new_id() -> str:
    return secrets.token_hex(12)


def _run_of(ack: Ack) -> str:
    assert ack.run_id is not None, "what is asked has a run"
    return ack.run_id
