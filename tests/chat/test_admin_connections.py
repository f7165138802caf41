"""The operators' page of live connections."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from chat.admin.connections import ROWS_A_PAGE
from chat.connection import census
from chat.connection.census import ConnectionRow
from netra.ids import ConnectionID, UserID

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
    for told in (row.email, row.connection_id, "processing_ready", "web-1", "1 min 15 s", "12,345"):
        assert f">{told}<" in page, told
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
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    page = operator.get(PAGE)
    assert page.status_code == 200
    assert "The bus is away" in page.content.decode()


def test_it_takes_a_permission_of_its_own(client: Client) -> None:
    user = User.objects.create_user("staff@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()


def test_what_a_user_is_called_is_no_markup(operator: Client) -> None:
    count("<script>alert(1)</script>")
    page = operator.get(PAGE).content.decode()
    assert "<script>alert" not in page
