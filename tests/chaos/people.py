"""A user who chats, stops, edits, reloads and moves between nodes, and notes what was promised."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from netra.client import Ack, ChatClient, Closed, Refused, Thread
from tests.chaos.witness import mark

# What a user does next, and how often.
DEEDS: Final = {"ask": 60, "stop": 10, "edit": 8, "again": 6, "reload": 10, "move": 6}
PAUSE_S: Final = (2.0, 8.0)
# How often somebody is too impatient to wait for the answer to a send.
IMPATIENT: Final = 0.15
# For hangs only: more than the longest fault and what comes after it.
ANSWERED_WITHIN_S: Final = 240.0
# Who acts need not wait longer for what is shown.
SHOWN_WITHIN_S: Final = 20.0
# What a server may say no to in this storm.
REFUSALS: Final = frozenset({"limit_reached", "queue_full", "not_ended", "unavailable"})

Say = Callable[[ChatClient], Awaitable[Ack]]


class Chatter:
    """One user with one thread, in one tab that acts and perhaps another that looks on."""

    def __init__(self, number: int, *, cookie: str, urls: Sequence[str], seed: int) -> None:
        self.number = number
        # The other tab looks on at another node.
        self.tabs = [Tab(cookie, urls, node=number % 2)]
        if number % 4 == 0:
            self.tabs.append(Tab(cookie, urls, node=(number + 1) % 2))
        # What was acknowledged: texts by message, runs that were made, runs that were stopped.
        self.texts: dict[str, str] = {}
        self.runs: list[str] = []
        self.stopped: list[str] = []
        self.sent: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self.faults: list[str] = []
        self.answer_s_max = 0.0
        self._chance = random.Random(f"{seed}/{number}")
        self._asked = 0
        self._wishes = 0

    @property
    def thread_id(self) -> str | None:
        return self.tabs[0].thread_id

    @property
    def is_waiting(self) -> bool:
        """Whether something should come: the answer to a frame, or more of a run."""
        return self._wishes > 0 or self.tabs[0].is_waiting

    def sight(self) -> tuple[object, ...]:
        """What the user sees; where it stays the same, nothing came."""
        return (len(self.texts), len(self.stopped), *self.tabs[0].sight())

    async def live(self, over: asyncio.Event) -> None:
        """Do one thing after another until it is over, and then ask once more."""
        for tab in self.tabs:
            await tab.open()
        await self._pause(over, self._chance.uniform(0, PAUSE_S[1]))
        while not over.is_set():
            await self._do(self._chance.choices(tuple(DEEDS), tuple(DEEDS.values()))[0])
            await self._pause(over, self._chance.uniform(*PAUSE_S))
        await self._ask()

    async def close(self) -> None:
        for tab in self.tabs:
            await tab.close()

    async def _pause(self, over: asyncio.Event, for_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), for_s)

    async def _do(self, deed: str) -> None:
        if deed == "ask" or not self.texts:
            await self._ask()
            return
        message_id = self._chance.choice(list(self.texts)[-3:])
        match deed:
            case "stop":
                run_id = self.runs[-1]
                if await self._answer(lambda client: client.stop(run_id)):
                    self.stopped.append(run_id)
            case "edit":
                text = self._text()
                ack = await self._answer(lambda client: client.edit(message_id, text))
                self._note(ack, text)
            case "again":
                run_id = self.runs[-1]
                ack = await self._answer(lambda client: client.regenerate(run_id))
                self._note_run(ack)
            case "reload":
                await self.tabs[0].reload()
            case "move":
                await self.tabs[0].move()

    async def _ask(self) -> None:
        text, thread_id = self._text(), self.thread_id
        client_id = f"c-{self.number}-{self._asked}"

        async def send(client: ChatClient) -> Ack:
            return await client.send(text, thread_id=thread_id, client_id=client_id)

        asking = asyncio.create_task(self._answer(send))
        if self._chance.random() < IMPATIENT:
            await asyncio.wait({asking}, timeout=self._chance.uniform(0, 1))
            if not asking.done():
                await self.tabs[0].reload()
        ack = await asking
        if ack is None or ack.message_id is None:
            return
        self.sent[client_id] = ack.message_id
        self._note(ack, text)
        for tab in self.tabs:
            await tab.show(ack.thread_id)

    def _text(self) -> str:
        self._asked += 1
        number = mark(self.number, self._asked)
        return f"What is {' + '.join([str(number)] * self._chance.randrange(2, 9))}?"

    def _note(self, ack: Ack | None, text: str) -> None:
        if ack is not None and ack.message_id is not None:
            self.texts[ack.message_id] = text
        self._note_run(ack)

    def _note_run(self, ack: Ack | None) -> None:
        if ack is not None and ack.run_id is not None and ack.run_id not in self.runs:
            self.runs.append(ack.run_id)

    async def _answer(self, say: Say) -> Ack | None:
        """Say it until it has its final answer, by whatever client there is; None for a no."""
        began_s = time.monotonic()
        self._wishes += 1
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                return await self._said(say)
        except TimeoutError:
            self.faults.append(f"no answer to user {self.number} in {ANSWERED_WITHIN_S:.0f} s")
            return None
        finally:
            self._wishes -= 1
            self.answer_s_max = max(self.answer_s_max, time.monotonic() - began_s)

    async def _said(self, say: Say) -> Ack | None:
        while True:
            try:
                return await say(self.tabs[0].client)
            except Closed as closed:
                if closed.code != 1000:
                    self.faults.append(f"user {self.number} was shut out: {closed}")
                    return None
                # The tab was reloaded meanwhile: its page says it again.
                await asyncio.sleep(0.05)
            except Refused as refused:
                self.refused[refused.code] += 1
                if refused.code not in REFUSALS:
                    self.faults.append(f"user {self.number} was refused: {refused}")
                if not refused.retryable or refused.code == "limit_reached":
                    return None
                await asyncio.sleep(1)


class Tab:
    """One page of a user: a client at one of the nodes, and the thread that it shows."""

    def __init__(self, cookie: str, urls: Sequence[str], *, node: int) -> None:
        self.thread_id: str | None = None
        self._cookie = cookie
        self._urls = urls
        self._node = node
        self.client = self._new()

    def _new(self) -> ChatClient:
        return ChatClient(self._urls[self._node], cookie=self._cookie)

    @property
    def thread(self) -> Thread | None:
        """What it has of its thread; None while it has nothing."""
        if self.thread_id is None:
            return None
        try:
            return self.client.thread(self.thread_id)
        except KeyError:
            return None

    @property
    def is_waiting(self) -> bool:
        thread = self.thread
        if thread is None:
            return self.thread_id is not None
        return thread.seq is None or thread.active_run_id is not None

    def sight(self) -> tuple[object, ...]:
        thread = self.thread
        if thread is None:
            return (self.client,)
        run_id = thread.active_run_id
        return (self.client, thread.seq, len(thread.text_of(run_id)) if run_id else 0)

    async def open(self) -> None:
        await self.client.__aenter__()

    async def close(self) -> None:
        await self.client.close()

    async def show(self, thread_id: str) -> None:
        """Show a thread from now on; the same one again changes nothing."""
        if self.thread_id is None:
            self.thread_id = thread_id
            await self._follow(None)

    async def reload(self) -> None:
        """As a page that is loaded anew: nothing is known, and a snapshot tells all."""
        await self._replace(None)

    async def move(self) -> None:
        """Go on at the other node from where this one has brought it."""
        self._node = 1 - self._node
        thread = self.thread
        await self._replace(thread.seq if thread else None)

    async def _replace(self, after_seq: int | None) -> None:
        old, self.client = self.client, self._new()
        await old.close()
        await self.open()
        if self.thread_id is not None:
            await self._follow(after_seq)

    async def _follow(self, after_seq: int | None) -> None:
        # The client goes on asking by itself.
        assert self.thread_id is not None
        with contextlib.suppress(TimeoutError, Closed):
            async with asyncio.timeout(SHOWN_WITHIN_S):
                await self.client.follow(self.thread_id, after_seq=after_seq)
