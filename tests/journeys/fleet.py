"""Nodes behind their proxy, and people at them who notice nothing of what happens to one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateWorker

from chat.connection import census
from chat.database import in_database
from chat.models import Event, Message, Run
from netra.client import ChatClient
from tests.chat.api_people import pays
from tests.chat.sockets import session_of
from tests.journeys.conftest import new_person
from tests.journeys.crashes import happens
from tests.proxies import Proxy, proxy
from tests.servers import Servers, wait_until


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two web processes, a worker beside the first; what goes comes again on the same port."""

    nodes: tuple[Servers, Servers]
    proxy: Proxy
    # A process dies with the thread that started it, and a test's own threads end with the test.
    starters: ThreadPoolExecutor

    async def crash(self, node: Servers, name: str) -> None:
        """End a process by -9 and begin it again."""
        node.kill(name)
        await self.begin(node, name)

    async def replace(self, node: Servers, name: str) -> int:
        """What a deployment tool does; gives how the old process has ended."""
        process = node.terminate(name)
        ended: int = await asyncio.to_thread(process.wait, 20)
        await self.begin(node, name)
        return ended

    async def begin(self, node: Servers, name: str) -> None:
        """Start a process; it serves, or takes jobs, when this returns."""
        start = {"web": node.start_web, "worker": lambda: _start_worker(node)}[name]
        await asyncio.get_running_loop().run_in_executor(self.starters, start)


def _start_worker(node: Servers) -> None:
    """One that takes jobs when this returns."""
    newest = ProcrastinateWorker.objects.order_by("-id").values_list("id", flat=True)
    try:
        before = newest.first()
        node.start_worker()
        wait_until(lambda: newest.first() != before)
    finally:
        connection.close()


@contextmanager
def fleet(folder: Path, environment: dict[str, str]) -> Iterator[Fleet]:
    """Everything running, with logs and certificates in `folder`."""
    nodes = (Servers(environment), Servers(environment))
    with proxy(folder, *(node.port for node in nodes)) as front, ThreadPoolExecutor(2) as starters:
        try:
            first = starters.submit(nodes[0].start)
            starters.submit(nodes[1].start_web).result()
            first.result()
            yield Fleet(nodes, front, starters)
        finally:
            for node in nodes:
                node.stop()


_numbers = count(1)


def cookie_of_a_payer() -> str:
    return f"sessionid={session_of(pays(new_person(f'payer{next(_numbers)}').user))}"


async def nodes_of(tabs: list[ChatClient]) -> set[str]:
    """The names of the nodes that serve these; it takes a second until that is known."""
    ids = {tab.connection_id for tab in tabs}
    found: list[census.ConnectionRow] = []

    def are_all_known() -> bool:
        found[:] = [row for row in census.read().rows if row.connection_id in ids]
        return len(found) == len(ids)

    await happens(are_all_known, "all connections are in the census")
    return {row.node for row in found}


@dataclass(slots=True)
class Chatter:
    """Somebody with some tabs on one thread, who asks by turns in each of them."""

    tabs: list[ChatClient]
    thread_id: str = ""
    run_ids: list[str] = field(default_factory=list)

    async def ask(self, text: str) -> None:
        """Ask, and let all tabs follow; the answer is under way when this returns."""
        tab = self.tabs[len(self.run_ids) % len(self.tabs)]
        ack = await tab.send(text, thread_id=self.thread_id or None)
        assert ack.run_id is not None
        self.run_ids.append(ack.run_id)
        if not self.thread_id:
            self.thread_id = ack.thread_id
            for other in self.tabs:
                if other is not tab:
                    await other.follow(self.thread_id, after_seq=0)

    async def ask_until(self, over: asyncio.Event) -> None:
        """Ask one thing after another, and once more after all is over."""
        is_over = False
        while not is_over:
            is_over = over.is_set()
            await self.ask(f"What is {len(self.run_ids)} + {len(self.run_ids)}?")
            await self.answered()

    async def answered(self, within_s: float = 120) -> None:
        """Wait until every tab has seen the end of the newest run."""
        async with asyncio.timeout(within_s):
            for tab in self.tabs:
                async for event in tab.events(self.thread_id):
                    if event.type == "agent_completed" and event.run_id == self.run_ids[-1]:
                        break

    @property
    def is_waiting(self) -> bool:
        """Whether the newest answer still comes, as far as the first tab knows."""
        return self.tabs[0].thread(self.thread_id).active_run_id is not None

    def assert_all_of_it(self) -> None:
        """Every tab has the log as it is, and each answer as it was stored."""
        log = Event.objects.filter(thread__public_id=self.thread_id).order_by("seq")
        seqs = list(log.values_list("seq", flat=True))
        runs = Run.objects.filter(thread__public_id=self.thread_id).order_by("id")
        assert list(runs.values_list("public_id", "state")) == [
            (run_id, "completed") for run_id in self.run_ids
        ]
        texts = dict(
            Message.objects.filter(run__in=runs, role="assistant").values_list(
                "run__public_id", "text"
            )
        )
        for tab in self.tabs:
            thread = tab.thread(self.thread_id)
            assert [event.seq for event in thread.events] == seqs
            assert {run_id: thread.text_of(run_id) for run_id in self.run_ids} == texts
            assert not any("error" in event.data for event in thread.events)


@asynccontextmanager
async def chatters(front: Proxy, *, people: int, tabs: int) -> AsyncIterator[list[Chatter]]:
    """People of whom each has so many tabs, all of them ready."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(people):
            cookie = await in_database(cookie_of_a_payer)
            mine = [
                await stack.enter_async_context(ChatClient(front.base_url, cookie=cookie))
                for _ in range(tabs)
            ]
            for tab in mine:
                await tab.wait_for("ready")
            made.append(Chatter(mine))
        yield made
