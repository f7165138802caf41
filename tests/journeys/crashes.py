"""Workers that are killed, and people whose runs they were at: each at a point of its own."""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from django.conf import settings
from procrastinate.contrib.django.models import ProcrastinateWorker

from chat.database import in_database
from netra import processes
from netra.client import ChatConnection
from netra.processes import Program
from tests.chat.sockets import session_of
from tests.fakes.openai_server import Answer, FakeOpenAI
from tests.fakes.traces import lines_in
from tests.journeys.conftest import Person
from tests.journeys.transcript import Frame, Transcript, ask
from tests.servers import STARTS_WITHIN_S, Servers

# For hangs only: what a crash takes is measured, and a busy machine is slow.
HAPPENS_WITHIN_S = 60.0


async def happens(holds: Callable[[], bool], what: str) -> None:
    """Look again and again until `holds`; fails after a minute."""
    deadline = time.monotonic() + HAPPENS_WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"it did not happen in time: {what}"
        await asyncio.sleep(0.02)


@dataclass(slots=True)
class Workers:
    """Worker processes beside each other, whose tools leave traces."""

    environment: dict[str, str]
    _running: list[tuple[Popen[bytes], Program]] = field(default_factory=list)

    async def start(self) -> None:
        """One more; it takes jobs when this returns."""
        before = await in_database(_newest_worker)
        # Python is told where it finds the tests, whatever folder these run in.
        found = {"PYTHONPATH": str(settings.BASE_DIR), "DJANGO_SETTINGS_MODULE": "netra.settings"}
        program = Program(
            name="worker",
            argv=(sys.executable, "-m", "tests.fakes.worker"),
            environment=self.environment | found,
        )
        process = processes.spawn(program)
        self._running.append((process, program))
        deadline = time.monotonic() + STARTS_WITHIN_S
        while await in_database(_newest_worker) == before:
            assert process.poll() is None, f"the worker ended with {process.returncode}"
            assert time.monotonic() < deadline, "the worker does not start"
            await asyncio.sleep(0.05)

    def kill_oldest(self) -> float:
        """As a crash does; gives when, by the monotonic clock."""
        process, _program = self._running.pop(0)
        process.kill()
        killed_at = time.monotonic()
        process.wait()
        return killed_at

    def alive(self) -> int:
        """How many have not ended by themselves."""
        return sum(process.poll() is None for process, _program in self._running)

    def stop(self) -> None:
        for process, program in self._running:
            processes.end(process, program)
        self._running.clear()


def _newest_worker() -> int:
    newest = ProcrastinateWorker.objects.order_by("-id").values_list("id", flat=True).first()
    return newest or 0


@dataclass(slots=True, kw_only=True)
class Story:
    """A person who asks once, what the model is to say, and what they are told of it."""

    word: str
    person: Person
    socket: ChatConnection
    path: Path
    # Whether they allow at once what they are asked to.
    allows: bool = False
    transcript: Transcript = field(default_factory=lambda: Transcript(""))
    run_id: str = ""
    # When each event came first, by its type and the monotonic clock.
    came_at: dict[str, float] = field(default_factory=dict)
    # The last frame but for the question.
    _said: Frame = field(default_factory=dict)

    async def begin(self) -> None:
        await self.socket.until("ready")
        self.transcript, self.run_id = await ask(self.socket, f"A question of {self.word}.")
        self._note()

    async def listen(self) -> None:
        """Take what comes until cancelled."""
        while True:
            frame = await self.socket.next(within_s=HAPPENS_WITHIN_S)
            if frame["type"] == "error":
                await self._say_again(frame)
            self.transcript.take(frame)
            self._note()
            if self.allows and "approval_required" in self.types:
                self.allows = False
                await self.allow()

    async def allow(self) -> None:
        await self.say(
            "approve", call_id=self.data("approval_required")["call_id"], decision="approve"
        )

    async def say(self, kind: str, **more: Any) -> None:
        client_id = secrets.token_hex(12)
        self._said = {"type": kind, "client_id": client_id, "run_id": self.run_id, **more}
        await self.socket.put(**self._said)

    async def _say_again(self, error: Frame) -> None:
        """As a client does that is told to: the same frame counts once."""
        assert error["retryable"], error
        assert error["client_id"] == self._said.get("client_id"), error
        await asyncio.sleep(error["retry_after_s"])
        await self.socket.put(**self._said)

    def _note(self) -> None:
        for kind in self.types:
            self.came_at.setdefault(kind, time.monotonic())

    @property
    def types(self) -> list[str]:
        return self.transcript.types(self.run_id)

    @property
    def text(self) -> str:
        return self.transcript.texts.get(self.run_id, "")

    @property
    def lines(self) -> list[str]:
        """The effects of its tool."""
        return lines_in(self.path)

    @property
    def ends(self) -> list[Frame]:
        """How the runs of the thread ended, in order."""
        events = self.transcript.events
        return [event["data"] for event in events if event["type"] == "agent_completed"]

    def has(self, kind: str) -> bool:
        return kind in self.types

    def data(self, kind: str) -> Frame:
        """What the newest event of that type says."""
        found: Frame = next(
            event["data"]
            for event in reversed(self.transcript.events)
            if event["type"] == kind and event["run_id"] == self.run_id
        )
        return found

    def release(self) -> None:
        """Let its tool go on."""
        Path(f"{self.path}.go").touch()


@dataclass(slots=True, kw_only=True)
class Scene:
    """A web process, workers and a model; and everybody's story, told at the same time."""

    servers: Servers
    workers: Workers
    fake: FakeOpenAI
    folder: Path
    stories: dict[str, Story] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _listening: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    def set(cls, environment: dict[str, str], fake: FakeOpenAI, folder: Path) -> "Scene":
        model = {"NETRA_MODEL_URL": fake.url, "NETRA_MODEL_NAME": "fake-model"}
        environment = environment | model
        servers = Servers(environment)
        return cls(servers=servers, workers=Workers(environment), fake=fake, folder=folder)

    async def __aenter__(self) -> "Scene":
        await self.workers.start()
        self.servers.start_web()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self._stack.aclose()
        self.servers.stop()
        self.workers.stop()

    def path(self, word: str) -> Path:
        return self.folder / word

    async def tell(
        self, person: Person, word: str, answers: Sequence[Answer], *, allows: bool = False
    ) -> Story:
        """Let somebody ask and the model answer so; the story goes on by itself."""
        self.fake.will(*answers, to=word)
        key = await in_database(session_of, person.user)
        opened = ChatConnection.open(self.servers.base_url, cookie=f"sessionid={key}")
        socket = await self._stack.enter_async_context(opened)
        story = Story(word=word, person=person, socket=socket, path=self.path(word), allows=allows)
        self.stories[word] = story
        await story.begin()
        self._listening.append(asyncio.create_task(story.listen()))
        return story

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Look again and again until it `holds`; a story that broke off ends the waiting."""

        def looked() -> bool:
            for task in self._listening:
                if task.done():
                    task.result()
            return holds()

        await happens(looked, what)
