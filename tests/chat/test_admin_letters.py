"""Dead letters in the hands of operators: looked at, replayed, discarded, and written down."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat import dead_letters
from chat.models import DeadLetter, LetterState, Message
from chat.protocol.frames import AnyClientFrame, Ping, Send, Stop
from netra.ids import ConnectionID, RunID

pytestmark = pytest.mark.django_db

LIST = "/admin/chat/deadletter/"


@pytest.fixture
def staff(client: Client) -> Callable[..., Client]:
    def sign_in(*permissions: str) -> Client:
        user = User.objects.create_user("operator@example.com", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def operator(staff: Callable[..., Client]) -> Client:
    return staff("view_deadletter", "change_deadletter")


def kept(user: User, frame: AnyClientFrame | None = None) -> DeadLetter:
    return dead_letters.keep(
        user=user,
        connection_id=ConnectionID.new(),
        frame=frame or Send(client_id="c-1", text="<b>Hello</b>"),
        error=ValueError("it broke"),
        attempts=3,
    )


def chosen(action: str, *letters: DeadLetter, **answer: str) -> dict[str, object]:
    return {"action": action, "_selected_action": [letter.pk for letter in letters], **answer}


def found(client: Client, **asked: str) -> set[int]:
    return {letter.pk for letter in client.get(LIST, asked).context["cl"].result_list}


def test_a_letter_tells_all_that_is_known(operator: Client, user: User) -> None:
    letter = kept(user)
    page = operator.get(f"{LIST}{letter.pk}/change/").content.decode()
    told = user.email, letter.connection_id, "c-1", "ValueError: it broke", "waiting"
    for one in (*told, "&lt;b&gt;Hello&lt;/b&gt;", "Replay…", "Discard…"):
        assert one.lower() in page.lower(), one
    assert 'name="_save"' not in page


def test_letters_are_found_by_state_user_connection_and_error(
    operator: Client, user: User, make_user: Callable[[], User]
) -> None:
    mine, other = kept(user), kept(make_user())
    dead_letters.discard(letter=other, actor=user, reason="spam")
    assert found(operator) == {mine.pk, other.pk}
    assert found(operator, state__exact="discarded") == {other.pk}
    assert found(operator, user=user.public_id) == {mine.pk}
    assert found(operator, q=other.connection_id) == {other.pk}
    assert found(operator, q=user.email) == {mine.pk}
    assert found(operator, q="broke") == {mine.pk, other.pk}
    assert f"{user.email} (1)" in operator.get(LIST).content.decode()


def test_a_list_of_fifty_costs_as_many_queries_as_one_of_five(
    operator: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def keep(begin: int, end: int) -> None:
        for number in range(begin, end):
            kept(user, Send(client_id=f"c-{number}", text="x"))

    keep(0, 5)
    with CaptureQueriesContext(connection) as of_five:
        operator.get(LIST)
    keep(5, 50)
    with django_assert_max_num_queries(len(of_five)):
        operator.get(LIST)


def test_nothing_is_replayed_before_it_is_confirmed(operator: Client, user: User) -> None:
    letter = kept(user)
    asked = operator.post(LIST, chosen("replay", letter)).content.decode()
    assert "Replay a dead letter" in asked
    assert user.email in asked
    assert not Message.objects.exists()


def test_a_confirmed_replay_is_done_and_written_down(operator: Client, user: User) -> None:
    letter = kept(user)
    answer = operator.post(LIST, chosen("replay", letter, confirmed="yes"), follow=True)
    assert "Replayed: 1." in answer.content.decode()
    assert Message.objects.get().user == user
    letter.refresh_from_db()
    assert letter.state == LetterState.REPLAYED
    assert letter.resolved_by is not None
    entry = LogEntry.objects.get()
    assert entry.user == letter.resolved_by
    assert entry.change_message == f"Replayed. {letter.outcome}"
    page = operator.get(f"{LIST}{letter.pk}/change/").content.decode()
    assert "Replay…" not in page
    assert letter.outcome in page
    assert letter.outcome in operator.get(f"{LIST}{letter.pk}/history/").content.decode()


def test_what_cannot_be_replayed_is_told_with_its_reason(operator: Client, user: User) -> None:
    letters = kept(user, Ping()), kept(user, Stop(client_id="c-2", run_id=RunID.new()))
    answer = operator.post(LIST, chosen("replay", *letters, confirmed="yes"), follow=True)
    page = answer.content.decode()
    assert "further answers and stops are done again" in page
    assert "it failed again with RunNotFound" in page
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {LetterState.WAITING}
    assert LogEntry.objects.count() == 2


def test_a_discard_needs_a_reason(operator: Client, user: User) -> None:
    letters = kept(user), kept(user, Ping())
    for answer in ({}, {"confirmed": "yes"}, {"confirmed": "yes", "reason": " "}):
        page = operator.post(LIST, chosen("discard", *letters, **answer)).content.decode()
        assert "Discard 2 dead letters" in page
    assert "This field is required" in page
    done = operator.post(
        LIST, chosen("discard", *letters, confirmed="yes", reason="a test of ours"), follow=True
    )
    assert "Discarded: 2." in done.content.decode()
    outcomes = DeadLetter.objects.values_list("state", "outcome").distinct()
    assert list(outcomes) == [(LetterState.DISCARDED, "a test of ours")]
    written = [entry.change_message for entry in LogEntry.objects.all()]
    assert written == ["Discarded. a test of ours"] * 2


def test_what_is_resolved_stays_resolved(operator: Client, user: User) -> None:
    letter = kept(user)
    dead_letters.discard(letter=letter, actor=user, reason="spam")
    for action in ("replay", "discard"):
        answer = chosen(action, letter, confirmed="yes", reason="again")
        page = operator.post(LIST, answer, follow=True).content.decode()
        assert "None of the chosen letters waits." in page
    assert not LogEntry.objects.exists()


def test_who_may_only_look_resolves_nothing(staff: Callable[..., Client], user: User) -> None:
    letter = kept(user)
    viewer = staff("view_deadletter")
    assert "Replay" not in viewer.get(f"{LIST}{letter.pk}/change/").content.decode()
    for action in ("replay", "discard", "delete_selected"):
        viewer.post(LIST, chosen(action, letter, confirmed="yes", reason="x", post="yes"))
    letter.refresh_from_db()
    assert letter.state == LetterState.WAITING


def test_without_a_permission_nothing_is_seen(staff: Callable[..., Client], user: User) -> None:
    letter = kept(user)
    nobody = staff("view_message")
    assert nobody.get(LIST).status_code == 403
    assert nobody.get(f"{LIST}{letter.pk}/change/").status_code == 403
    assert nobody.post(LIST, chosen("discard", letter)).status_code == 403


def test_no_page_has_a_script_or_style_that_the_policy_refuses(
    operator: Client, user: User
) -> None:
    letter = kept(user)
    pages = [operator.get(address) for address in (LIST, f"{LIST}{letter.pk}/change/")]
    for page in (*pages, operator.post(LIST, chosen("discard", letter))):
        shown = page.content.decode()
        assert not any(refused in shown for refused in ("<style", " style=", "<script>"))
