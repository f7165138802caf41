"""Servers of tools in the hands of operators: entered, checked, their keys never shown."""

import asyncio
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from chat.agents.mcp.checks import Rounds
from chat.mcp_rows import McpServer, McpTool, Transport
from tests.fakes.mcp_server import mcp_over_http

pytestmark = pytest.mark.django_db

LIST = "/admin/chat/mcpserver/"
KEY = "secret-of-the-server"


@pytest.fixture
def operator(client: Client) -> Client:
    user = User.objects.create_user("operator@example.com", is_staff=True)
    rows = Permission.objects.filter(content_type__model__in=("mcpserver", "mcptool"))
    user.user_permissions.set(rows)
    client.force_login(user)
    return client


def entered(**changes: object) -> dict[str, object]:
    """A form as an operator sends it."""
    return {
        "name": "weather",
        "transport": "http",
        "url": "https://tools.example/mcp",
        "program": "",
        "headers": "",
        "timeout_s": 30,
        "lowest_tier": "free",
        "is_enabled": "on",
        "tools-TOTAL_FORMS": 0,
        "tools-INITIAL_FORMS": 0,
        **changes,
    }


def complaints(client: Client, **changes: object) -> dict[str, list[str]]:
    response = client.post(f"{LIST}add/", entered(**changes))
    assert response.status_code == 200
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def test_a_server_is_entered_and_its_headers_are_never_shown(operator: Client) -> None:
    sent = entered(headers=f"Authorization: Bearer {KEY}\nX-Team: one")
    assert operator.post(f"{LIST}add/", sent).status_code == 302
    server = McpServer.objects.get()
    assert server.headers.reveal() == f"Authorization: Bearer {KEY}\nX-Team: one"
    assert KEY not in server.sealed_headers
    page = f"{LIST}{server.pk}/change/"
    for address in (LIST, page, f"{LIST}{server.pk}/history/"):
        assert KEY not in operator.get(address).content.decode()
    assert KEY not in str(list(LogEntry.objects.values()))

    # What is left empty stays; another address does not get the old key.
    assert operator.post(page, entered(timeout_s=5)).status_code == 302
    server.refresh_from_db()
    assert KEY in server.headers.reveal()
    moved = entered(url="https://elsewhere.example/mcp")
    assert "enter the headers again" in operator.post(page, moved).content.decode()
    assert operator.post(page, {**moved, "without_headers": "on"}).status_code == 302
    server.refresh_from_db()
    assert (server.url, server.sealed_headers) == ("https://elsewhere.example/mcp", "")


REFUSED = (
    ({"url": "https://127.0.0.1/mcp"}, "url", "private"),
    ({"url": "http://tools.example/mcp"}, "url", "https"),
    ({"url": ""}, "url", "https"),
    ({"url": f"https://a:{KEY}@tools.example/"}, "url", "own field"),
    ({"transport": "stdio"}, "program", "Which"),
    ({"transport": "stdio", "program": "/bin/sh -c id"}, "program", "valid choice"),
    ({"name": "two__parts"}, "name", "letters"),
    ({"name": "Weather"}, "name", "letters"),
    ({"headers": "no colon"}, "headers", "colon"),
    ({"headers": "Host: elsewhere"}, "headers", "Host"),
    ({"headers": "X: a\x00b"}, "headers", ""),
    ({"timeout_s": 61}, "timeout_s", "60"),
)


def test_what_cannot_work_is_refused_in_words(operator: Client, settings: Settings) -> None:
    settings.NETRA_MCP_STDIO = {"files": ("file-server", "/srv")}
    for changes, field, words in REFUSED:
        told = complaints(operator, **changes)
        assert words in str(told.get(field)), (changes, told)
        assert told.keys() == {field}, (changes, told)
    assert not McpServer.objects.exists()


def test_a_program_is_chosen_by_its_name_only(operator: Client, settings: Settings) -> None:
    settings.NETRA_MCP_STDIO = {"files": ("file-server", "/srv/secret-folder")}
    page = operator.get(f"{LIST}add/").content.decode()
    assert '<option value="files">' in page
    assert "secret-folder" not in page
    sent = entered(transport="stdio", program="files")
    assert operator.post(f"{LIST}add/", sent).status_code == 302
    server = McpServer.objects.get()
    assert (server.transport, server.program, server.url) == (Transport.STDIO, "files", "")


def test_tools_are_switched_and_asked_for_one_by_one(operator: Client) -> None:
    server = McpServer.objects.create(name="weather", url="https://tools.example/mcp")
    tool = McpTool.objects.create(
        server=server, name="now", offered_as="weather__now", description="<b>", schema="{}"
    )
    page = f"{LIST}{server.pk}/change/"
    shown = operator.get(page).content.decode()
    assert "weather__now" in shown
    assert "&lt;b&gt;" in shown
    one = {"tools-0-id": tool.pk, "tools-0-server": server.pk, "tools-0-is_enabled": "on"}
    sent = entered(**{"tools-TOTAL_FORMS": 1, "tools-INITIAL_FORMS": 1}, **one)
    assert operator.post(page, sent).status_code == 302
    tool.refresh_from_db()
    assert (tool.is_enabled, tool.needs_approval) == (True, False)


def test_who_may_not_change_servers_does_not_check_them(client: Client) -> None:
    server = McpServer.objects.create(name="weather", url="https://tools.example/mcp")
    viewer = User.objects.create_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_mcpserver"))
    client.force_login(viewer)
    assert client.get(f"{LIST}{server.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{server.pk}/check/").status_code == 403


@pytest.fixture
def worker() -> Iterator[None]:
    """What a worker does about servers, in a thread of its own."""
    ended = Event()

    async def work() -> None:
        rounds = Rounds()
        while not ended.is_set():
            await rounds.check_due()
            await asyncio.sleep(0.1)

    thread = Thread(target=asyncio.run, args=(work(),))
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_check_is_asked_for_and_told(operator: Client, settings: Settings, worker: None) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    with mcp_over_http() as (url, _process):
        operator.post(f"{LIST}add/", entered(url=url))
        server = McpServer.objects.get()
        told = operator.post(f"{LIST}{server.pk}/check/", follow=True).content.decode()
        assert "Weather has 8 tools and answered in" in told
    told = operator.post(f"{LIST}{server.pk}/check/", follow=True).content.decode()
    assert "Weather: Nothing answers at its address." in told
