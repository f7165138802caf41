"""The way of a message, on its page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat.delivery import trace
from chat.models import DeliveryKind, DeliveryStep, Message, Role, Thread
from netra.ids import ConnectionID

pytestmark = pytest.mark.django_db

HERE, THERE = str(ConnectionID.new()), str(ConnectionID.new())


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


@pytest.fixture
def message(user: User) -> Message:
    thread = Thread.objects.create(user=user, head=1)
    at = timezone.now() - timedelta(minutes=1)
    return Message.objects.create(
        thread=thread, user=user, role=Role.USER, text="Hello", seq=1, created_at=at
    )


def take(message: Message, kind: DeliveryKind, after_ms: float, connection_id: str = "") -> None:
    DeliveryStep.objects.create(
        thread_id=message.thread.public_id,
        seq=message.seq,
        step=kind,
        connection_id=connection_id,
        node="web-1",
        at=message.created_at + timedelta(milliseconds=after_ms),
    )


def rows(client: Client, message: Message) -> list[tuple[str, ...]]:
    """The table's rows as text, without the time column."""
    response = client.get(f"/admin/chat/message/{message}/change/")
    [table] = [one for one in response.context["tables"] if one.name == "delivery"]
    return [tuple(str(cell) for cell in (*row[:3], *row[4:])) for row in table.rows]


def test_each_connection_is_told_with_how_soon_it_had_and_confirmed_it(
    operator: Client, message: Message
) -> None:
    take(message, DeliveryKind.PUBLISHED, 3.14)
    take(message, DeliveryKind.SENT, 4.2, HERE)
    take(message, DeliveryKind.SENT, 5.0, THERE)
    take(message, DeliveryKind.ACKNOWLEDGED, 1540, HERE)
    stored, published, here, there = rows(operator, message)
    assert stored == ("stored", "–", "–", "–", "–")
    assert published == ("published", "whoever follows", "web-1", "3.1 ms", "–")
    assert here[2:] == ("web-1", "4.2 ms", "1.54 s")
    assert f"/admin/chat/connections/?q={HERE}" in here[1]
    assert there[2:] == ("web-1", "5.0 ms", "not yet")


def test_a_message_that_nobody_followed_says_so(operator: Client, message: Message) -> None:
    take(message, DeliveryKind.PUBLISHED, 3)
    assert rows(operator, message)[-1][:2] == ("not sent", "not followed by any connection")


@pytest.mark.parametrize(
    ("age", "told"),
    [(timedelta(), "nothing is known yet"), (trace.KEPT_FOR * 1.1, "kept for 7 days")],
)
def test_what_is_not_known_is_not_called_undelivered(
    age: timedelta, told: str, operator: Client, message: Message
) -> None:
    Message.objects.update(created_at=timezone.now() - age)
    assert told in rows(operator, message)[-1][1]


def test_a_confirmation_without_its_sending_is_shown_too(
    operator: Client, message: Message
) -> None:
    take(message, DeliveryKind.ACKNOWLEDGED, 900, HERE)
    confirmed = rows(operator, message)[-1]
    assert (confirmed[0], confirmed[-1]) == ("confirmed", "900 ms")


def test_a_clock_that_is_behind_makes_no_time_negative(operator: Client, message: Message) -> None:
    take(message, DeliveryKind.SENT, -20, HERE)
    assert rows(operator, message)[-1][3] == "0.0 ms"
