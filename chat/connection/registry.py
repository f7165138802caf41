"""The connections of this process: one id and one machine from handshake to close (SPEC §1)."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chat.connection.state_machine import (
    ConnectionIdTaken,
    ConnectionState,
    ConnectionStateMachine,
)
from netra.ids import ConnectionID, UserID
from netra.tally import TALLY


@dataclass(frozen=True, slots=True)
class RegistryStats:
    """How many connections there are; `by_state` answers 0 for a state nobody is in."""

    total: int
    operational: int
    by_state: Mapping[ConnectionState, int]


class ConnectionRegistry:
    """Finds the machine of a connection; every method may be called from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._machines: dict[ConnectionID, ConnectionStateMachine] = {}

    def register(
        self, connection_id: ConnectionID, user_id: UserID | None = None
    ) -> ConnectionStateMachine:
        """The machine of this id, made when it is new.

        A known id that nobody was identified for becomes this user's; one of another user
        raises ConnectionIdTaken. Ids of the wrong form raise ValueError.
        """
        with self._lock:
            machine = self._machines.get(connection_id)
            if machine is None:
                machine = ConnectionStateMachine(connection_id, user_id, clock=self._clock)
                self._machines[machine.connection_id] = machine
                TALLY.opened += 1
        if user_id is not None:
            machine.identify(user_id)
        return machine

    def get(self, connection_id: ConnectionID) -> ConnectionStateMachine | None:
        return self._machines.get(connection_id)

    def is_ready(self, connection_id: ConnectionID) -> bool:
        """Whether this connection may process messages; an unknown one never may."""
        machine = self._machines.get(connection_id)
        return machine is not None and machine.can_process_messages

    def unregister(self, connection_id: ConnectionID) -> bool:
        """Forget this connection; False when it was not known."""
        with self._lock:
            return self._machines.pop(connection_id, None) is not None

    def operational(self) -> list[ConnectionStateMachine]:
        return [machine for machine in self._all() if machine.is_operational]

    def in_state(self, state: ConnectionState) -> list[ConnectionStateMachine]:
        return [machine for machine in self._all() if machine.state is state]

    def of_user(self, user_id: UserID) -> list[ConnectionStateMachine]:
        return [machine for machine in self._all() if machine.user_id == user_id]

    def sweep(self) -> int:
        """Forget the connections that are closed or failed; returns how many."""
        with self._lock:
            ended = [key for key, machine in self._machines.items() if machine.is_terminal]
            for connection_id in ended:
                del self._machines[connection_id]
        return len(ended)

    def stats(self) -> RegistryStats:
        snapshots = [machine.snapshot() for machine in self._all()]
        return RegistryStats(
            total=len(snapshots),
            operational=sum(snapshot.is_operational for snapshot in snapshots),
            by_state=Counter(snapshot.state for snapshot in snapshots),
        )

    def _all(self) -> list[ConnectionStateMachine]:
        with self._lock:
            return list(self._machines.values())


__all__ = ["ConnectionIdTaken", "ConnectionRegistry", "RegistryStats"]
