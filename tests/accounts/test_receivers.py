"""What leaves the house when somebody signs out."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from accounts.signals import access_ended
from tests.accounts.people import sign_in, verified


@pytest.mark.django_db(transaction=True)
def test_signing_out_ends_this_session_and_says_which(client: Client) -> None:
    user = verified()
    other = Client()
    for one in (client, other):
        sign_in(one, "ada@acme.org")
    key = client.session.session_key
    heard: list[tuple[str, str | None, bool]] = []

    def hear(*, user_id: str, session_key: str | None, **_: Any) -> None:
        alive = Session.objects.filter(session_key=session_key).exists()
        heard.append((user_id, session_key, alive))

    access_ended.connect(hear)
    before = User.objects.get().access_changed_at
    answer = client.post("/accounts/logout/")
    access_ended.disconnect(hear)

    assert answer.headers["Location"] == "/accounts/login/"
    assert heard == [(user.public_id, key, False)]
    assert User.objects.get().access_changed_at > before
    assert client.get("/chat/").status_code != 200
    assert other.get("/chat/").status_code == 200


@pytest.mark.django_db
def test_asking_for_the_sign_out_page_signs_nobody_out(client: Client) -> None:
    verified()
    sign_in(client, "ada@acme.org")
    assert client.get("/accounts/logout/").status_code == 200
    assert client.get("/chat/").status_code == 200
