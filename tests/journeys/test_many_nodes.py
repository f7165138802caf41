"""Several nodes behind the proxy that is shipped: who is at one of them, is at all."""

import asyncio
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from accounts.models import SessionRecord
from chat.database import in_database
from chat.models import Run
from netra.client import ChatClient, ChatConnection, Closed
from tests.chat.api_people import pays, token_of
from tests.conftest import environment_of_servers
from tests.journeys.conftest import UNHURRIED, empty_database, new_person
from tests.journeys.fleet import Fleet, chatters, cookie_of_a_payer, fleet, nodes_of
from tests.journeys.transcript import EXPORT

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

# More than nginx keeps in memory.
FILE: Final = b"word " * 100_000
ENDED: Final = (0, -signal.SIGTERM)


@pytest.fixture(scope="module")
def front(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """One fleet for all of these, since it takes seconds to start."""
    with django_db_blocker.unblock():
        try:
            folder = tmp_path_factory.mktemp("nginx")
            variables = {"NETRA_TRUSTED_PROXIES": "1"} | UNHURRIED
            with fleet(folder, environment_of_servers() | variables) as running:
                yield running
        finally:
            empty_database()


def token_of_a_payer(name: str) -> str:
    return token_of(pays(new_person(name).user))


def look_in(cookie: str, port: int, *, claims: str) -> int:
    """Ask for the page over TLS from an address of its own, claiming another; gives the status."""
    context = ssl.create_default_context()
    plain = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.7", 0))
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
    try:
        connection.request("GET", "/chat/", headers={"Cookie": cookie, "X-Forwarded-For": claims})
        return connection.getresponse().status
    finally:
        connection.close()


async def test_the_proxy_alone_says_who_the_client_is(front: Fleet) -> None:
    cookie = await in_database(cookie_of_a_payer)
    record = SessionRecord.objects.filter(session_key=cookie.partition("=")[2])
    # Once a minute only is noted from where a session is used.
    await in_database(record.delete)
    status = await asyncio.to_thread(look_in, cookie, front.proxy.port, claims="203.0.113.9")
    assert status == 200
    assert await in_database(lambda: record.get().network) == "127.0.0.7"


@asynccontextmanager
async def stream_of(port: int, thread_id: str, token: str) -> AsyncIterator[asyncio.StreamReader]:
    context = ssl.create_default_context()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=2**20)
    writer.write(
        f"GET /api/threads/{thread_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    try:
        yield reader
    finally:
        writer.transport.abort()


async def test_uploads_and_event_streams_pass_the_proxy_as_they_come(
    front: Fleet, tmp_path: Path
) -> None:
    token = await in_database(token_of_a_payer, "program")
    path = tmp_path / "words.txt"
    path.write_bytes(FILE)
    async with ChatClient(front.proxy.base_url, token=token) as client:
        file_id = await client.upload(path)
        ack = await client.send(EXPORT, files=[file_id])
        async with stream_of(front.proxy.port, ack.thread_id, token) as reader:
            async with asyncio.timeout(30):
                while (line := await reader.readline()) and b'"delta"' not in line:
                    continue
            assert json.loads(line.partition(b":")[2])["run_id"] == ack.run_id
            # Text came while the answer was under way: nothing has collected it.
            under_way = Run.objects.filter(public_id=ack.run_id, ended_at=None)
            assert await in_database(under_way.exists)


async def sent_away(connection: ChatConnection) -> tuple[int, int]:
    """The code with which a connection is closed, and after how long it was told to come back."""
    told = 0
    while True:
        try:
            frame = await connection.next(within_s=60)
        except Closed as closed:
            return closed.code, told
        if frame["type"] == "drain":
            told = frame["reconnect_after_ms"]


async def at_node(front: Fleet, stack: AsyncExitStack, number: int) -> list[ChatConnection]:
    """Bare connections, some of which are at each node."""
    cookie = await in_database(cookie_of_a_payer)
    made = []
    for _ in range(number):
        opening = ChatConnection.open(front.proxy.base_url, cookie=cookie)
        made.append(await stack.enter_async_context(opening))
        await made[-1].until("ready")
    return made


async def lose_each(front: Fleet, bare: list[ChatConnection]) -> None:
    """One node by -9, the other as a deployment does, and its worker."""
    one, other = front.nodes
    ends = [asyncio.create_task(sent_away(connection)) for connection in bare]
    ended, _ = await asyncio.gather(front.replace(one, "worker"), front.crash(one, "web"))
    assert ended in ENDED
    assert await front.replace(other, "web") in ENDED
    told = await asyncio.gather(*ends)
    assert {code for code, _ in told} == {1006, 1012}
    # Not all of them at once.
    waits = [after_ms for code, after_ms in told if code == 1012]
    assert len(set(waits)) == len(waits) > 1


async def lost_under(front: Fleet, *, people: int, tabs: int) -> None:
    async with (
        chatters(front.proxy, people=people, tabs=tabs) as made,
        AsyncExitStack() as stack,
    ):
        for one in made:
            await one.ask(EXPORT)
        bare = await at_node(front, stack, 6)
        assert len(await nodes_of(made[0].tabs)) == 2
        assert any(one.is_waiting for one in made), "nothing streams any more"
        await lose_each(front, bare)
        for one in made:
            await one.answered()
            await in_database(one.assert_all_of_it)
        assert all(tab.times_ready > 1 for one in made for tab in one.tabs)


async def test_no_tab_misses_anything_of_a_node_that_dies_and_one_that_is_replaced(
    front: Fleet,
) -> None:
    await lost_under(front, people=3, tabs=4)


@pytest.mark.chaos
async def test_two_hundred_tabs_miss_nothing_of_a_node_that_dies_and_one_that_is_replaced(
    front: Fleet,
) -> None:
    await lost_under(front, people=20, tabs=10)


def next_release(folder: Path) -> Path:
    """This program with one more migration, which takes nothing from the release before it."""
    for name in ("manage.py", "chat"):
        source: Path = settings.BASE_DIR / name
        if source.is_dir():
            # Through links the program would find the folder that they lead to.
            subprocess.run(["cp", "-r", str(source), str(folder)], check=True)
        else:
            (folder / name).write_text(source.read_text())
    for name in ("netra", "accounts", "billing", "locale", "docs"):
        (folder / name).symlink_to(settings.BASE_DIR / name)
    migrations = folder / "chat/migrations"
    last = max(path.stem for path in migrations.glob("[0-9]*.py"))
    (migrations / "9999_next.py").write_text(
        dedent(f"""\
        from django.db import migrations


        class Migration(migrations.Migration):
            atomic = False
            dependencies = [("chat", "{last}")]
            operations = [
                migrations.RunSQL(
                    [
                        "SET lock_timeout = '2s'",
                        "ALTER TABLE chat_message ADD COLUMN next_release text",
                        "ALTER TABLE chat_event ADD COLUMN next_release text",
                        "CREATE INDEX CONCURRENTLY next_release ON chat_event (next_release)",
                    ],
                    [
                        "DROP INDEX CONCURRENTLY IF EXISTS next_release",
                        "ALTER TABLE chat_event DROP COLUMN IF EXISTS next_release",
                        "ALTER TABLE chat_message DROP COLUMN IF EXISTS next_release",
                    ],
                )
            ]
        """)
    )
    return folder


async def migrate(front: Fleet, release: Path, *target: str) -> None:
    ran = await asyncio.create_subprocess_exec(
        sys.executable, str(release / "manage.py"), "migrate", "--no-input", "-v", "0", *target,
        env=front.nodes[0].environment,
    )  # fmt: skip
    assert await asyncio.wait_for(ran.wait(), 120) == 0


async def deploy(front: Fleet, release: Path) -> None:
    """The new release, process by process; the other nodes still run the old one meanwhile."""
    for name in ("worker", "web"):
        for node in front.nodes:
            node.release = release
            assert await front.replace(node, name) in ENDED


async def roll(front: Fleet, release: Path) -> None:
    """All that may happen to a fleet in a bad hour, a deploy there and back among it."""
    one, other = front.nodes
    await front.begin(other, "worker")
    await front.crash(one, "web")
    await migrate(front, release)
    try:
        await deploy(front, release)
        await front.crash(other, "web")
        await front.crash(other, "worker")
        await front.crash(one, "web")
        await deploy(front, settings.BASE_DIR)
    finally:
        last = max(path.stem for path in (settings.BASE_DIR / "chat/migrations").glob("[0-9]*.py"))
        await migrate(front, release, "chat", last)


@pytest.mark.chaos
async def test_a_deploy_with_a_migration_is_noticed_by_nobody_who_chats(
    front: Fleet, tmp_path: Path
) -> None:
    over = asyncio.Event()
    async with chatters(front.proxy, people=8, tabs=3) as made, asyncio.TaskGroup() as group:
        for one in made:
            group.create_task(one.ask_until(over))
        try:
            await roll(front, next_release(tmp_path))
        finally:
            over.set()
    for one in made:
        await in_database(one.assert_all_of_it)
    assert min(len(one.run_ids) for one in made) > 5
    assert all(tab.times_ready > 1 for one in made for tab in one.tabs)
