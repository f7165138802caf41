"""What a process does for sockets of which nobody hears anything."""

import pytest
from django.db import transaction

from accounts.models import User
from chat.database import in_database
from chat.delivery import bell, hub, log
from chat.models import Thread
from chat.protocol.events import AgentThinking, NewEvent
from tests.chat.sockets import Socket, session_of, web_process

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

FOLLOWERS = 3
# What a client is told at the latest of what no bell has announced.
WITHIN_S = 5.0


@pytest.fixture
def session_keys(user: User) -> list[str]:
    return [session_of(user) for _ in range(FOLLOWERS)]


def think(thread: Thread) -> None:
    with transaction.atomic():
        thought = NewEvent(data=AgentThinking(text="x"))
        log.append(thread=thread.pk, thread_id=thread.public_id, events=[thought])


async def test_a_lost_bell_heals_while_the_clients_say_nothing(
    user: User, session_keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.SWEEP_EVERY_S <= WITHIN_S
    monkeypatch.setattr(hub, "SWEEP_EVERY_S", 0.2)
    thread = await in_database(lambda: Thread.objects.create(user=user))
    async with web_process():
        sockets = [Socket(key) for key in session_keys]
        for after, socket in enumerate(sockets):
            await socket.open()
            await socket.frame("ready")
            # Each is at a place of its own.
            await in_database(think, thread)
            await socket.send(type="subscribe", thread_id=thread.public_id, after_seq=after)
            await socket.frame("events")
        for before in (FOLLOWERS, FOLLOWERS + 2):
            with monkeypatch.context() as deaf:
                deaf.setattr(bell, "_ringer", None)
                for _ in range(2):
                    await in_database(think, thread)
            for socket in sockets:
                assert await seqs_until(socket, before + 2) == [before + 1, before + 2]
        for socket in sockets:
            await socket.leave()


async def seqs_until(socket: Socket, last: int) -> list[int]:
    """The seqs of what comes, but for what was sent before, up to `last`; nothing else comes."""
    seqs: list[int] = []
    while last not in seqs:
        frame = await socket.frame("events")
        seqs += [event["seq"] for event in frame["events"] if event["seq"] > last - 2]
    return seqs
