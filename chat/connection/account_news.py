"""Telling a connection what its user may do, whenever somebody or time alone has changed it."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final

from django.db import Error as DatabaseError
from django.utils import timezone
from psycopg_pool import PoolTimeout

from accounts.models import User
from billing.entitlements import Entitlements
from billing.selectors import entitlements_of
from chat.connection.admission import entitlements_view
from chat.connection.outbound import Outbound
from chat.database import in_database
from chat.protocol.frames import Account, encode

# How soon entitlements are read again when they could not be.
READ_AGAIN_S: Final = 5.0
# Two heartbeats and more: each looks whether the next change is this near.
NEAR_S: Final = 120.0


class AccountNews:
    """One connection's `account` frames, from set-up to `stop`."""

    __slots__ = ("_asked", "_change", "_outbound", "_spawn", "_timer", "_user")

    def __init__(
        self, user: User, outbound: Outbound, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._user = user
        self._outbound = outbound
        self._spawn = spawn
        self._timer: asyncio.TimerHandle | None = None
        self._change: datetime | None = None
        # How often it was asked: of two readings under way the older one tells nothing.
        self._asked = 0

    def expect(self, entitlements: Entitlements) -> None:
        """Tell again at the moment from which these will not hold any more."""
        self._change = entitlements.next_change
        self.look_ahead()

    def look_ahead(self) -> None:
        """Set the timer once the moment is near: a timer costs more than looking now and then."""
        if self._change is None or self._timer is not None:
            return
        seconds = (self._change - timezone.now()).total_seconds()
        if seconds < NEAR_S:
            self._wake_in(max(0.0, seconds))

    def tell(self) -> None:
        """Read what the user may do now, and put it as one full value."""
        self.stop()
        self._asked += 1
        self._spawn(self._tell(self._asked))

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _tell(self, asked: int) -> None:
        try:
            entitlements = await in_database(entitlements_of, self._user)
        except (DatabaseError, PoolTimeout):
            self._wake_in(READ_AGAIN_S)
            return
        # A full value may be late, but not lost for want of room.
        await self._outbound.room()
        if asked != self._asked:
            return
        self._outbound.put(encode(Account(entitlements=entitlements_view(entitlements))))
        self.expect(entitlements)

    def _wake_in(self, seconds: float) -> None:
        self.stop()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self.tell)
