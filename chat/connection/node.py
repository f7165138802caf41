"""This web process among the others: its open sockets, their places, its drain."""

import asyncio
import os
import secrets
import socket
from collections.abc import Collection
from itertools import islice
from typing import Final, Protocol

import structlog
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from billing import services as billing
from billing.errors import LimitReached, UnknownReservation
from chat import nodes
from chat.connection import open_streams
from chat.database import in_database
from chat.delivery import bell, trace
from chat.delivery.bell import ForceFail
from chat.delivery.hub import Hub
from chat.protocol.codes import CloseCode
from netra.ids import ConnectionID

logger = structlog.get_logger(__name__)

BEAT_EVERY_S: Final = 1.0
# Three times before what is held lapses.
RENEW_EVERY_S: Final = 15.0
RENEWED_AT_ONCE_MAX: Final = 500
# Places given back within this time share a transaction.
GIVE_BACK_AFTER_S: Final = 0.02
# What an operator's drain spreads the reconnects over.
DRAIN_WITHIN_S: Final = 10.0
_OUTAGES: Final = (DatabaseError, PoolTimeout)


class OpenSocket(Protocol):
    """A socket, as far as its process decides about it."""

    connection_id: ConnectionID
    place: str

    def tell_drain(self, *, reconnect_after_ms: int) -> None: ...

    def force_fail(self, reason: str) -> None: ...

    async def close(self, code: CloseCode, reason: str = "") -> None: ...


class Node:
    """One web process; runs on its one loop."""

    def __init__(self, sockets: Collection[OpenSocket]) -> None:
        self._sockets = sockets
        # Never the same again: a container restarts with its old host name and pid.
        self.name = f"{socket.gethostname()[:48]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.draining = False
        self._drained_by_order = False
        self._leaving: set[str] = set()
        self._gone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._drain: asyncio.Task[None] | None = None

    def begin(self, hub: Hub) -> None:
        """Beat, renew, give back and obey as long as the hub runs; once is enough for a loop."""
        loop = asyncio.get_running_loop()
        if self._tasks and all(not t.done() and t.get_loop() is loop for t in self._tasks):
            return
        self._gone = asyncio.Event()
        works = (self._beat, self._renew, self._release_left)
        self._tasks = [hub.keep(work) for work in works]
        hub.obey(ForceFail, self.obey)
        hub.spawn(hub.hear(bell.node_group(self.name)))

    def give_back(self, place: str) -> None:
        """Free the place of a socket that has ended, in a moment."""
        if place:
            self._leaving.add(place)
            self._gone.set()

    def obey(self, order: ForceFail) -> None:
        """Fail one connection because an operator says so, if it is still here."""
        for one in tuple(self._sockets):
            if one.connection_id == order.connection_id:
                one.force_fail(order.reason)

    async def drain(self, *, within_s: float) -> None:
        """Ask every client to reconnect, spread over `within_s`, and close with 1012; end streams.

        From now on whoever comes is sent away the same way.
        """
        self.draining = True
        open_streams.end_all()
        sockets = tuple(self._sockets)
        for number, one in enumerate(sockets):
            one.tell_drain(reconnect_after_ms=int(1000 * within_s * number / len(sockets)))
        await asyncio.gather(
            *(one.close(CloseCode.DRAIN, "the server restarts") for one in sockets),
            return_exceptions=True,
        )

    async def depart(self) -> None:
        """Leave nothing behind: notes not written, places held, the row of this process."""
        try:
            await trace.current().write()
            await self._release(self._leaving | {one.place for one in self._sockets} - {""})
            await in_database(nodes.depart, name=self.name)
        except _OUTAGES:
            logger.info("the places of this process are left to lapse: the database is away")

    async def _beat(self) -> None:
        while True:
            try:
                wanted = await in_database(
                    nodes.beat,
                    name=self.name,
                    connections=len(self._sockets),
                    draining=self.draining,
                )
            except _OUTAGES:
                wanted = self._drained_by_order
            if wanted and not self.draining:
                logger.info("draining, as an operator has asked")
                self._drained_by_order = True
                # Not waited for: with many sockets it takes longer than a beat may be late.
                self._drain = asyncio.create_task(self.drain(within_s=DRAIN_WITHIN_S))
            elif self._drained_by_order and not wanted:
                logger.info("taking connections again, as an operator has asked")
                self._drained_by_order = self.draining = False
            if self.draining:
                open_streams.end_all()  # those that came since
            await asyncio.sleep(BEAT_EVERY_S)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            holders = {one.place: one for one in self._sockets if one.place}
            places = iter(tuple(holders))
            while some := set(islice(places, RENEWED_AT_ONCE_MAX)):
                try:
                    kept = await in_database(billing.renew_all, keys=some)
                    lost = await in_database(_lost_for_good, some - kept)
                except _OUTAGES:
                    break
                # Together: a client that does not read takes seconds, and the others' places lapse.
                reason = "the place of this connection was taken"
                await asyncio.gather(
                    *(holders[one].close(CloseCode.TOO_MANY_CONNECTIONS, reason) for one in lost)
                )

    async def _release_left(self) -> None:
        while True:
            await self._gone.wait()
            await asyncio.sleep(GIVE_BACK_AFTER_S)
            self._gone.clear()
            leaving, self._leaving = self._leaving, set()
            try:
                await self._release(leaving)
            except _OUTAGES:
                # Kept: until they lapse their users would be refused, and for good.
                self._leaving |= leaving
                self._gone.set()
                await asyncio.sleep(BEAT_EVERY_S)

    async def _release(self, places: Collection[str]) -> None:
        left = iter(tuple(places))
        while some := set(islice(left, RENEWED_AT_ONCE_MAX)):
            await in_database(billing.release_all, keys=some)


def _lost_for_good(places: Collection[str]) -> list[str]:
    """Take lapsed places again; gives those that others have taken meanwhile."""
    lost = []
    for place in places:
        try:
            billing.renew(key=place)
        except LimitReached:
            lost.append(place)
        except UnknownReservation:
            continue  # closed meanwhile, and forgotten
    return lost
