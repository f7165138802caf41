"""A thread as it happens, by SSE: the frames that a socket would get, in the form asked for."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec
from django.db import Error as DatabaseError
from django.http import StreamingHttpResponse
from msgspec import Struct
from psycopg_pool import PoolTimeout

from accounts import tokens
from chat.api.doors import Caller, still_admits
from chat.api.problems import Problem
from chat.connection.open_streams import OPEN
from chat.connection.outbound import Outbound
from chat.connection.subscriber import Subscriber
from chat.database import in_database
from chat.delivery import hub
from chat.delivery.bell import AccessEnded
from chat.errors import ThreadNotFound
from chat.protocol.events import AgentCompleted
from chat.protocol.frames import Services, encode_value
from netra.ids import ConnectionID

HEARTBEAT_S: Final = 15.0
# A proxy cuts what is open for long, and less kindly: the client comes back with its position.
LIFE_MAX_S: Final = 3600.0
RETRY_MS: Final = 1000
STREAMS_PER_USER_MAX: Final = 10
# Beyond it the writer waits, and what is behind stays in the log.
FRAMES_HELD_MAX: Final = 100
_OUTAGES: Final = (DatabaseError, PoolTimeout)


class Position(Struct, frozen=True, kw_only=True):
    """Which thread, from where on; None for the thread as it stands."""

    thread: int
    thread_id: str
    after_seq: int | None


class _EventHead(Struct):
    seq: int
    type: str
    run_id: str | None = None


class _FrameHead(Struct):
    """What a frame must tell of itself to become a message."""

    type: str
    seq: int | None = None
    events: tuple[_EventHead, ...] = ()


_heads: Final = msgspec.json.Decoder(_FrameHead)


class Form(Protocol):
    """How a stream is told: each frame, and why the server closes."""

    @property
    def is_over(self) -> bool:
        """Has all been told that was asked for?"""

    def message(self, frame: str) -> str: ...

    def end(self, code: str) -> str: ...


class FrameForm:
    """The frames as they are, each with its position; with `until_run` over when that run is."""

    def __init__(self, *, until_run: str | None = None) -> None:
        self._until_run = until_run
        self.is_over = False

    def message(self, frame: str) -> str:
        head = _heads.decode(frame)
        seq = head.events[-1].seq if head.events else head.seq
        for event in head.events:
            if event.type == AgentCompleted.type and event.run_id == self._until_run:
                self.is_over = True
        position = "" if seq is None else f"id: {seq}\n"
        return f"{position}event: {head.type}\ndata: {frame}\n\n"

    def end(self, code: str) -> str:
        return _message("end", {"code": code})


class ThreadStream:
    """One reader of one thread; `look` reads the database once the thread is followed."""

    def __init__(
        self,
        caller: Caller,
        position: Position,
        form: Form,
        *,
        look: Callable[[], None] | None = None,
    ) -> None:
        self._look = look
        self._caller = caller
        self._position = position
        self.form = form
        self._frames: deque[str] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = ""
        self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def messages(self) -> AsyncIterator[str]:
        """What goes to the client, as it happens, until somebody ends it."""
        own = hub.current()
        connection_id = ConnectionID.new()
        outbound = Outbound(
            connection_id,
            write=self._write,
            on_stuck=lambda: self.end("slow_consumer"),
            on_pause=lambda: None,
        )
        subscriber = Subscriber(connection_id, own, outbound, self._spawn)
        user_id = self._caller.user.public_id
        OPEN.add(self)
        try:
            await own.start()
            await own.follow(user_id, self)
            await subscriber.subscribe(
                thread=self._position.thread,
                thread_id=self._position.thread_id,
                after_seq=self._position.after_seq,
            )
            if self._look is not None:
                await in_database(self._look)
            async for text in self._follow(subscriber):
                yield text
        except _OUTAGES:
            yield self.form.end("unavailable")
        finally:
            OPEN.discard(self)
            for task in tuple(self._tasks):
                task.cancel()
            # Its own task: this one may be cancelled, as the client has gone.
            own.spawn(self._clean_up(own, subscriber, outbound))

    def end(self, code: str) -> None:
        """Let the client know why, and close; it may come back where it was."""
        self._ending = code
        self._news.set()

    async def _follow(self, subscriber: Subscriber) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LIFE_MAX_S
        while not self._ending and loop.time() < ends_at:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._news.wait()
            except TimeoutError:
                yield ": alive\n\n"
                continue
            self._news.clear()
            frames, self._frames = self._frames, deque()
            self._room.set()
            if frames:
                yield "".join(self._as_message(frame) for frame in frames)
                # The server has taken them, which it does only as fast as the client reads.
                subscriber.outbound.confirm(self._bytes)
                if not self._frames and subscriber.outbound.chars == 0:
                    subscriber.confirm(subscriber.heads())
        yield self.form.end(self._ending or "come_back")

    def _as_message(self, frame: str) -> str:
        self._bytes += len(frame.encode())
        told = self.form.message(frame)
        if self.form.is_over:
            self.end("completed")
        return told

    async def _write(self, frame: str) -> None:
        while len(self._frames) >= FRAMES_HELD_MAX:
            self._room.clear()
            await self._room.wait()
        self._frames.append(frame)
        self._news.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _clean_up(self, own: hub.Hub, subscriber: Subscriber, outbound: Outbound) -> None:
        await own.unfollow(self._caller.user.public_id, self)
        await subscriber.close()
        await outbound.close()

    async def _check_access(self) -> None:
        try:
            admitted = await in_database(still_admits, self._caller)
        except _OUTAGES:
            return  # asked again within the second
        if not admitted:
            self.end("access_ended")

    # What the hub tells of this user

    @property
    def session_key(self) -> str:
        return self._caller.key

    @property
    def user_id(self) -> str:
        return self._caller.user.public_id

    def on_frame(self, frame: str) -> None:
        """News of the user's other threads are not this stream's."""

    def on_services(self, services: Services) -> None:
        """The answer comes when it comes: who reads a stream cannot do anything about it."""

    def on_access_ended(self, ended: AccessEnded) -> None:
        if ended.session_key is None:
            # A new password ends sessions and no token: each is asked about.
            self.on_access_changed()
        elif ended.session_key == self._caller.key:
            self.end("access_ended")

    def on_access_changed(self) -> None:
        self._spawn(self._check_access())

    def on_entitlements(self) -> None:
        if tokens.is_key(self._caller.key):
            self._spawn(self._check_access())


def answer(stream: ThreadStream, *, first: Iterable[str] = ()) -> StreamingHttpResponse:
    """The stream as an answer; raises Problem where its user has as many open as they may."""
    mine = [one for one in tuple(OPEN) if one.user_id == stream.user_id]
    if len(mine) >= STREAMS_PER_USER_MAX:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_streams",
            f"You may have {STREAMS_PER_USER_MAX} streams open. Close one first.",
            retry_after_s=RETRY_MS / 1000,
        )
    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        # nginx would hold back what must arrive at once.
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(_opened(stream, "".join(first)), headers=headers)


def acknowledged(ack: object) -> str:
    """The first message of a stream that answers a send."""
    return _message("ack", ack)


async def _opened(stream: ThreadStream, first: str) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n{first}"
    try:
        async for text in stream.messages():
            yield text
    except ThreadNotFound:
        # Deleted since it was asked for.
        yield stream.form.end("not_found")


def _message(kind: str, value: object) -> str:
    return f"event: {kind}\ndata: {encode_value(value)}\n\n"
