"""What operators see of conversations: everything they may, nothing else, at a constant cost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat.admin.related import ROWS_A_PAGE
from chat.models import Event, File, Message, Role, Run, Thread, ToolCall
from chat.runs.lifecycle import RunState

pytestmark = pytest.mark.django_db

LISTS = ("thread", "message", "run", "file")


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada@example.com")


def talk(user: User, number: int) -> Thread:
    """A thread with a message, a run, its events, a tool call and a file."""
    now = timezone.now()
    thread = Thread.objects.create(user=user, title=f"Budget {number}", head=3)
    message = Message.objects.create(
        thread=thread, user=user, role=Role.USER, text="Where does it go? " * 20, seq=1
    )
    run = Run.objects.create(
        thread=thread,
        user=user,
        question=message,
        state=RunState.FAILED,
        attempt=1,
        model="builtin",
        error={"code": "model_failed", "message": "It did not answer.", "retryable": True},
        started_at=now,
        ended_at=now + timedelta(seconds=75),
    )
    File.objects.create(user=user, message=message, name="usage.csv", bytes=2048)
    ToolCall.objects.create(run=run, call_id="call-1", tool_name="calculate", args="{}")
    Event.objects.bulk_create(
        Event(thread=thread, seq=seq, type=kind, run_id=run.public_id, data=f'{{"seq":{seq}}}')
        for seq, kind in enumerate(("message_created", "agent_started", "agent_completed"), start=1)
    )
    return thread


def body(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        body(client, address)
    return len(queries)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_fifty_costs_as_many_queries_as_one_of_five(
    name: str,
    operator: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def people(begin: int, end: int) -> None:
        for number in range(begin, end):
            talk(User.objects.create_user(f"person{number}@example.com"), number)

    people(0, 5)
    address = f"/admin/chat/{name}/"
    of_five = queries_of(operator, address)
    people(5, 50)
    with django_assert_max_num_queries(of_five):
        assert body(operator, address).count("@example.com") >= 50


@pytest.mark.parametrize("name", ["thread", "run"])
def test_a_page_with_fifty_rows_below_costs_as_many_queries_as_one_with_five(
    name: str, operator: Client, ada: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    thread = talk(ada, 1)
    run = thread.runs.get()
    address = f"/admin/chat/{name}/{thread if name == 'thread' else run}/change/"

    def add(begin: int, end: int) -> None:
        ended = timezone.now()
        made = [
            Run(
                thread=thread,
                user=ada,
                question=run.question,
                state=RunState.STOPPED,
                ended_at=ended,
            )
            for _ in range(begin, end)
        ]
        Run.objects.bulk_create(made)
        for number in range(begin, end):
            ToolCall.objects.create(run=run, call_id=f"more-{number}", tool_name="t", args="{}")
            for model in (Event, Message):
                model._default_manager.create(**_row_of(model, thread, run, 10 + number))

    add(0, 4)
    of_five = queries_of(operator, address)
    add(4, 49)
    with django_assert_max_num_queries(of_five):
        body(operator, address)


def _row_of(model: type, thread: Thread, run: Run, seq: int) -> dict[str, object]:
    if model is Event:
        return {"thread": thread, "seq": seq, "type": "x", "run_id": run.public_id, "data": "{}"}
    return {"thread": thread, "user": thread.user, "run": run, "role": "user", "seq": seq}


SEARCHES: dict[str, tuple[str, Callable[[Thread], str]]] = {
    "a thread by its id": ("thread", lambda thread: thread.public_id),
    "a thread by its title": ("thread", lambda thread: "budget 1"),
    "a thread by its user's address": ("thread", lambda thread: "ADA@"),
    "a thread by its user's id": ("thread", lambda thread: thread.user.public_id),
    "a message by its id": ("message", lambda thread: thread.messages.get().public_id),
    "a message by its thread": ("message", lambda thread: thread.public_id),
    "a message by its run": ("message", lambda thread: thread.runs.get().public_id),
    "a run by its id": ("run", lambda thread: thread.runs.get().public_id),
    "a run by its message": ("run", lambda thread: thread.messages.get().public_id),
    "a run by its user's address": ("run", lambda thread: "ada@example"),
    "a file by its name": ("file", lambda thread: "ada usage.csv"),
    "a file by its message": ("file", lambda thread: thread.messages.get().public_id),
}


@pytest.mark.parametrize("case", SEARCHES)
def test_the_search_finds(case: str, operator: Client, ada: User) -> None:
    model, asked = SEARCHES[case]
    thread = talk(ada, 1)
    talk(User.objects.create_user("bob@example.com"), 2)
    response = operator.get(f"/admin/chat/{model}/", {"q": f" {asked(thread)} "})
    assert [row.user for row in response.context["cl"].result_list] == [ada]


def test_an_unknown_id_finds_nothing(operator: Client, ada: User) -> None:
    talk(ada, 1)
    response = operator.get("/admin/chat/thread/", {"q": "thread_1_000000"})
    assert list(response.context["cl"].result_list) == []
    assert operator.get("/admin/chat/thread/thread_1_000000/change/").status_code == 302


def test_the_list_of_threads_tells_what_runs(operator: Client, ada: User) -> None:
    talk(ada, 1)
    running = talk(ada, 2)
    Run.objects.create(thread=running, user=ada, question=running.messages.get())
    response = operator.get("/admin/chat/thread/", {"running": "1"})
    assert [thread.pk for thread in response.context["cl"].result_list] == [running.pk]
    assert 'alt="True"' in response.content.decode()
    response = operator.get("/admin/chat/thread/", {"running": "0"})
    assert running.pk not in [thread.pk for thread in response.context["cl"].result_list]


def test_runs_are_found_by_state_and_by_day(operator: Client, ada: User) -> None:
    failed = talk(ada, 1).runs.get()
    waiting = Run.objects.create(thread=failed.thread, user=ada, question=failed.question)
    long_ago = timezone.now() - timedelta(days=40)
    Run.objects.filter(pk=waiting.pk).update(created_at=long_ago)

    def found(**asked: str | int) -> list[str]:
        rows = operator.get("/admin/chat/run/", asked).context["cl"].result_list
        return [row.public_id for row in rows]

    assert found(state__exact="failed") == [failed.public_id]
    day = {f"created_at__{part}": getattr(long_ago, part) for part in ("year", "month", "day")}
    assert found(**day) == [waiting.public_id]


def test_a_run_shows_its_events_in_order_with_its_tool_calls(operator: Client, ada: User) -> None:
    run = talk(ada, 1).runs.get()
    page = body(operator, f"/admin/chat/run/{run}/change/")
    order = [page.index(name) for name in ("message_created", "agent_started", "agent_completed")]
    assert order == sorted(order)
    for told in ("calculate", "model_failed: It did not answer.", "1 min 15 s", "builtin"):
        assert told in page


def test_the_log_is_read_a_page_at_a_time(operator: Client, ada: User) -> None:
    thread = talk(ada, 1)
    last = 3 + ROWS_A_PAGE
    Event.objects.bulk_create(
        Event(thread=thread, seq=seq, type="agent_thinking", data=f'{{"is":"event-{seq}-"}}')
        for seq in range(4, last + 1)
    )
    first_page = body(operator, f"/admin/chat/thread/{thread}/change/")
    assert f"event-{last}-" not in first_page
    assert "?events=2#events" in first_page
    assert f"event-{last}-" in body(operator, f"/admin/chat/thread/{thread}/change/?events=2")


def test_a_long_text_is_cut_in_a_table_and_whole_on_its_own_page(
    operator: Client, ada: User
) -> None:
    thread = talk(ada, 1)
    message = thread.messages.get()
    Message.objects.filter(pk=message.pk).update(text="word " * 1000 + "<b>the end</b>")
    assert "the end" not in body(operator, f"/admin/chat/thread/{thread}/change/")
    assert "the end" not in body(operator, "/admin/chat/message/")
    page = body(operator, f"/admin/chat/message/{message}/change/")
    assert "&lt;b&gt;the end&lt;/b&gt;" in page
    assert "usage.csv" in page


@pytest.mark.parametrize("name", LISTS)
def test_nothing_is_added_changed_or_deleted(name: str, operator: Client, ada: User) -> None:
    thread = talk(ada, 1)
    rows = {"thread": thread, "message": thread.messages.get(), "run": thread.runs.get()}
    row = rows.get(name) or File.objects.get()
    assert operator.get(f"/admin/chat/{name}/add/").status_code == 403
    for page in ("change", "delete"):
        address = f"/admin/chat/{name}/{row.pk}/{page}/"
        assert operator.post(address, {"title": "x", "post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    operator.post(f"/admin/chat/{name}/", action)
    row.refresh_from_db()
    page_of = body(operator, f"/admin/chat/{name}/{row}/change/")
    assert 'name="_save"' not in page_of


def test_no_page_has_a_script_or_style_that_the_policy_refuses(operator: Client, ada: User) -> None:
    thread = talk(ada, 1)
    addresses = [f"/admin/chat/{name}/" for name in (*LISTS, "connections")]
    for address in (*addresses, f"/admin/chat/thread/{thread}/change/"):
        page = body(operator, address)
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page


def staff(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("staff@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.mark.parametrize("name", [*LISTS, "connections"])
def test_staff_without_permission_see_nothing(name: str, client: Client) -> None:
    assert staff(client).get(f"/admin/chat/{name}/").status_code == 403
    assert "Chat" not in body(client, "/admin/")


def test_staff_see_the_rows_they_may_see_and_no_others(client: Client, ada: User) -> None:
    thread = talk(ada, 1)
    address = f"/admin/chat/thread/{thread}/change/"
    page = body(staff(client, "view_thread", "view_run"), address)
    assert str(thread.runs.get()) in page
    assert str(thread.messages.get()) not in page
    assert "agent_started" not in page


def test_who_is_not_staff_is_asked_to_sign_in(client: Client, ada: User) -> None:
    client.force_login(ada)
    for name in (*LISTS, "connections"):
        assert client.get(f"/admin/chat/{name}/").status_code in (302, 403)
