"""Answers one socket's frames: each with a `client_id` gets exactly one final answer."""

import asyncio
import contextlib
import time
from typing import Final, assert_never

import structlog
from django.db import DatabaseError

from accounts import session_use, tokens
from billing.errors import LimitReached
from chat import approvals, branches, dead_letters, precedence, selectors, services
from chat.connection import postbox
from chat.connection.message_queue import MessagePriority, QueuedMessage
from chat.connection.outbound import Outbound
from chat.connection.places import Guest
from chat.connection.refusals import FAILED, OUTAGES, REFUSALS, limit_refusal, unavailable
from chat.connection.subscriber import Subscriber
from chat.database import in_database
from chat.errors import ChatError, ReadOnly, ThreadNotFound, TokenOnlyReads
from chat.models import Run
from chat.protocol.codes import ErrorCode
from chat.protocol.frames import (
    Ack,
    Advance,
    Answered,
    AnyClientFrame,
    Approve,
    Edit,
    FrameRefused,
    Ping,
    Pong,
    Regenerate,
    Seen,
    Send,
    ServerFrame,
    Stop,
    Subscribe,
    Switch,
    Typing,
    Unsubscribe,
    encode,
)
from netra.ids import ThreadID
from netra.tally import TALLY
from netra.traces import traced

logger = structlog.get_logger(__name__)

# With a frozen database; what it stores after that answers a retry with the same client_id.
ANSWERED_WITHIN_S: Final = 8.0

# What staff may send who look at an account, and tokens that only read.
_LOOKING: Final = (Subscribe, Unsubscribe, Seen, Ping)


def is_by_hand(frame: AnyClientFrame) -> bool:
    """Did a person just do this? A page that is merely open confirms, pings and resumes."""
    opens_thread = isinstance(frame, Subscribe) and frame.after_seq is None
    return opens_thread or isinstance(frame, Answered | Unsubscribe | Typing)


class Exchange:
    """What a signed-in user's socket may ask, and how it is answered."""

    __slots__ = ("_admitted", "_connection_id", "_outbound", "_subscriber", "_user")

    def __init__(
        self, admitted: Guest, connection_id: str, outbound: Outbound, subscriber: Subscriber
    ) -> None:
        self._admitted = admitted
        self._user = admitted.user
        self._connection_id = connection_id
        self._outbound = outbound
        self._subscriber = subscriber

    async def answer(self, frame: AnyClientFrame) -> None:
        """Answer one frame; refusals and outages are told in an error frame.

        What is raised is a fault of ours: the queue tries again and then buries the frame.
        """
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await self._answer(frame)
        except FrameRefused as refused:
            self._refuse(frame, refused)
        except ChatError as error:
            code, text = REFUSALS[type(error)]
            self._refuse(frame, FrameRefused(code, text))
        except LimitReached as limit:
            self._refuse(frame, limit_refusal(limit))
        except OUTAGES as error:
            logger.warning("a frame could not be answered", reason=type(error).__name__)
            self._refuse(frame, unavailable())
        TALLY.frames_took.add(time.monotonic() - began_s)

    async def bury(
        self, message: QueuedMessage[AnyClientFrame], error: BaseException | None
    ) -> None:
        """Keep a frame that failed at every attempt for an operator, and tell its sender."""
        frame = message.payload
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await in_database(
                    dead_letters.keep,
                    user=self._user,
                    connection_id=self._connection_id,
                    frame=frame,
                    error=error,
                    attempts=message.attempts,
                )
        except dead_letters.DeadLettersFull:
            logger.warning("too many dead letters wait; this one is not kept")
            self._refuse(frame, unavailable())
        except (DatabaseError, *OUTAGES):
            logger.exception("a dead letter could not be kept")
            self._refuse(frame, unavailable())
        else:
            self._refuse(frame, FrameRefused(ErrorCode.FAILED, FAILED))

    def refuse_late(self, frame: AnyClientFrame) -> None:
        """Answer a frame that waited too long to be taken up."""
        self._refuse(frame, unavailable())

    async def _answer(self, frame: AnyClientFrame) -> None:
        if self._admitted.only_looks and not isinstance(frame, _LOOKING):
            raise ReadOnly
        if not self._admitted.may_write and not isinstance(frame, _LOOKING):
            raise TokenOnlyReads
        await self._note_work(frame)
        match frame:
            case Send():
                await self._send(frame)
            case Subscribe():
                await self._subscribe(frame)
            case Unsubscribe():
                await self._subscriber.unsubscribe(frame.thread_id)
            case Stop():
                await self._stop(frame)
            case Advance():
                await self._advance(frame)
            case Edit():
                await self._edit(frame)
            case Regenerate():
                await self._regenerate(frame)
            case Switch():
                await self._switch(frame)
            case Approve():
                await self._approve(frame)
            case Typing():
                self._subscriber.type_in(frame.thread_id)
            case Seen():
                pass  # taken the moment it arrived
            case Ping():
                await self._put(Pong(heads=self._subscriber.heads()))
            case _:
                assert_never(frame)

    async def _note_work(self, frame: AnyClientFrame) -> None:
        """Keep the session open that a person is at work in; a page alone sends only the rest."""
        key = self._admitted.session_key
        if is_by_hand(frame) and not tokens.is_key(key) and session_use.is_due(key):
            await in_database(session_use.note_work, key)

    async def _send(self, frame: Send) -> None:
        message = services.Outgoing(
            client_id=frame.client_id,
            text=frame.text,
            thread_id=frame.thread_id,
            files=frame.files,
            interrupt=frame.mode == "interrupt",
            model=frame.model,
            new_thread_id=ThreadID.new() if frame.thread_id is None else None,
        )
        if message.new_thread_id is None:
            await self._ack_posted(frame.client_id, await self._posted(message))
            return
        # Who hears a thread before it is there misses nothing, and need not read its log.
        async with self._subscriber.listening(message.new_thread_id):
            await self._ack_posted(frame.client_id, await self._posted(message))

    async def _posted(self, message: services.Outgoing) -> services.Posted:
        return await postbox.current().post(self._user, message)

    async def _edit(self, frame: Edit) -> None:
        posted = await in_database(
            branches.edit,
            user=self._user,
            client_id=frame.client_id,
            message_id=frame.message_id,
            text=frame.text,
            model=frame.model,
        )
        await self._ack_posted(frame.client_id, posted)

    @traced("acknowledge")
    async def _ack_posted(self, client_id: str, posted: services.Posted) -> None:
        # Stored is stored: with too many threads followed it is acknowledged all the same.
        with contextlib.suppress(FrameRefused):
            await self._subscriber.follow_own(
                thread=posted.thread, thread_id=posted.thread_id, seq=posted.seq
            )
        await self._put(
            Ack(
                client_id=client_id,
                message_id=posted.message_id,
                thread_id=posted.thread_id,
                run_id=posted.run_id,
                seq=posted.seq,
                duplicate=posted.duplicate,
            )
        )

    async def _subscribe(self, frame: Subscribe) -> None:
        thread = await self._thread(frame.thread_id)
        await self._subscriber.subscribe(
            thread=thread, thread_id=frame.thread_id, after_seq=frame.after_seq
        )

    async def _stop(self, frame: Stop) -> None:
        run: Run = await in_database(services.stop_run, user=self._user, run_id=frame.run_id)
        await self._ack(frame.client_id, run, duplicate=run.cancel_requested_at is not None)

    async def _advance(self, frame: Advance) -> None:
        done = await in_database(precedence.advance, user=self._user, run_id=frame.run_id)
        await self._ack(frame.client_id, done.run, duplicate=done.duplicate)

    async def _regenerate(self, frame: Regenerate) -> None:
        shown = await in_database(
            branches.answer_again,
            user=self._user,
            client_id=frame.client_id,
            run_id=frame.run_id,
            model=frame.model,
        )
        await self._ack_shown(frame.client_id, shown)

    async def _switch(self, frame: Switch) -> None:
        shown = await in_database(
            branches.switch, user=self._user, run_id=frame.run_id, message_id=frame.message_id
        )
        await self._ack_shown(frame.client_id, shown)

    async def _ack_shown(self, client_id: str, shown: branches.Shown) -> None:
        await self._put(
            Ack(
                client_id=client_id,
                message_id=shown.message_id,
                thread_id=shown.run.thread.public_id,
                run_id=shown.run.public_id,
                seq=shown.seq,
                duplicate=shown.duplicate,
            )
        )

    async def _approve(self, frame: Approve) -> None:
        run, is_repeat = await in_database(
            approvals.decide,
            user=self._user,
            run_id=frame.run_id,
            call_id=frame.call_id,
            decision=frame.decision,
            args=frame.args,
        )
        await self._ack(frame.client_id, run, duplicate=is_repeat)

    async def _ack(self, client_id: str, run: Run, *, duplicate: bool) -> None:
        """Answer what concerns a run and stores no message."""
        await self._put(
            Ack(
                client_id=client_id,
                message_id=None,
                thread_id=run.thread.public_id,
                run_id=run.public_id,
                seq=None,
                duplicate=duplicate,
            )
        )

    async def _thread(self, thread_id: str) -> int:
        thread = await in_database(selectors.thread_key, user=self._user.pk, thread_id=thread_id)
        if thread is None:
            raise ThreadNotFound
        return thread

    async def _put(self, frame: ServerFrame) -> None:
        # An answer is never dropped for want of room; the deadline of writing ends the wait.
        await self._outbound.room()
        self._outbound.put(encode(frame))

    def _refuse(self, frame: AnyClientFrame, refused: FrameRefused) -> None:
        """Answer with an error that says which frame it answers."""
        # No thread_id: another user's thread must be answered exactly like a missing one.
        TALLY.refusals.add(refused.code.value)
        refused.client_id = frame.client_id if isinstance(frame, Answered) else None
        self._outbound.put(encode(refused.frame()), MessagePriority.CRITICAL)
