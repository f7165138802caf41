"""The socket `/ws/chat/`: handshake, set-up beside the receiving of frames, clean-up."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any, ClassVar, Final

import structlog
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.conf import settings
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from accounts import tokens
from chat.connection import admission, places
from chat.connection.account_news import AccountNews
from chat.connection.census import Census
from chat.connection.door import Door
from chat.connection.exchange import Exchange
from chat.connection.heartbeat import HEARTBEAT_S, Heartbeat
from chat.connection.inbound import Frame, Inbound, take_each
from chat.connection.message_queue import MessagePriority
from chat.connection.node import Node
from chat.connection.outbound import Outbound
from chat.connection.places import Guest
from chat.connection.registry import ConnectionRegistry
from chat.connection.state_machine import ConnectionState
from chat.connection.subscriber import Subscriber
from chat.connection.throttle import Throttle
from chat.database import in_database
from chat.delivery import hub, trace
from chat.delivery.bell import AccessEnded
from chat.errors import NotAdmitted
from chat.protocol.codes import CloseCode, ErrorCode
from chat.protocol.frames import (
    SUBPROTOCOL,
    AnyClientFrame,
    Drain,
    FrameLimits,
    FrameRefused,
    Ping,
    Pong,
    Ready,
    Seen,
    ServerFrame,
    Services,
    State,
    Welcome,
    WhoIAm,
    decode,
    encode,
)
from netra.ids import ConnectionID, UserID
from netra.tally import TALLY
from netra.text_frames import write_now_of

logger = structlog.get_logger(__name__)

IDLE_AFTER_S: Final = 60.0
SETUP_LIMIT_S: Final = 5.0
# How long a closing socket lets the frame in hand be answered.
ANSWER_GRACE_S: Final = 0.8

REGISTRY: Final = ConnectionRegistry()


class ChatConsumer(AsyncConsumer):
    """One connection, from handshake to close: one id, one machine."""

    # No channel of its own: what concerns this socket arrives through the process's hub.
    channel_layer_alias: ClassVar[str] = "none"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asgi: dict[str, Any] = scope
        self.connection_id = ConnectionID.new()
        self.machine = REGISTRY.register(self.connection_id)
        self.inbound = Inbound(
            self.connection_id,
            self.machine,
            answer=self._answer,
            on_dead_letter=self._bury,
            on_expired=self._refuse_late,
        )
        self.outbound = Outbound(
            self.connection_id,
            write=self._write,
            on_stuck=self._on_stuck,
            on_pause=self._put_heads,
            write_now=write_now_of(scope),
        )
        self.hub = hub.current()
        # The key of its place among the user's connections, while it may hold one.
        self.place = ""
        self.subscriber = Subscriber(self.connection_id, self.hub, self.outbound, self._spawn)
        self.exchange: Exchange | None = None
        self.admitted: Guest | None = None
        self.closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttle = Throttle(time.monotonic())
        self._heartbeat = Heartbeat(self._beat)
        self._news: AccountNews | None = None
        self._main = asyncio.current_task()
        self._given_up = False
        OPEN.add(self)
        CENSUS.begin(self.hub.spawn)
        NODE.begin(self.hub)
        self.base_send = send
        try:
            await take_each(receive, self.dispatch)
        except asyncio.CancelledError:
            if not self._given_up or self._main is None:
                raise
            # Or the limits of the clean-up would take the cancellation for theirs.
            self._main.uncancel()
        finally:
            # Not called for a client that vanishes in mid-send, disconnect() cleans nothing up.
            await self._clean_up()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # The stock one hops to a thread for database connections on every message.
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, _message: dict[str, Any]) -> None:
        offered = SUBPROTOCOL in self.asgi["subprotocols"]
        # Accept first: a browser sees nothing but 1006 of a socket that is refused before.
        await self._send_event(
            {"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None}
        )
        self.machine.transition_to(ConnectionState.ACCEPTED)
        if NODE.draining:
            await self.close(CloseCode.DRAIN, "the server restarts")
            return
        if not admission.may_knock(self.asgi):
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
        TALLY.frames_received += 1
        if self.closing:
            return
        if not self._throttle.allows_one(time.monotonic()):
            await self.close(CloseCode.TOO_FAST, "too many frames a second")
            return
        try:
            if text is None:
                raise FrameRefused(ErrorCode.INVALID_FRAME, "Frames are text, not binary.")
            frame = decode(text)
        except FrameRefused as refused:
            # Read no faster than the answers are written, or a flood of these ends the socket.
            await self.outbound.room()
            self._put(refused.frame(), MessagePriority.CRITICAL)
            return
        if isinstance(frame, Seen):
            # Never behind other frames: these may wait for what it confirms.
            self.outbound.confirm(frame.bytes)
            self.subscriber.confirm(frame.heads)
            return
        if isinstance(frame, Ping) and self.exchange is not None and self.machine.is_operational:
            # Whatever the database does to the frames before it, the connection is alive.
            await self.outbound.room()
            self._put_heads()
            return
        await self.inbound.take(frame)

    async def websocket_disconnect(self, _message: dict[str, Any]) -> None:
        raise StopConsumer

    async def close(self, code: CloseCode, reason: str = "") -> None:
        """Close with a code that tells the client what to do, after what waits was written."""
        if self.closing:
            return
        self.closing = True
        TALLY.closed.add(str(code.value))
        if not self.machine.transition_to(ConnectionState.CLOSING, reason=reason):
            self.machine.transition_to(ConnectionState.CLOSED, reason=reason)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.inbound.finish(within_s=ANSWER_GRACE_S)
                await self.outbound.drained()
        try:
            async with asyncio.timeout(1):
                await self._send_quietly(
                    {"type": "websocket.close", "code": _on_the_wire(code), "reason": reason[:120]}
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
            self.place = ""
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
        # Known before it is held: whoever is cancelled with the answer on its way, or whose answer
        # was lost after the commit, gives it back all the same.
        self.place = places.key_of(NODE.name, self.connection_id)
        admitted = await DOOR.admit(admission.Asked(scope=self.asgi, place=self.place))
        user = admitted.user
        user_id = UserID(user.public_id)
        self.machine.identify(user_id)
        self.machine.transition_to(ConnectionState.AUTHENTICATED)
        self.admitted = guest = admitted.guest
        self.place = admitted.place
        self.exchange = Exchange(guest, self.connection_id, self.outbound, self.subscriber)
        self._news = AccountNews(user, self.outbound, self._spawn)
        await self.hub.start()
        await self.hub.follow(user_id, self)
        services = self.hub.services
        if services.all_up:
            self.machine.transition_to(ConnectionState.SERVICES_READY)
        self._put(
            Ready(
                user=WhoIAm(user_id=user_id, email=user.email),
                entitlements=admission.entitlements_view(admitted.entitlements),
                limits=admission.limits(),
                services=services,
                active_runs=admitted.active_runs,
            )
        )
        # Ready is on its way before anything that waits is answered.
        self.machine.transition_to(
            ConnectionState.PROCESSING_READY if services.all_up else ConnectionState.DEGRADED
        )
        self._heartbeat.start()
        self._news.expect(admitted.entitlements)
        admission.forget_handshake(self.asgi)

    async def _answer(self, frame: AnyClientFrame) -> None:
        assert self.exchange is not None, "frames wait until set-up is done"
        self.machine.transition_to(ConnectionState.PROCESSING)
        try:
            with structlog.contextvars.bound_contextvars(connection_id=self.connection_id):
                await self.exchange.answer(frame)
        finally:
            self.machine.transition_to(self._resting_state())

    async def _bury(self, message: Frame, error: BaseException | None) -> None:
        if self.exchange is not None:
            await self.exchange.bury(message, error)

    def _refuse_late(self, message: Frame, _error: BaseException | None) -> None:
        if self.exchange is not None:
            self.exchange.refuse_late(message.payload)

    def _resting_state(self) -> ConnectionState:
        if self.hub.services.all_up:
            return ConnectionState.PROCESSING_READY
        return ConnectionState.DEGRADED

    # What the hub tells of this socket's user

    def on_frame(self, frame: str) -> None:
        self.outbound.put(frame, MessagePriority.NORMAL)

    def on_services(self, services: Services) -> None:
        if not self.machine.is_operational:
            return  # `ready` is still to come and says it, or nothing is said any more
        self.machine.transition_to(self._resting_state())
        self._put(State(services=services), MessagePriority.CRITICAL)

    def on_access_ended(self, ended: AccessEnded) -> None:
        if ended.session_key is None:
            self.on_access_changed()  # a new password ends sessions and no token
        elif ended.session_key == self.session_key:
            self._spawn(self.close(CloseCode(ended.code), "access has ended"))

    def on_entitlements(self) -> None:
        if tokens.is_key(self.session_key):
            # What the plan allows decides whether a token opens anything.
            self._spawn(self._check_access())
        if self._news is not None:
            self._news.tell()

    def on_access_changed(self) -> None:
        self._spawn(self._check_access())

    @property
    def session_key(self) -> str:
        return self.admitted.session_key if self.admitted else ""

    async def _check_access(self) -> None:
        if self.admitted is None:
            return
        try:
            await in_database(admission.check, self.asgi, self.admitted)
        except NotAdmitted as refused:
            await self.close(refused.code, refused.reason)
        except (DatabaseError, PoolTimeout):
            return  # asked again within the second

    # What this socket's process decides

    def tell_drain(self, *, reconnect_after_ms: int) -> None:
        self._put(Drain(reconnect_after_ms=reconnect_after_ms), MessagePriority.CRITICAL)

    def force_fail(self, reason: str) -> None:
        self.machine.force_fail(reason)
        self._spawn(self.close(CloseCode.COME_BACK_LATER, "an operator ended this connection"))

    # Timers and tasks of this socket

    def _put_heads(self) -> None:
        self._put(Pong(heads=self.subscriber.heads()))

    def _beat(self) -> None:
        self._put_heads()
        if self._news is not None:
            self._news.look_ahead()
        quiet_s = time.monotonic() - self.machine.metrics.last_activity
        if quiet_s > IDLE_AFTER_S and self.machine.state is ConnectionState.PROCESSING_READY:
            self.machine.transition_to(ConnectionState.IDLE)

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
        if not self.closing:
            TALLY.closed.add("client")
        NODE.give_back(self.place)
        self.closing = True
        self._heartbeat.stop()
        if self._news is not None:
            self._news.stop()
        if not self.machine.is_terminal:
            self.machine.transition_to(ConnectionState.CLOSED)
        REGISTRY.unregister(self.connection_id)
        for task in tuple(self._tasks):
            task.cancel()
        await self.subscriber.close()
        if self.admitted is not None:
            await self.hub.unfollow(self.admitted.user.public_id, self)
        await self.inbound.close()
        await self.outbound.close()


def _on_the_wire(code: CloseCode) -> int:
    # daphne's library takes 1012 from an application for a mistake, and sends nothing.
    return code.private if settings.NETRA_SERVER == "daphne" else code.value


# Every open socket of this process.
OPEN: Final[set[ChatConsumer]] = set()
NODE: Final = Node(OPEN)
DOOR: Final = Door(NODE.give_back)
CENSUS: Final = Census(OPEN, node=NODE.name)
trace.call_node(NODE.name)


def begin() -> None:
    """Let this process beat, count and take orders before it has a socket; on its loop."""
    own = hub.current()
    own.spawn(own.start())
    NODE.begin(own)
    CENSUS.begin(own.spawn)
