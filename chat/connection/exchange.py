"""Answers one socket's frames: each with a `client_id` gets exactly one final answer."""

import asyncio
import contextlib
from typing import Final, assert_never

import structlog
from django.db import Error as DatabaseError
from procrastinate.exceptions import ProcrastinateException
from psycopg_pool import PoolTimeout

from accounts.models import User
from billing.errors import LimitReached
from chat import selectors, services
from chat.connection.message_queue import MessagePriority
from chat.connection.outbound import Outbound
from chat.connection.subscriber import Subscriber
from chat.database import in_database
from chat.errors import (
    AddressUnverified,
    ChatError,
    ClientIDReused,
    FileNotFound,
    QueueFull,
    RunNotFound,
    ThreadNotFound,
)
from chat.models import Run
from chat.protocol.codes import ErrorCode
from chat.protocol.events import timestamp
from chat.protocol.frames import (
    Ack,
    AnyClientFrame,
    FrameRefused,
    Ping,
    Pong,
    Seen,
    Send,
    ServerFrame,
    Stop,
    Subscribe,
    Unsubscribe,
    encode,
)

logger = structlog.get_logger(__name__)

UNAVAILABLE: Final = "This is not possible right now. Try again in a moment."
RETRY_AFTER_S: Final = 2.0
# A frozen database: the thread that waits for it may yet store the message, and a retry with the
# same client_id is then answered with that.
ANSWERED_WITHIN_S: Final = 8.0
_REFUSALS: Final[dict[type[ChatError], tuple[ErrorCode, str]]] = {
    # What belongs to somebody else is answered exactly like what is not there.
    ThreadNotFound: (ErrorCode.NOT_FOUND, "There is no such thread."),
    RunNotFound: (ErrorCode.NOT_FOUND, "There is no such run."),
    FileNotFound: (
        ErrorCode.FILE_NOT_FOUND,
        "An attached file is missing, or was sent before. Attach it again.",
    ),
    ClientIDReused: (
        ErrorCode.CLIENT_ID_REUSED, "This client_id was used before for another message.",
    ),
    QueueFull: (
        ErrorCode.QUEUE_FULL, "Too many messages wait in this thread. Let some be answered first.",
    ),
    AddressUnverified: (
        ErrorCode.VERIFY_EMAIL, "Verify your e-mail address first, then send this again.",
    ),
}  # fmt: skip


class Exchange:
    """What a signed-in user's socket may ask, and how it is answered."""

    __slots__ = ("_outbound", "_subscriber", "_user", "seen_bytes")

    def __init__(self, user: User, outbound: Outbound, subscriber: Subscriber) -> None:
        self._user = user
        self._outbound = outbound
        self._subscriber = subscriber
        # None until the client confirms for the first time.
        self.seen_bytes: int | None = None

    async def answer(self, frame: AnyClientFrame) -> None:
        """Answer one frame; what cannot be done is told in an error frame, never raised."""
        client_id = frame.client_id if isinstance(frame, Send | Stop) else None
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await self._answer(frame)
        except FrameRefused as refused:
            refused.client_id = refused.client_id or client_id
            self._put_error(refused)
        except ChatError as error:
            code, text = _REFUSALS[type(error)]
            self._put_error(FrameRefused(code, text, client_id=client_id))
        except LimitReached as limit:
            self._put_error(_limit_refusal(limit, client_id))
        except (DatabaseError, PoolTimeout, ProcrastinateException, TimeoutError) as error:
            logger.warning("a frame could not be answered", reason=type(error).__name__)
            self._put_error(_unavailable(client_id))
        except Exception:  # the outermost loop of a frame: each gets an answer, whatever happened
            logger.exception("a frame could not be answered")
            self._put_error(_unavailable(client_id))

    async def _answer(self, frame: AnyClientFrame) -> None:
        match frame:
            case Send():
                await self._send(frame)
            case Subscribe():
                await self._subscribe(frame)
            case Unsubscribe():
                await self._subscriber.unsubscribe(frame.thread_id)
            case Stop():
                await self._stop(frame)
            case Seen():
                self.seen_bytes = frame.bytes
            case Ping():
                await self._put(Pong(heads=self._subscriber.heads()))
            case _:
                assert_never(frame)

    async def _send(self, frame: Send) -> None:
        message = services.Outgoing(
            client_id=frame.client_id,
            text=frame.text,
            thread_id=frame.thread_id,
            files=frame.files,
            interrupt=frame.mode == "interrupt",
        )
        posted = await in_database(services.post_message, user=self._user, message=message)
        # Stored is stored: with too many threads followed it is acknowledged all the same.
        with contextlib.suppress(FrameRefused):
            await self._subscriber.follow_own(
                thread=posted.thread, thread_id=posted.thread_id, seq=posted.seq
            )
        await self._put(
            Ack(
                client_id=frame.client_id,
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
        await self._put(
            Ack(
                client_id=frame.client_id,
                message_id=None,
                thread_id=run.thread.public_id,
                run_id=run.public_id,
                seq=None,
                duplicate=run.cancel_requested_at is not None,
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

    def _put_error(self, refused: FrameRefused) -> None:
        self._outbound.put(encode(refused.frame()), MessagePriority.CRITICAL)


def _unavailable(client_id: str | None) -> FrameRefused:
    return FrameRefused(
        ErrorCode.UNAVAILABLE, UNAVAILABLE, client_id=client_id, retry_after_s=RETRY_AFTER_S
    )


def _limit_refusal(limit: LimitReached, client_id: str | None) -> FrameRefused:
    words = [f"You have used all {limit.limit} of {limit.feature.replace('_', ' ')}."]
    if limit.resets_at is not None:
        words.append(f"The next period begins at {timestamp(limit.resets_at)}.")
    if limit.required_tier is not None:
        words.append(f"The tier {limit.required_tier.value} has more.")
    return FrameRefused(ErrorCode.LIMIT_REACHED, " ".join(words), client_id=client_id)
