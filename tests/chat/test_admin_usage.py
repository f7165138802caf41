"""The operators' list of what users used, by day and model."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat.models import DailyUsage
from chat.usage import Usage, add_to_day
from tests.chat.test_admin import body, queries_of, staff

pytestmark = pytest.mark.django_db

LIST = "/admin/chat/dailyusage/"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
USED = Usage(
    requests=2, input_tokens=1234, output_tokens=5, elapsed_ms=75_000, cost_usd=Decimal("0.0031")
)
UNPRICED = Usage(requests=1, unpriced_requests=1, input_tokens=9)


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def add(user: User, model: str = "gpt-4o", usage: Usage = USED, days_ago: int = 0) -> None:
    at = AT - timedelta(days=days_ago)
    add_to_day(user=user.pk, model=model, told=usage.told(), at=at)


def found(client: Client, **asked: str | int) -> list[tuple[str, str]]:
    response = client.get(LIST, asked)
    assert response.status_code == 200
    return [(row.model, str(row.day)) for row in response.context["cl"].result_list]


def test_the_list_tells_tokens_cost_and_time(operator: Client, user: User) -> None:
    add(user)
    add(user, "llama3", UNPRICED)
    page = body(operator, LIST)
    for told in ("gpt-4o", "1234", "0.003100", "1 min 15 s", user.email):
        assert told in page
    assert '<td class="field-cost">–</td>' in page


def test_rows_are_found_by_model_day_and_user(
    operator: Client, make_user: Callable[[], User]
) -> None:
    ada, eve = make_user(), make_user()
    add(ada)
    add(ada, "llama3", UNPRICED, days_ago=40)
    add(eve, "claude")
    assert found(operator, model="llama3") == [("llama3", "2026-10-13")]
    assert found(operator, day__year=2026, day__month=10, day__day=13) == [("llama3", "2026-10-13")]
    assert found(operator, day__gte="2026-11-01", day__lt="2026-12-01", model="claude") == [
        ("claude", "2026-11-22")
    ]
    assert found(operator, q=eve.public_id) == [("claude", "2026-11-22")]
    assert {model for model, _ in found(operator, q=ada.email)} == {"gpt-4o", "llama3"}


def test_the_page_of_a_user_leads_to_their_usage(
    operator: Client, client: Client, user: User
) -> None:
    add(user)
    link = f"{LIST}?q={user.public_id}"
    page = f"/admin/accounts/user/{user.pk}/change/"
    assert f'href="{link}"' in body(operator, page)
    assert found(operator, q=user.public_id) == [("gpt-4o", "2026-11-22")]
    assert f'href="{link}"' not in body(staff(client, "view_user"), page)


def test_many_rows_cost_as_many_queries_as_few(
    operator: Client,
    make_user: Callable[[], User],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(3):
        add(make_user())
    of_few = queries_of(operator, LIST)
    for _ in range(20):
        add(make_user())
    with django_assert_max_num_queries(of_few):
        assert body(operator, LIST).count("@example.com") >= 23


def test_nothing_is_added_changed_or_deleted(operator: Client, user: User) -> None:
    add(user)
    row = DailyUsage.objects.get()
    assert operator.get(f"{LIST}add/").status_code == 403
    for page in ("change", "delete"):
        assert (
            operator.post(f"{LIST}{row.pk}/{page}/", {"runs": 9, "post": "yes"}).status_code == 403
        )
    operator.post(LIST, {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    row.refresh_from_db()
    assert row.runs == 1


def test_staff_without_permission_see_nothing(client: Client) -> None:
    assert staff(client).get(LIST).status_code == 403
