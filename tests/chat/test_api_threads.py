"""The API of threads, folders, search, shares and feedback, as a page or a program calls it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat.folders import FOLDERS_MAX
from chat.models import Folder, Thread
from tests.chat.api_people import pays, program, sent, token_of
from tests.chat.test_branches import answer

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def owner(user: User) -> User:
    return pays(user)


@pytest.fixture
def client(owner: User) -> Client:
    return program(token_of(owner))


def told(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.content
    if status >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        return answer.json()["code"]
    return answer.json() if status != 204 else None


def listed(client: Client, **query: str) -> list[str]:
    return [row["title"] for row in told(client.get("/api/threads", query))["threads"]]


def test_a_thread_is_renamed_pinned_archived_and_filed(client: Client) -> None:
    first, _second = sent(client, "one"), sent(client, "two")
    at = f"/api/threads/{first['thread_id']}"
    folder = told(client.post("/api/folders", {"name": " Work "}, JSON), 201)
    change = {"title": "  First  ", "pinned": True, "folder_id": folder["folder_id"]}

    row = told(client.patch(at, change, JSON))
    assert row == told(client.get(at))
    assert (row["title"], row["pinned"], row["unread"], row["deleted"]) == (
        "First", True, False, False,
    )  # fmt: skip
    assert listed(client) == ["two", "First"]
    assert listed(client, pinned="true") == ["First"]
    assert listed(client, pinned="false") == ["two"]
    assert listed(client, folder_id=folder["folder_id"]) == ["First"]
    told(client.patch(at, {"archived": True}, JSON))
    assert (listed(client), listed(client, state="archived")) == (["two"], ["First"])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ([], 422, "invalid_request"),
        ({"title": "   "}, 422, "invalid_request"),
        ({"title": "x" * 201}, 422, "invalid_request"),
        ({"title": "a\nb"}, 422, "invalid_request"),
        ({"title": None}, 422, "invalid_request"),
        ({"pinned": "yes"}, 422, "invalid_request"),
        ({"archived": None}, 422, "invalid_request"),
        ({"read_seq": -1}, 422, "invalid_request"),
        ({"folder_id": "folder_1_nobody"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_is_refused(client: Client, change: Any, status: int, code: str) -> None:
    at = f"/api/threads/{sent(client, 'one')['thread_id']}"

    assert told(client.patch(at, change, JSON), status) == code
    assert listed(client) == ["one"]


def test_a_thread_goes_into_the_bin_and_comes_back(client: Client) -> None:
    ack = sent(client, "one")
    at = f"/api/threads/{ack['thread_id']}"
    assert told(client.delete(at), 204) is None

    for gone in (
        client.get(at),
        client.get(f"{at}/messages"),
        client.get(f"{at}/events"),
        client.get(f"{at}/export"),
        client.patch(at, {"title": "x"}, JSON),
        client.delete(at),
        client.get(f"/api/runs/{ack['run_id']}"),
        client.post("/api/messages", {**ack, "client_id": "c2", "text": "x"}, JSON),
    ):
        assert told(gone, 404) == "not_found"
    assert (listed(client), listed(client, state="deleted")) == ([], ["one"])
    assert told(client.post(f"{at}/restore"))["deleted"] is False
    assert told(client.post(f"{at}/restore"), 404) == "not_found"
    told(client.delete(at), 204)
    told(client.delete(f"{at}?forever=true"), 204)
    assert not Thread.objects.exists()


def test_folders_are_made_renamed_and_deleted(client: Client, owner: User) -> None:
    made = told(client.post("/api/folders", {"name": "Work"}, JSON), 201)
    at = f"/api/folders/{made['folder_id']}"

    assert told(client.post("/api/folders", {"name": "wORK "}, JSON), 409) == "name_taken"
    for name in ("", " ", "x" * 61):
        assert told(client.post("/api/folders", {"name": name}, JSON), 422) == "invalid_request"
    renamed = told(client.patch(at, {"name": "Home"}, JSON))
    assert told(client.get("/api/folders")) == {"folders": [renamed]}
    Folder.objects.bulk_create(Folder(user=owner, name=f"f{n}") for n in range(FOLDERS_MAX - 1))
    assert told(client.post("/api/folders", {"name": "More"}, JSON), 429) == "too_many_folders"
    told(client.delete(at), 204)
    assert told(client.delete(at), 404) == "not_found"
    assert told(client.get("/api/threads", {"folder_id": made["folder_id"]}), 404) == "not_found"


def test_words_are_found_and_marked(client: Client) -> None:
    ack = sent(client, "Where is the invoice?")

    [title, message] = told(client.get("/api/search", {"q": "inv"}))["results"]
    assert (title["message_id"], title["excerpt"]) == (None, "")
    assert title["title"][slice(*title["title_marks"][0])] == "inv"
    assert message["message_id"] == ack["message_id"]
    assert message["excerpt"][slice(*message["marks"][0])] == "inv"
    page = told(client.get("/api/search", {"q": "inv", "limit": "1"}))
    assert page["results"] == [title]
    rest = told(client.get("/api/search", {"q": "inv", "cursor": page["next"]}))
    assert rest == {"results": [message], "next": None}
    assert told(client.get("/api/search", {"q": "?!"}))["results"] == []
    assert told(client.get("/api/search", {"q": "a", "cursor": "x"}), 422) == "invalid_cursor"
    assert told(client.get("/api/search", {"q": "a", "cursor": "msg_1_nobody"}), 422)


def test_a_thread_is_shared_and_the_link_revoked(
    client: Client, make_user: Callable[[], User]
) -> None:
    ack = sent(client, "hello")
    at = f"/api/threads/{ack['thread_id']}/share"
    told(client.get(at), 204)
    assert told(client.post(at), 409) == "nothing_to_share"
    answer(ack["run_id"], "An answer.")

    made = told(client.post(at))
    assert made == told(client.post(at)) == told(client.get(at))
    assert (made["messages"], made["url"][:25]) == (2, "http://testserver/share/s")
    assert Client().get(made["url"]).status_code == 200
    told(client.delete(at), 204)
    assert Client().get(made["url"]).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_rated(client: Client) -> None:
    ack = sent(client, "hello")
    at = f"/api/runs/{ack['run_id']}/feedback"
    assert told(client.put(at, {"rating": "up"}, JSON), 409) == "not_ended"
    answer(ack["run_id"], "An answer.")

    for wrong in ({"rating": "meh"}, {"rating": "up", "reason": "x"}, {}):
        assert told(client.put(at, wrong, JSON), 422) == "invalid_request"
    given = {"rating": "down", "reason": "too_long"}
    assert told(client.put(at, given | {"comment": "Shorter."}, JSON)) == given
    messages = told(client.get(f"/api/threads/{ack['thread_id']}/messages"))["messages"]
    assert (messages[1]["feedback"], "feedback" in messages[0]) == (given, False)
    told(client.delete(at), 204)
    told(client.delete(at), 204)
