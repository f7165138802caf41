import json
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from chat import services
from chat.models import File
from chat.services import Outgoing
from netra.ids import FileID, ThreadID

pytestmark = pytest.mark.django_db
CSV = b"model,cost_usd\ngpt-4o,1.50\n"


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


def upload(
    client: Client, content: bytes, name: str = "usage.csv"
) -> tuple[int, dict[str, object]]:
    response = client.post("/api/files/", {"file": SimpleUploadedFile(name, content)})
    return response.status_code, json.loads(response.content)


def test_the_pages_ask_a_stranger_to_sign_in() -> None:
    for path in ("/", "/chat/", f"/chat/{ThreadID.new()}/"):
        response = Client().get(path)
        assert response.status_code == HTTPStatus.FOUND
        assert response.headers["Location"].startswith("/accounts/login/")
    for response in (Client().get("/api/threads/"), Client().post("/api/files/")):
        assert response.status_code == HTTPStatus.UNAUTHORIZED
        assert json.loads(response.content)["code"] == "not_signed_in"


def test_the_chat_page_carries_what_its_script_needs(
    user: User, client_of: Callable[[User], Client]
) -> None:
    thread_id = post(user)
    response = client_of(user).get(f"/chat/{thread_id}/")
    config = json.loads(response.content.split(b'id="netra-config" type="application/json">')[1]
                        .split(b"</script>")[0])  # fmt: skip
    assert config["thread_id"] == thread_id
    assert config["user"] == {"user_id": user.public_id, "email": user.email}
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


def test_the_list_holds_the_users_own_threads_newest_first(
    make_user: Callable[[], User], client_of: Callable[[User], Client]
) -> None:
    me = make_user()
    first, second = post(me, "first"), post(me, "second")
    post(make_user(), "foreign")
    rows = json.loads(client_of(me).get("/api/threads/").content)["threads"]
    assert [(row["thread_id"], row["title"], row["running"]) for row in rows] == [
        (second, "second", True),
        (first, "first", True),
    ]
    assert rows[0]["updated_at"].endswith("Z")


def test_an_upload_is_kept_for_its_owner(user: User, client_of: Callable[[User], Client]) -> None:
    status, answer = upload(client_of(user), CSV, "../usage <b>.csv")
    file = File.objects.get()
    assert status == HTTPStatus.OK
    assert answer == {"file_id": file.public_id, "name": "usage <b>.csv", "bytes": len(CSV)}
    assert FileID(file.public_id)
    with file.content.open("rb") as content:
        assert content.read() == CSV
    file.content.delete(save=False)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", HTTPStatus.BAD_REQUEST, "file_empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "file_not_text"),
        (b"PK\x03\x04" + b"\0" * 40, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "file_not_text"),
        (b"\xff\x01\x02 binary", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "file_not_text"),
    ],
)
def test_what_is_no_text_is_refused(
    user: User, client_of: Callable[[User], Client], content: bytes, status: int, code: str
) -> None:
    answered, answer = upload(client_of(user), content)
    assert (answered, answer["code"]) == (status, code)
    assert not File.objects.exists()


@pytest.mark.parametrize("content", ["größe,1\n".encode("latin-1"), "größe,1\n".encode("utf-16")])
def test_text_in_other_encodings_is_taken(
    user: User, client_of: Callable[[User], Client], content: bytes
) -> None:
    assert upload(client_of(user), content)[0] == HTTPStatus.OK
    File.objects.get().content.delete(save=False)


def test_an_upload_above_the_limit_is_refused(
    user: User, client_of: Callable[[User], Client], settings: pytest.FixtureRequest
) -> None:
    settings.FILE_BYTES_MAX = 10  # type: ignore[attr-defined]  # pytest-django's settings
    status, answer = upload(client_of(user), b"x" * 11)
    assert (status, answer["code"]) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "file_too_large")


def test_a_user_keeps_a_bounded_number_of_unsent_files(
    user: User, client_of: Callable[[User], Client]
) -> None:
    rows = [File(user=user, name="a", bytes=1) for _ in range(services.UNSENT_FILES_MAX)]
    File.objects.bulk_create(rows)
    status, answer = upload(client_of(user), CSV)
    assert (status, answer["code"]) == (HTTPStatus.TOO_MANY_REQUESTS, "too_many_files")


def test_an_upload_needs_the_csrf_token(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    response = client.post("/api/files/", {"file": SimpleUploadedFile("a.csv", CSV)})
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert json.loads(response.content)["code"] == "csrf_failed"
    client.get("/chat/")
    token = client.cookies["csrftoken"].value
    response = client.post(
        "/api/files/", {"file": SimpleUploadedFile("a.csv", CSV)}, headers={"X-CSRFToken": token}
    )
    assert response.status_code == HTTPStatus.OK
    File.objects.get().content.delete(save=False)
