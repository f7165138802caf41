import json
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from chat import services
from chat.services import Outgoing
from netra.ids import ThreadID

pytestmark = pytest.mark.django_db


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


def post(user: User, text: str = "hello") -> str:
    message = Outgoing(client_id=text.replace(" ", "-"), text=text)
    return services.post_message(user=user, message=message).thread_id


def test_the_pages_ask_a_stranger_to_sign_in() -> None:
    for path in ("/chat/", f"/chat/{ThreadID.new()}/"):
        response = Client().get(path)
        assert response.status_code == HTTPStatus.FOUND
        assert response.headers["Location"].startswith("/accounts/login/")


def test_the_chat_page_carries_what_its_script_needs(
    user: User, client_of: Callable[[User], Client]
) -> None:
    thread_id = post(user)
    response = client_of(user).get(f"/chat/{thread_id}/")
    config = json.loads(response.content.split(b'id="netra-config" type="application/json">')[1]
                        .split(b"</script>")[0])  # fmt: skip
    assert config["thread_id"] == thread_id
    assert config["user"] == {"user_id": user.public_id, "email": user.email, "name": ""}
    assert config["assistant"] == {"builtin": True, "model": ""}
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_a_foreign_thread_is_answered_like_a_missing_one(
    make_user: Callable[[], User], client_of: Callable[[User], Client]
) -> None:
    theirs = post(make_user())
    client = client_of(make_user())
    pages = [client.get(f"/chat/{one}/") for one in (theirs, ThreadID.new(), "nonsense")]
    assert {page.status_code for page in pages} == {HTTPStatus.NOT_FOUND}
    assert len({page.content for page in pages}) == 1
