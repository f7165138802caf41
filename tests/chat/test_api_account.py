"""What the account has used, as the API tells it."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.periods import Window, period_at
from chat.protocol.events import timestamp
from tests.chat.api_people import pays, program, sent, token_of
from tests.chat.test_api_threads import told

pytestmark = pytest.mark.django_db


def test_usage_counts_what_was_sent_and_says_when_it_begins_anew(
    make_user: Callable[[], User],
) -> None:
    me, they = pays(make_user()), pays(make_user())
    client = program(token_of(me))
    sent(client, "one")
    sent(program(token_of(they)), "theirs")

    rows = {row["limit"]: row for row in told(client.get("/api/usage"))["usage"]}
    month = period_at(Window.MONTH, timezone.now())
    assert month.ends_at is not None
    assert rows["runs_month"] == {
        "limit": "runs_month",
        "used": 1,
        "allowed": 50_000,
        "resets_at": timestamp(month.ends_at),
    }
    assert rows["concurrent_runs"]["resets_at"] is None
    assert Client().get("/api/usage").status_code == 401
