"""The socket `/ws/chat/`: handshake, set-up beside the receiving of frames, clean-up."""

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine
from typing import Any, ClassVar, Final

import structlog
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from billing.selectors import entitlements_of
from chat.connection.admission import (
    Admitted,
    NotAdmitted,
    admit,
    entitlements_view,
    limits,
    origin_is_ours,
)
from chat.connection.census import Census
from chat.connection.exchange import Exchange
from chat.connection.message_queue import MessagePriority, MessageQueue, QueuedMessage
from chat.connection.outbound import Outbound
from chat.connection.registry import ConnectionRegistry
from chat.connection.state_machine import ConnectionState
from chat.connection.subscriber import Subscriber
from chat.database import in_database
from chat.delivery import hub
from chat.delivery.bell import AccessEnded
from chat.protocol.codes import CloseCode, ErrorCode
from chat.protocol.frames import (
    SUBPROTOCOL,
    Account,
    AnyClientFrame,
    Drain,
    FrameLimits,
    FrameRefused,
    Ping,
    Pong,
    Ready,
    ServerFrame,
    Services,
    State,
    Welcome,
    WhoIAm,
    decode,
    encode,
)
from netra.ids import ConnectionID, UserID

logger = structlog.get_logger(__name__)

HEARTBEAT_S: Final = 25
IDLE_AFTER_S: Final = 60.0
SETUP_LIMIT_S: Final = 5.0
# Frames kept until set-up is done; beyond that the socket is read no further.
INBOUND_FRAMES_MAX: Final = 100

REGISTRY: Final = ConnectionRegistry()


class ChatConsumer(AsyncConsumer):
    """One connection, from handshake to close: one id, one machine."""

    # No channel of its own: what concerns this socket arrives through the process's hub.
    channel_layer_alias: ClassVar[str] = "none"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asgi: dict[str, Any] = scope
        self.connection_id = ConnectionID.new()
        self.machine = REGISTRY.register(self.connection_id)
        self.inbound: MessageQueue[AnyClientFrame] = MessageQueue(
            connection_id=self.connection_id, user_id=None, machine=self.machine
        )
        self.inbound.set_processor(self._process)
        self.outbound = Outbound(self.connection_id, write=self._write, on_stuck=self._on_stuck)
        self.hub = hub.current()
        self.subscriber = Subscriber(self.hub, self.outbound, self._spawn)
        self.exchange: Exchange | None = None
        self.admitted: Admitted | None = None
        self.closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._answering: asyncio.Task[None] | None = None
        self._main = asyncio.current_task()
        self._given_up = False
        OPEN.add(self)
        CENSUS.begin(self.hub.spawn)
        try:
            # Not called for a client that vanishes in mid-send, disconnect() cleans nothing up.
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self._given_up or self._main is None:
                raise
            # Or the limits of the clean-up would take the cancellation for theirs.
            self._main.uncancel()
        finally:
            await self._clean_up()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # The stock one hops to a thread for database connections on every message.
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, _message: dict[str, Any]) -> None:
        offered = SUBPROTOCOL in self.scope["subprotocols"]
        # Accept first: a browser sees nothing but 1006 of a socket that is refused before.
        await self._send_event(
            {"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None}
        )
        self.machine.transition_to(ConnectionState.ACCEPTED)
        if not origin_is_ours(self.asgi):
            await self.close(CloseCode.FORBIDDEN, "the origin is not this host")
            return
        if not offered:
            await self.close(CloseCode.PROTOCOL_ERROR, f"offer the subprotocol {SUBPROTOCOL}")
            return
        self._put(
            Welcome(connection_id=self.connection_id, limits=FrameLimits(), heartbeat_s=HEARTBEAT_S)
        )
        self._spawn(self._set_up())

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        if self.closing:
            return
        try:
            if text is None:
                raise FrameRefused(ErrorCode.INVALID_FRAME, "Frames are text, not binary.")
            frame = decode(text)
        except FrameRefused as refused:
            self._put(refused.frame(), MessagePriority.CRITICAL)
            return
        while len(self.inbound) >= INBOUND_FRAMES_MAX and not self.closing:
            self._room.clear()
            await self._room.wait()
        if isinstance(frame, Ping) and self.exchange is not None and self.machine.is_operational:
            # Whatever the database does to the frames before it, the connection is alive.
            self._put(Pong(heads=self.subscriber.heads()))
            return
        self.inbound.enqueue_nowait(frame, priority=MessagePriority.HIGH)
        # Until set-up is done the queue keeps it, and flushes by itself then.
        if self.machine.is_operational and self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            await self.inbound.flush()
        finally:
            self._answering = None

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        raise StopConsumer

    async def close(self, code: CloseCode, reason: str = "") -> None:
        """Close with a code that tells the client what to do, after what waits was written."""
        if self.closing:
            return
        self.closing = True
        self._room.set()
        if not self.machine.transition_to(ConnectionState.CLOSING, reason=reason):
            self.machine.transition_to(ConnectionState.CLOSED, reason=reason)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.outbound.drained()
        try:
            async with asyncio.timeout(1):
                await self._send_quietly(
                    {"type": "websocket.close", "code": code.value, "reason": reason[:120]}
                )
        except TimeoutError:
            # The transport waits for a client that does not read: nobody will say good-bye.
            self._given_up = True
            if self._main is not None:
                self._main.cancel()

    async def _set_up(self) -> None:
        try:
            async with asyncio.timeout(SETUP_LIMIT_S):
                await self._become_ready()
        except NotAdmitted as refused:
            await self.close(refused.code, refused.reason)
        except TimeoutError:
            self.machine.force_fail("set-up took too long")
            await self.close(CloseCode.SETUP_TIMEOUT, "set-up took too long")
        except (DatabaseError, PoolTimeout):
            self.machine.force_fail("the database is away")
            await self.close(CloseCode.COME_BACK_LATER, "the database is away")
        except Exception:  # the outermost loop of a set-up: a client must not wait for ever
            logger.exception("set-up failed")
            self.machine.force_fail("set-up failed")
            await self.close(CloseCode.COME_BACK_LATER, "set-up failed")

    async def _become_ready(self) -> None:
        admitted = await in_database(admit, self.asgi)
        user = admitted.user
        user_id = UserID(user.public_id)
        self.machine.identify(user_id)
        self.machine.transition_to(ConnectionState.AUTHENTICATED)
        self.admitted = admitted
        self.exchange = Exchange(user, self.outbound, self.subscriber)
        await self.hub.start()
        await self.hub.follow(user_id, self)
        services = self.hub.services
        if services.all_up:
            self.machine.transition_to(ConnectionState.SERVICES_READY)
        self._put(
            Ready(
                user=WhoIAm(user_id=user_id, email=user.email),
                entitlements=entitlements_view(admitted.entitlements),
                limits=limits(),
                services=services,
                active_runs=admitted.active_runs,
            )
        )
        # Ready is on its way before anything that waits is answered.
        self.machine.transition_to(
            ConnectionState.PROCESSING_READY if services.all_up else ConnectionState.DEGRADED
        )
        self._schedule_heartbeat()

    async def _process(self, message: QueuedMessage[AnyClientFrame]) -> None:
        assert self.exchange is not None, "frames wait until set-up is done"
        self.machine.transition_to(ConnectionState.PROCESSING)
        try:
            with structlog.contextvars.bound_contextvars(connection_id=self.connection_id):
                await self.exchange.answer(message.payload)
        finally:
            self.machine.transition_to(self._resting_state())
            if len(self.inbound) < INBOUND_FRAMES_MAX:
                self._room.set()

    def _resting_state(self) -> ConnectionState:
        if self.hub.services.all_up:
            return ConnectionState.PROCESSING_READY
        return ConnectionState.DEGRADED

    # What the hub tells of this socket's user

    def on_frame(self, frame: str) -> None:
        self.outbound.put(frame, MessagePriority.NORMAL)

    def on_services(self, services: Services) -> None:
        self.machine.transition_to(self._resting_state())
        self._put(State(services=services), MessagePriority.CRITICAL)

    def on_access_ended(self, ended: AccessEnded) -> None:
        mine = self.admitted.session_key if self.admitted else None
        if ended.session_key in (None, mine):
            self._spawn(self.close(CloseCode(ended.code), "access has ended"))

    def on_entitlements(self) -> None:
        self._spawn(self._tell_entitlements())

    def on_access_changed(self) -> None:
        self._spawn(self._check_access())

    async def _check_access(self) -> None:
        try:
            await in_database(admit, self.asgi)
        except NotAdmitted as refused:
            await self.close(refused.code, refused.reason)
        except (DatabaseError, PoolTimeout):
            return  # asked again within the second

    async def _tell_entitlements(self) -> None:
        assert self.admitted is not None, "only an admitted socket follows its user"
        try:
            entitlements = await in_database(entitlements_of, self.admitted.user)
        except (DatabaseError, PoolTimeout):
            return
        self._put(Account(entitlements=entitlements_view(entitlements)))

    # Timers and tasks of this socket

    def _schedule_heartbeat(self) -> None:
        # Spread, so that sockets opened together do not all write together.
        delay = HEARTBEAT_S * random.uniform(0.8, 1.2)  # noqa: S311  not for security
        self._heartbeat = asyncio.get_running_loop().call_later(delay, self._beat)

    def _beat(self) -> None:
        self._put(Pong(heads=self.subscriber.heads()))
        quiet_s = time.monotonic() - self.machine.metrics.last_activity
        if quiet_s > IDLE_AFTER_S and self.machine.state is ConnectionState.PROCESSING_READY:
            self.machine.transition_to(ConnectionState.IDLE)
        self._schedule_heartbeat()

    def _on_stuck(self) -> None:
        self._spawn(self.close(CloseCode.SLOW_CONSUMER, "the client does not read"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _put(self, frame: ServerFrame, priority: MessagePriority = MessagePriority.HIGH) -> None:
        self.outbound.put(encode(frame), priority)

    async def _write(self, frame: str) -> None:
        await self._send_event({"type": "websocket.send", "text": frame})

    async def _send_event(self, message: dict[str, Any]) -> None:
        await self.base_send(message)  # type: ignore[arg-type]  # the stub's union of all events

    async def _send_quietly(self, message: dict[str, Any]) -> None:
        # The client may be gone already; that is what closing is for.
        with contextlib.suppress(OSError, RuntimeError):
            await self._send_event(message)

    async def _clean_up(self) -> None:
        OPEN.discard(self)
        self.closing = True
        self._room.set()
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if not self.machine.is_terminal:
            self.machine.transition_to(ConnectionState.CLOSED)
        REGISTRY.unregister(self.connection_id)
        for task in (*self._tasks, *([self._answering] if self._answering else ())):
            task.cancel()
        await self.subscriber.close()
        if self.admitted is not None:
            await self.hub.unfollow(self.admitted.user.public_id, self)
        await self.inbound.close()
        await self.outbound.close()


# Every open socket of this process, for drain and census.
OPEN: Final[set[ChatConsumer]] = set()
CENSUS: Final = Census(OPEN)


async def drain(*, within_s: float) -> None:
    """Ask every client to reconnect, spread over `within_s`, and close with 1012."""
    sockets = tuple(OPEN)
    for number, consumer in enumerate(sockets):
        after_ms = int(1000 * within_s * number / len(sockets))
        consumer.outbound.put(encode(Drain(reconnect_after_ms=after_ms)), MessagePriority.CRITICAL)
    await asyncio.gather(
        *(consumer.close(CloseCode.DRAIN, "the server restarts") for consumer in sockets),
        return_exceptions=True,
    )
