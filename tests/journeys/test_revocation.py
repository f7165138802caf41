"""Who is shown out, by what, and who is not: by two web processes, with a bus and without."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest

from accounts import own_tokens
from accounts import services as accounts
from accounts.models import User
from chat.database import in_database
from netra.client import ChatConnection, Closed
from tests.chat.api_people import pays, token_of
from tests.chat.sockets import session_of
from tests.journeys.conftest import PASSWORD, Person
from tests.journeys.test_http_socket import headers_of
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio, pytest.mark.chaos]

# What SPEC allows between the act and the closed socket.
CLOSED_WITHIN_S: Final = 2.0
NEW_PASSWORD: Final = "Another-horse-8-battery"
NOT_SIGNED_IN, SUSPENDED = 4501, 4530
# How each is let in, by name: two sessions and a token of one user, and somebody else.
HERE, THERE, PROGRAM, STRANGER = "here", "there", "program", "stranger"


@dataclass(frozen=True, slots=True)
class Scene:
    servers: Servers
    user: User
    cookies: Mapping[str, str]

    def submit(self, path: str, **fields: str) -> None:
        """Send a form of ours in the session `HERE`."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        headers = headers_of(self.servers, self.cookies[HERE]) | form
        connection = http.client.HTTPConnection("127.0.0.1", self.servers.port, timeout=20)
        try:
            connection.request("POST", path, urlencode(fields), headers)
            assert connection.getresponse().status == 302
        finally:
            connection.close()


def sign_out(scene: Scene) -> None:
    scene.submit("/accounts/logout/")


def change_password(scene: Scene) -> None:
    new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    scene.submit("/accounts/password/change/", oldpassword=PASSWORD, **new)


def suspend(scene: Scene) -> None:
    operator = User.objects.create_superuser(f"root.{scene.user.public_id}@example.com")
    accounts.suspend(user=scene.user, actor=operator, reason="abuse")


def delete(scene: Scene) -> None:
    accounts.delete_account(user=scene.user, reason="asked for it")


def revoke_token(scene: Scene) -> None:
    number = scene.user.api_tokens.get().pk
    assert own_tokens.revoke_token(user=scene.user, number=number)


# What each act closes, with which code; it closes nothing else. The last three ring no bell here.
ACTS: Final[Mapping[Callable[[Scene], None], Mapping[str, int]]] = {
    sign_out: {HERE: NOT_SIGNED_IN},
    change_password: dict.fromkeys((HERE, THERE), NOT_SIGNED_IN),
    suspend: dict.fromkeys((HERE, THERE, PROGRAM), SUSPENDED),
    delete: dict.fromkeys((HERE, THERE, PROGRAM), NOT_SIGNED_IN),
    revoke_token: {PROGRAM: NOT_SIGNED_IN},
}


@asynccontextmanager
async def two_processes(servers: Servers, **variables: str) -> AsyncIterator[list[Servers]]:
    webs = [Servers(servers.environment | variables) for _ in range(2)]
    try:
        for web in webs:
            await asyncio.to_thread(web.start_web)
        yield webs
    finally:
        for web in webs:
            web.stop()


async def fate(connection: ChatConnection) -> int | None:
    """The code with which a connection is closed in time; None where it stays."""
    try:
        async with asyncio.timeout(CLOSED_WITHIN_S):
            while True:
                await connection.next(within_s=60)
    except Closed as closed:
        return closed.code
    except TimeoutError:
        return None


async def shown_out(webs: list[Servers], user: User, act: Callable[[Scene], None]) -> None:
    def let_in() -> tuple[dict[str, str], str]:
        sessions = {name: session_of(user) for name in (HERE, THERE)}
        sessions[STRANGER] = session_of(User.objects.create_user(f"s.{user.email}"))
        return {name: f"sessionid={key}" for name, key in sessions.items()}, token_of(pays(user))

    cookies, token = await in_database(let_in)
    async with AsyncExitStack() as stack:
        opened: list[tuple[str, ChatConnection]] = []
        for web in webs:
            for name in (HERE, THERE, PROGRAM, STRANGER):
                keys = {"token": token} if name == PROGRAM else {"cookie": cookies[name]}
                opening = ChatConnection.open(web.base_url, **keys)
                opened.append((name, await stack.enter_async_context(opening)))
                await opened[-1][1].until("ready")
        await in_database(act, Scene(webs[0], user, cookies))
        fates = await asyncio.gather(*(fate(connection) for _name, connection in opened))
    told = [(name, code) for (name, _), code in zip(opened, fates, strict=True)]
    assert told == [(name, ACTS[act].get(name)) for name, _ in opened]


@pytest.mark.parametrize("is_there", [True, False], ids=["bus", "no bus"])
async def test_each_act_closes_what_it_ends_and_nothing_else(
    shared: Servers,
    newcomer: Callable[[str], Awaitable[Person]],
    tmp_path: Path,
    is_there: bool,
) -> None:
    bus = {} if is_there else {"REDIS_URL": f"unix://{tmp_path}/nobody.sock"}
    async with two_processes(shared, **bus) as webs:
        for act in ACTS:
            person = await newcomer(act.__name__)
            await shown_out(webs, person.user, act)
