"""A processor of queued messages that remembers, waits and fails as told."""

import asyncio

from chat.connection.message_queue import QueuedMessage


class Processor:
    """Async; `gate` holds each message up, `failures[payload]` lets that many attempts fail."""

    def __init__(self, failures: dict[str, int] | None = None) -> None:
        self.delivered: list[str] = []
        self.attempts: list[tuple[str, int]] = []
        self.failures = dict(failures or {})
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, message: QueuedMessage[str]) -> None:
        self.attempts.append((message.payload, message.attempts))
        await self.gate.wait()
        self.check(message)

    def now(self, message: QueuedMessage[str]) -> None:
        """The same, sync."""
        self.attempts.append((message.payload, message.attempts))
        self.check(message)

    def check(self, message: QueuedMessage[str]) -> None:
        if self.failures.get(message.payload, 0) > 0:
            self.failures[message.payload] -= 1
            raise OSError(message.payload)
        self.delivered.append(message.payload)
