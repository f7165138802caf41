"""The client that is always there again: sends, follows, heals and reconnects by itself."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from netra.client.api import Api
from netra.client.dialogue import OUTBOX, STATE, ClientState, Dialogue
from netra.client.errors import Closed, Overtaken, Refused
from netra.client.frames import Account, Ack, Event, Services, User
from netra.client.line import Line
from netra.client.news import News
from netra.client.outbox import Outbox
from netra.client.outbox_file import OutboxFile
from netra.client.pending import (
    Pending,
    PendingAdvance,
    PendingDecision,
    PendingEdit,
    PendingRegenerate,
    PendingSend,
    PendingStop,
    PendingSwitch,
    check,
)
from netra.client.thread import Thread

logger = logging.getLogger(__name__)

EVENTS_KEPT: Final = 10_000
SENDS_KEPT: Final = 1000


class ChatClient:
    """One user's connection to Netra, over any number of sockets; used as `async with`.

    It is let in by an API token, or by the session in `cookie` (see `sign_in`).

    What is sent is sent until it is answered; what is followed is complete and in order. After a
    final close code every method that waits raises Closed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        cookie: str = "",
        token: str = "",
        outbox: Path | None = None,
        events_kept: int = EVENTS_KEPT,
        sends_kept: int = SENDS_KEPT,
    ) -> None:
        self._file = OutboxFile(outbox) if outbox is not None else None
        self._outbox = Outbox(sends_kept)
        self._dialogue = Dialogue(outbox=self._outbox, events_kept=events_kept)
        self._news = News()
        self._line = Line(
            base_url, cookie=cookie, token=token, dialogue=self._dialogue, news=self._news
        )
        self._api = Api(base_url, cookie=cookie, token=token)
        self._saving = asyncio.Lock()
        self._saved: tuple[PendingSend, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self._file is not None:
            self._saved = await asyncio.to_thread(self._file.read)
            self._outbox.restore(self._saved)
        self._tasks = [
            asyncio.create_task(self._line.keep()),
            asyncio.create_task(self._keep_file()),
        ]
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; unanswered sends stay in the outbox file, if there is one."""
        self._dialogue.end(Closed(1000, "the client was closed"))
        try:
            await self._line.hang_up()
        finally:
            # Whoever is cancelled while the good-bye is said leaves nothing running either.
            ending, self._tasks = self._tasks, []
            for task in ending:
                task.cancel()
            self._news.ring_all()
        await asyncio.gather(*ending, return_exceptions=True)
        await self._save()

    @property
    def state(self) -> ClientState:
        return self._dialogue.state

    @property
    def user(self) -> User | None:
        """Who is signed in; None before the first `ready`."""
        return self._dialogue.user

    @property
    def account(self) -> Account | None:
        """What the user may do, always the newest; None before the first `ready`."""
        return self._dialogue.account

    @property
    def services(self) -> Services:
        return self._dialogue.services

    @property
    def connection_id(self) -> str | None:
        return self._dialogue.connection_id

    @property
    def times_ready(self) -> int:
        """How many connections became ready; all but the first were reconnects."""
        return self._dialogue.times_ready

    @property
    def pending(self) -> tuple[Pending, ...]:
        """What has had no final answer yet, oldest first."""
        return self._outbox.pending

    async def wait_for(self, *states: str, within_s: float = 30) -> ClientState:
        """Wait until the client is in one of `states`; raises TimeoutError, or Closed."""
        async with asyncio.timeout(within_s):
            await self._until(STATE, lambda: self.state in states)
        return self.state

    async def send(
        self,
        text: str,
        *,
        thread_id: str | None = None,
        client_id: str | None = None,
        files: Sequence[str] = (),
        mode: str = "queue",
        model: str | None = None,
    ) -> Ack:
        """Send a message, into a new thread without `thread_id`; gives its final answer.

        With the mode interrupt it stops the active run and goes before all that wait; `model`
        answers in this thread from now on. It is sent again after each reconnect until it is
        answered, once stored whatever happens. Who stops waiting does not take it back. Raises
        Refused, OutboxFull, Closed.
        """
        send = PendingSend(
            client_id=client_id or new_client_id(),
            text=text,
            thread_id=thread_id,
            mode=mode,
            files=tuple(files),
            model=model,
        )
        check(send)
        await self._put(send)
        return await self.answer_to(send.client_id)

    async def models(self) -> list[dict[str, Any]]:
        """The models that may be chosen, {model, name}, the default first; raises Refused."""
        return await asyncio.to_thread(self._api.models)

    async def upload(self, path: Path) -> str:
        """Store a file that a message may name in `files`; raises Refused, Unanswered, OSError."""
        return await asyncio.to_thread(self._api.upload, path)

    async def stop(self, run_id: str) -> Ack:
        """Ask a run to stop; its `agent_completed` follows. Raises Refused, OutboxFull, Closed."""
        return await self._ask(PendingStop(client_id=new_client_id(), run_id=run_id))

    async def advance(self, run_id: str) -> Ack:
        """Let a message that waits go before all others, and stop the active run of its thread.

        Raises Refused, OutboxFull, Closed.
        """
        return await self._ask(PendingAdvance(client_id=new_client_id(), run_id=run_id))

    async def edit(self, message_id: str, text: str, *, model: str | None = None) -> Ack:
        """Give a message another text: in place while it waits, else as a version beside it.

        A version is a new message with a new run, and its branch is shown; the answer names both.
        Raises Refused, OutboxFull, Closed.
        """
        edit = PendingEdit(client_id=new_client_id(), message_id=message_id, text=text, model=model)
        return await self._ask(edit)

    async def regenerate(self, run_id: str, *, model: str | None = None) -> Ack:
        """Answer the question of a run once more, and show that; the answer names the new run.

        Raises Refused (`not_ended` while the run goes on), OutboxFull, Closed.
        """
        again = PendingRegenerate(client_id=new_client_id(), run_id=run_id, model=model)
        return await self._ask(again)

    async def switch(self, *, run_id: str | None = None, message_id: str | None = None) -> Ack:
        """Show the branch through an answer, or instead a question, that was added to last.

        The answer names the run in which it ends. Raises Refused, OutboxFull, Closed.
        """
        switch = PendingSwitch(client_id=new_client_id(), run_id=run_id, message_id=message_id)
        return await self._ask(switch)

    async def approve(
        self, run_id: str, call_id: str, *, args: dict[str, Any] | None = None
    ) -> Ack:
        """Let a tool call run, with other arguments where given. Raises Refused, Closed."""
        return await self._decide(run_id, call_id, "approve", args)

    async def deny(self, run_id: str, call_id: str) -> Ack:
        """Let a tool call not run; the run goes on without it. Raises Refused, Closed."""
        return await self._decide(run_id, call_id, "deny", None)

    async def _decide(
        self, run_id: str, call_id: str, decision: str, args: dict[str, Any] | None
    ) -> Ack:
        pending = PendingDecision(
            client_id=new_client_id(),
            run_id=run_id,
            call_id=call_id,
            decision=decision,
            args=args,
        )
        return await self._ask(pending)

    async def _ask(self, pending: Pending) -> Ack:
        check(pending)
        self._require_open()
        self._outbox.add(pending)
        self._line.turn.set()
        return await self.answer_to(pending.client_id)

    async def answer_to(self, client_id: str) -> Ack:
        """Wait for the final answer to a frame in the outbox, also one of an earlier program.

        Raises Refused, Closed, and KeyError for a frame that is not known.
        """
        if not self._outbox.holds(client_id) and self._outbox.answer_to(client_id) is None:
            raise KeyError(client_id)
        await self._until(client_id, lambda: self._outbox.answer_to(client_id) is not None)
        answer = self._outbox.answer_to(client_id)
        if isinstance(answer, Refused):
            raise answer
        assert answer is not None
        return answer

    async def follow(self, thread_id: str, *, after_seq: int | None = None) -> Thread:
        """Follow a thread as it stands, or from a position on; gives it once the server does.

        With `after_seq` the events behind it come, unless they are too many: then a snapshot. A
        thread that is followed already stays where it is. Raises Refused, Closed.
        """
        self._require_open()
        self._dialogue.followings.follow(thread_id, after_seq=after_seq)
        self._line.turn.set()
        following = self._dialogue.followings[thread_id]
        await self._until(thread_id, lambda: following.is_settled)
        if following.refusal is not None:
            raise following.refusal
        return following.thread

    def unfollow(self, thread_id: str) -> None:
        """Follow a thread no more and forget what is known of it."""
        self._dialogue.followings.unfollow(thread_id)
        self._news.ring({thread_id})
        self._line.turn.set()

    def thread(self, thread_id: str) -> Thread:
        """A thread that is followed or was sent to; raises KeyError."""
        return self._dialogue.followings[thread_id].thread

    async def events(self, thread_id: str, *, after_seq: int | None = None) -> AsyncIterator[Event]:
        """The events of a thread that is followed, each once and in order, those kept first.

        Where a snapshot stands for events they are left out: `seq` shows it, and `messages` has
        what they said. Raises Overtaken when it is so slow that events are no longer kept, Closed,
        and KeyError when the thread is not followed, or no more.
        """
        thread = self.thread(thread_id)
        last = thread.first_kept - 1 if after_seq is None else after_seq
        while True:
            last = max(last, thread.snapshot_seq or 0)
            if last < thread.first_kept - 1:
                raise Overtaken(thread_id, last)
            for event in thread.events_after(last):
                # The thread may have moved on while the caller worked, but these are in hand.
                last = event.seq
                yield event
            if self.thread(thread_id) is not thread:
                raise KeyError(thread_id)
            if (thread.seq or 0) <= last:
                self._require_open()
                await self._news.of(thread_id)

    def wake(self) -> None:
        """Say that the program slept or the network changed: a dead connection shows in 3 s."""
        self._dialogue.wake(time.monotonic())
        self._line.turn.set()

    # Waiting

    async def _until(self, key: str, holds: Callable[[], bool]) -> None:
        while not holds():
            self._require_open()
            await self._news.of(key)

    def _require_open(self) -> None:
        final = self._dialogue.final
        if final is not None:
            raise Closed(final.code, final.reason)

    # The outbox

    async def _put(self, send: PendingSend) -> None:
        self._require_open()
        if self._file is None or self._outbox.holds(send.client_id):
            self._outbox.add(send)
            self._line.turn.set()
            return
        self._outbox.add(send, is_held=True)
        try:
            await self._save()
        except OSError:
            # Not stored, so never sent: the caller knows of it and may try again.
            self._outbox.withdraw(send.client_id)
            raise
        finally:
            self._outbox.release(send.client_id)
            self._line.turn.set()

    async def _save(self) -> None:
        async with self._saving:
            stored = self._outbox.stored
            if self._file is None or stored == self._saved:
                return
            writing = asyncio.ensure_future(asyncio.to_thread(self._file.write, stored))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                # A thread goes on, and no other may write before it is done.
                await asyncio.wait({writing})
                raise
            self._saved = stored

    async def _keep_file(self) -> None:
        """Take answered sends out of the file; until then a repeat is answered like the first."""
        while True:
            await self._news.of(OUTBOX)
            try:
                await self._save()
            except OSError:
                logger.exception("the outbox could not be written")


def new_client_id() -> str:
    """An id that no other frame of this user has."""
    return secrets.token_hex(12)
