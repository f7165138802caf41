"""The API: who may call what, and what it answers."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from accounts import own_tokens
from accounts.models import ApiToken, TokenScope, User
from billing import services as billing
from billing.models import Grant
from chat.api.problems import CONTENT_TYPE
from chat.api.routes import api
from chat.models import AgentModel, Run, Thread
from chat.runs.lifecycle import RunState
from tests.chat.api_people import pays, program, sent, token_of
from tests.chat.test_approvals import asked

MakeUser = Callable[[], User]
BODIES = {
    ("POST", "/api/runs/{run_id}/calls/{call_id}/decision"): '{"decision": "approve"}',
    ("PUT", "/api/runs/{run_id}/feedback"): '{"rating": "up"}',
    ("PATCH", "/api/threads/{thread_id}"): '{"title": "Mine"}',
    ("PATCH", "/api/folders/{folder_id}"): '{"name": "Mine"}',
    ("PATCH", "/api/prompts/{prompt_id}"): '{"text": "Mine"}',
}


@pytest.fixture
def owner(user: User) -> User:
    return pays(user)


@pytest.fixture
def client(owner: User) -> Client:
    return program(token_of(owner))


def read(answer: Any) -> bytes:
    """The body of an answer that is streamed."""

    async def whole() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(whole)()


def routes() -> list[tuple[str, str]]:
    document = api.get_openapi_schema()
    return [
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    ]


def call(client: Client, method: str, path: str, ids: dict[str, str]) -> Any:
    at = path.format(**ids)
    if path == "/api/agui/run":
        question = {"id": "again", "role": "user", "content": "hello"}
        run = {"threadId": ids["thread_id"], "runId": "r", "messages": [question]}
        return client.post(at, run, content_type="application/json")
    if path == "/api/messages":
        message = {"client_id": "again", "text": "hello", "thread_id": ids["thread_id"]}
        return client.post(at, message, content_type="application/json")
    if (method, path) == ("POST", "/api/files"):
        return client.post(at, {"file": SimpleUploadedFile("a.txt", b"a,b\n1,2\n")})
    body = BODIES.get((method, path))
    return client.generic(method, at, body or "", content_type="application/json")


@pytest.fixture
def ids(client: Client) -> dict[str, str]:
    """What the owner has, by the names of the parameters that name it."""
    ack = sent(client)
    file = client.post("/api/files", {"file": SimpleUploadedFile("b.txt", b"words\n")}).json()
    made = client.post("/api/folders", {"name": "Work"}, content_type="application/json")
    prompt = {"name": "mine", "text": "hello"}
    kept = client.post("/api/prompts", prompt, content_type="application/json").json()
    own = {"file_id": file["file_id"], "prompt_id": kept["prompt_id"], "call_id": "call_1"}
    return {**ack, **made.json(), **own}


@pytest.mark.django_db(transaction=True)
def test_every_route_is_closed_to_whom_it_is_not_for(
    owner: User, make_user: MakeUser, ids: dict[str, str], settings: Settings
) -> None:
    poor = make_user()
    eve = pays(make_user())
    revoked, gone = own_tokens.create_token(user=owner, name="old", scope=TokenScope.WRITE)
    own_tokens.revoke_token(user=owner, number=revoked.pk)
    late, expired = own_tokens.create_token(user=owner, name="late", scope=TokenScope.WRITE, days=1)
    past = timezone.now() - timedelta(days=2)
    ApiToken.objects.filter(pk=late.pk).update(created_at=past, expires_at=past + timedelta(days=1))
    lost = token_of(pays(poor))
    billing.revoke(grant=Grant.objects.get(user=poor), reason="over", actor=None)
    closed = {
        "stranger": (Client(enforce_csrf_checks=True), 401, "not_signed_in"),
        "unknown": (program("nt_" + "a" * 43), 401, "token_invalid"),
        "revoked": (program(gone), 401, "token_invalid"),
        "expired": (program(expired), 401, "token_invalid"),
        "no plan": (program(lost), 403, "not_in_plan"),
    }
    assert len(routes()) >= 14

    for (method, path), (who, (client, status, code)) in product(routes(), closed.items()):
        answer = call(client, method, path, ids)
        found = (answer.status_code, answer.json()["code"], answer["Content-Type"])
        assert found == (status, code, "application/problem+json"), (method, path, who)
    reader = program(token_of(owner, TokenScope.READ))
    for method, path in routes():
        answer = call(reader, method, path, ids)
        refused = answer.status_code == 403 and answer.json()["code"] == "read_only"
        assert refused == (method != "GET"), (method, path)
    stranger = program(token_of(eve))
    for method, path in routes():
        if "{" in path or path in ("/api/messages", "/api/agui/run"):
            answer = call(stranger, method, path, ids)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
    assert Run.objects.count() == 1


def test_a_session_calls_as_its_page_does_and_is_not_forged(owner: User) -> None:
    page = Client(enforce_csrf_checks=True)
    page.force_login(owner)
    body = {"client_id": "c1", "text": "hello"}

    assert page.get("/api/threads").status_code == 200
    forged = page.post("/api/messages", body, content_type="application/json")
    assert (forged.status_code, forged.json()["code"]) == (403, "csrf_failed")
    token = page.get("/chat/").context["config"]["csrf_token"]
    headers = {"X-CSRFToken": token}
    made = page.post("/api/messages", body, content_type="application/json", headers=headers)
    assert made.status_code == 201


def test_a_bad_token_is_not_made_good_by_a_session(owner: User) -> None:
    client = program("nt_" + "a" * 43)
    client.force_login(owner)

    assert client.get("/api/threads").status_code == 401


def test_a_message_is_stored_once_per_client_id(client: Client) -> None:
    body = {"client_id": "c1", "text": "hello"}
    first, second = (
        client.post("/api/messages", body, content_type="application/json") for _ in range(2)
    )
    other = client.post("/api/messages", body | {"text": "other"}, content_type="application/json")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"duplicate": True}
    assert (other.status_code, other.json()["code"]) == (409, "client_id_reused")
    assert Thread.objects.count() == 1


def test_pages_of_threads_meet_without_gap_or_repeat(client: Client, owner: User) -> None:
    now = timezone.now()
    # Several of one moment: the id parts them.
    rows = [Thread(user=owner, title=str(n), updated_at=now - timedelta(n // 3)) for n in range(10)]
    made = Thread.objects.bulk_create(rows)
    found: list[str] = []
    cursor = None
    while True:
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/threads", query).json()
        found += [row["thread_id"] for row in page["threads"]]
        cursor = page["next"]
        if cursor is None:
            break

    order = sorted(made, key=lambda row: (row.updated_at, row.public_id), reverse=True)
    assert found == [row.public_id for row in order]
    assert client.get("/api/threads", {"cursor": "x"}).json()["code"] == "invalid_cursor"


@pytest.mark.django_db(transaction=True)
def test_pages_of_messages_go_back_along_the_shown_branch(client: Client) -> None:
    thread_id = sent(client, "one")["thread_id"]
    for text in ("two", "three"):
        sent(client, text, thread_id=thread_id)
    at = f"/api/threads/{thread_id}/messages"

    newest = client.get(at, {"limit": 2}).json()
    oldest = client.get(at, {"limit": 2, "cursor": newest["next"]}).json()

    assert [one["text"] for one in newest["messages"]] == ["two", "three"]
    assert [one["text"] for one in oldest["messages"]] == ["one"]
    assert oldest["next"] is None
    assert client.get(at, {"cursor": "run_1_unknown00"}).status_code == 404


def test_a_run_is_read_and_stopped(client: Client) -> None:
    run_id = sent(client)["run_id"]

    assert client.get(f"/api/runs/{run_id}").json()["status"] == "queued"
    stopped = client.post(f"/api/runs/{run_id}/stop").json()
    assert stopped["status"] == RunState.STOPPED
    assert client.post(f"/api/runs/{run_id}/stop").json() == stopped


def test_a_waiting_call_is_decided_once(client: Client, owner: User) -> None:
    run_id = asked(owner)
    at = f"/api/runs/{run_id}/calls/call-1/decision"

    def decided(decision: str) -> Any:
        return client.post(at, {"decision": decision}, content_type="application/json")

    waits = client.get(f"/api/runs/{run_id}").json()
    [call] = waits["tool_calls"]
    assert (waits["status"], waits["text"], call["status"]) == ("waiting", "So far.", "waiting")
    assert decided("approve").status_code == 200
    assert decided("approve").status_code == 200
    other = decided("deny")
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")


def test_what_is_away_is_to_be_tried_again() -> None:
    away = OperationalError("the server closed the connection")

    told = api.on_exception(RequestFactory().get("/api/threads"), away)

    assert (told.status_code, told["Retry-After"]) == (503, "2")


def test_a_file_comes_back_as_it_was_and_never_as_a_page(client: Client) -> None:
    content = b"<script>alert(1)</script>\n"
    upload = SimpleUploadedFile("Übersicht.html", content)
    made = client.post("/api/files", {"file": upload})
    file = made.json()

    answer = client.get(f"/api/files/{file['file_id']}/content")

    assert made.status_code == 201
    assert client.get("/api/files").json() == {"files": [file], "next": None}
    assert read(answer) == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_entitlements_are_sent_again_only_when_they_changed(client: Client) -> None:
    first = client.get("/api/entitlements")
    again = client.get("/api/entitlements", headers={"If-None-Match": first["ETag"]})
    other = client.get("/api/entitlements", headers={"If-None-Match": '"other"'})

    assert first.json()["tier"] == "mid"
    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


def test_the_rate_is_told_with_every_answer_and_ends_in_429(
    client: Client, settings: Settings
) -> None:
    settings.ACCOUNTS_LIMITS = settings.ACCOUNTS_LIMITS | {"api": (2, 3600)}

    answers = [client.get("/api/entitlements") for _ in range(3)]

    assert [one["RateLimit"].split(";")[1] for one in answers] == ["r=1", "r=0", "r=0"]
    assert answers[0]["RateLimit-Policy"] == '"api";q=2;w=3600'
    assert answers[2].status_code == 429
    assert answers[2].json()["retryable"] is True
    assert 0 < int(answers[2]["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "bad_request"),
        ('{"client_id": "c1"}', "invalid_request"),
        ('{"client_id": "c1", "text": "\\u0000"}', "invalid_request"),
        ('{"client_id": "c 1", "text": "x"}', "invalid_request"),
        ('{"client_id": "c1", "text": "\\ud800"}', "invalid_request"),
        ('{"client_id": "c1", "text": "x", "thread_id": "thread_1_nobody"}', "not_found"),
        ('{"client_id": "c1", "text": "x", "files": ["file_1_nobody"]}', "file_not_found"),
    ],
)
def test_what_is_wrong_with_a_message_is_told(client: Client, body: str, code: str) -> None:
    answer = client.post("/api/messages", body, content_type="application/json")

    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    assert answer["Content-Type"] == "application/problem+json"


def test_a_thread_is_exported_whole(client: Client) -> None:
    at = f"/api/threads/{sent(client, 'keep this')['thread_id']}/export"

    assert client.get(at).json()["messages"][0]["text"] == "keep this"
    assert b"keep this" in client.get(at, {"form": "markdown"}).content


def test_a_method_that_a_route_does_not_have_is_a_problem_too(client: Client) -> None:
    answer = client.delete("/api/models")

    assert (answer.status_code, answer["Allow"]) == (405, "GET")
    assert (answer["Content-Type"], answer.json()["code"]) == (CONTENT_TYPE, "method_not_allowed")


def test_a_model_is_listed_and_chosen_for_a_thread(client: Client) -> None:
    made = AgentModel.objects.create(name="Small", url="http://127.0.0.1:9/v1", model_id="small")
    offered = client.get("/api/models").json()

    ack = sent(client, model=made.public_id)

    assert offered == {"models": [{"model": made.public_id, "name": "Small"}]}
    assert Thread.objects.get(public_id=ack["thread_id"]).model_choice == made.public_id
    body = {"client_id": "c9", "text": "hello", "model": "model_1_nobody"}
    answer = client.post("/api/messages", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, "model_not_found")


def test_an_unknown_route_is_a_problem_too(client: Client) -> None:
    answer = client.get("/api/nothing/here")

    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_route")
