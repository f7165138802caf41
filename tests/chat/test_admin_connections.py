"""The operators' page of live connections."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import redis
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from chat import nodes
from chat.admin.connections import ROWS_A_PAGE
from chat.connection import census
from chat.connection.census import ConnectionRow
from chat.connection.state_machine import ConnectionState
from chat.consumers import OPEN
from chat.database import in_database
from chat.models import Node
from chat.protocol.codes import CloseCode
from netra.buses import shards_of
from netra.ids import ConnectionID, UserID
from tests.chat.sockets import Socket, session_of, until, web_process

pytestmark = pytest.mark.django_db

PAGE = "/admin/chat/connections/"


@pytest.fixture(autouse=True)
def _nobody_else() -> Iterator[None]:
    """Rows of other tests' sockets have no place here."""
    with redis.Redis.from_url(settings.REDIS_URL) as bus:
        bus.delete(census.INDEX)
        yield
        bus.delete(census.INDEX)


@pytest.fixture
def operator(client: Client) -> Client:
    user = User.objects.create_user("operator@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_connections"))
    client.force_login(user)
    return client


def count(name: str, *, state: str = "processing_ready", node: str = "web-1") -> ConnectionRow:
    """Put a row on the bus as another process would."""
    now = timezone.now()
    row = ConnectionRow(
        connection_id=str(ConnectionID.new()),
        user_id=str(UserID.new()),
        email=f"{name}@example.com",
        node=node,
        state=state,
        since=now - timedelta(seconds=75),
        opened_at=now - timedelta(hours=2),
        written_at=now,
        threads=3,
        inbound=0,
        outbound_chars=12345,
        unconfirmed_bytes=67890,
    )
    with redis.Redis.from_url(settings.REDIS_URL) as bus:
        bus.set(census.key_of(row.connection_id), msgspec.json.encode(row), ex=10)
        bus.zadd(census.INDEX, {row.connection_id: now.timestamp()})
    return row


def shown(client: Client, **asked: str) -> set[str]:
    """The connections on the page, by the first part of their users' addresses."""
    response = client.get(PAGE, asked)
    assert response.status_code == 200
    return {line.row.email.partition("@")[0] for line in response.context["lines"]}


def test_the_index_leads_to_the_page(operator: Client) -> None:
    index = operator.get("/admin/").content.decode()
    assert f'href="{PAGE}"' in index
    assert "Live connections" in index


def test_a_row_tells_whose_it_is_and_how_it_stands(
    operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = count("ada")
    with django_assert_max_num_queries(5):
        page = operator.get(PAGE).content.decode()
    named = row.email, row.connection_id, "processing_ready", "web-1", "1 min 15 s"
    for told in (*named, "12,345", "67,890"):
        assert f">{told}<" in page, told
    assert "Make it fail…" not in page
    assert "2 h 0 min" in page
    assert "1 connection as of" in page
    assert f"/admin/accounts/user/?q={row.user_id}" in page


def test_a_search_finds_by_each_of_the_names(operator: Client) -> None:
    ada = count("ada", state="degraded", node="web-1")
    bob = count("bob", node="web-2")
    assert shown(operator) == {"ada", "bob"}
    assert shown(operator, q="ADA@example") == {"ada"}
    assert shown(operator, q=str(bob.user_id)) == {"bob"}
    assert shown(operator, q=ada.connection_id) == {"ada"}
    assert shown(operator, q="degraded") == {"ada"}
    assert shown(operator, q="example web-2") == {"bob"}
    assert shown(operator, q="ada web-2") == set()


def test_the_filters_narrow_what_the_search_found(operator: Client) -> None:
    count("ada", state="degraded", node="web-1")
    count("bob", state="idle", node="web-2")
    count("eve", state="idle", node="web-1")
    assert shown(operator, state="idle") == {"bob", "eve"}
    assert shown(operator, state="idle", node="web-1") == {"eve"}
    assert shown(operator, state="closed") == set()
    page = operator.get(PAGE, {"state": "idle"}).content.decode()
    assert '<option value="idle" selected>idle (2)</option>' in page


def test_many_connections_are_shown_a_page_at_a_time(operator: Client) -> None:
    for number in range(ROWS_A_PAGE + 1):
        count(f"person{number}")
    first = operator.get(PAGE)
    assert len(first.context["lines"]) == ROWS_A_PAGE
    assert 'href="?p=2"' in first.content.decode()
    assert len(operator.get(PAGE, {"p": "2"}).context["lines"]) == 1


def test_the_page_says_when_the_bus_is_away(
    operator: Client, tmp_path: Path, settings: Settings
) -> None:
    settings.BUS = shards_of((f"unix://{tmp_path}/nobody.sock",))
    page = operator.get(PAGE)
    assert page.status_code == 200
    assert "The bus is away" in page.content.decode()


def test_it_takes_a_permission_of_its_own(client: Client) -> None:
    user = User.objects.create_user("staff@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()


def test_the_web_processes_stand_above_with_how_they_are(operator: Client) -> None:
    now = timezone.now()
    silent = now - 2 * nodes.DEAD_AFTER
    Node.objects.create(name="web-1", connections=1234)
    Node.objects.create(name="web-2", draining=True, drain_requested_at=now)
    Node.objects.create(name="web-3", drain_requested_at=now)
    Node.objects.create(name="web-4", started_at=now - timedelta(hours=3), beat_at=silent)
    response = operator.get(PAGE)
    states = {one.name: one.state for one in response.context["node_lines"]}
    assert states == {
        "web-1": "open",
        "web-2": "draining",
        "web-3": "asked to drain",
        "web-4": "silent",
    }
    page = response.content.decode()
    for told in ("<td>1,234</td>", "<td>3 h 0 min</td>", 'href="?node=web-2"'):
        assert told in page, told


FAIL = {"confirmed": "yes", "reason": "it hangs"}


@pytest.fixture
def may_fail(operator: Client) -> Client:
    user = User.objects.get(email="operator@example.com")
    user.user_permissions.add(Permission.objects.get(codename="fail_connections"))
    return operator


def test_a_connection_fails_only_with_a_reason(may_fail: Client) -> None:
    row = count("ada")
    page = f"{PAGE}{row.connection_id}/fail/"
    assert f'href="{page}"' in may_fail.get(PAGE).content.decode()
    asked = may_fail.get(page).content.decode()
    assert row.email is not None
    for told in (row.email, row.connection_id, "Make it fail", "web-1"):
        assert told in asked, told
    for answer in ({}, {"reason": "no button"}, {**FAIL, "reason": "  "}):
        assert may_fail.post(page, answer).status_code == 200
    assert "This field is required" in may_fail.post(page, {**FAIL, "reason": ""}).content.decode()
    assert not LogEntry.objects.exists()


def test_who_failed_what_and_why_stands_in_the_history_of_its_user(may_fail: Client) -> None:
    row = count("ada")
    ada = User.objects.create_user("ada@example.com", public_id=row.user_id)
    answer = may_fail.post(f"{PAGE}{row.connection_id}/fail/", FAIL, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "is told to fail" in answer.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.user.email, entry.object_id) == ("operator@example.com", str(ada.pk))
    assert entry.change_message == f"Made connection {row.connection_id} fail: it hangs"


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_failed_connection_closes_and_its_client_may_come_back(
    may_fail: Client, user: User
) -> None:
    session = await in_database(session_of, user)
    async with web_process():
        socket = Socket(session)
        await socket.open()
        connection_id = (await socket.frame("welcome"))["connection_id"]
        await socket.frame("ready")
        [consumer] = OPEN
        await until(lambda: census.find(connection_id) is not None)
        await in_database(may_fail.post, f"{PAGE}{connection_id}/fail/", FAIL)
        async with asyncio.timeout(2):
            assert await socket.close_code() == CloseCode.COME_BACK_LATER
        ended = next(one for one in consumer.machine.history if one.reason == "it hangs")
        assert ended.to_state is ConnectionState.FAILED
        await socket.leave()


def test_a_connection_of_nobody_known_can_fail_too(may_fail: Client) -> None:
    row = count("ada")
    may_fail.post(f"{PAGE}{row.connection_id}/fail/", FAIL)
    assert LogEntry.objects.get().object_repr == row.connection_id
    assert may_fail.get("/admin/").status_code == 200


def test_a_connection_that_has_ended_cannot_fail(may_fail: Client) -> None:
    for address in (f"{PAGE}{ConnectionID.new()}/fail/", f"{PAGE}x/fail/"):
        answer = may_fail.post(address, FAIL, follow=True)
        assert "no longer open" in answer.content.decode()
    assert not LogEntry.objects.exists()


def test_to_fail_a_connection_takes_a_permission_of_its_own(operator: Client) -> None:
    page = f"{PAGE}{count('ada').connection_id}/fail/"
    assert operator.get(page).status_code == 403
    assert operator.post(page, FAIL).status_code == 403


def test_what_a_user_is_called_is_no_markup(operator: Client) -> None:
    count("<script>alert(1)</script>")
    page = operator.get(PAGE).content.decode()
    assert "<script>alert" not in page
