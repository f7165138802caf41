"""The zip of all that Netra has of a user: complete, and of nobody else."""

import io
import json
from http.cookies import SimpleCookie
from typing import Any
from zipfile import ZipFile

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.files.base import ContentFile
from django.test import AsyncClient, Client
from pytest_django import Settings

from accounts.models import AuditEvent, AuditKind, User
from chat.database import in_database
from chat.models import File, Folder, Message, Thread
from netra import export
from tests.accounts.people import sign_in, verified

pytestmark = pytest.mark.django_db

PAGE = "/accounts/export/"


def talk(user: User, said: str, *, title: str = "Prices", file: str = "model,cost\n") -> Thread:
    thread = Thread.objects.create(user=user, title=title)
    message = Message.objects.create(thread=thread, user=user, role="user", text=said, seq=1)
    content = ContentFile(file.encode(), name="usage.csv")
    File.objects.create(
        user=user, message=message, name="../usage.csv", bytes=len(file), content=content
    )
    return thread


def archive_of(user: User) -> ZipFile:
    target = io.BytesIO()
    export.write_archive(user, target)
    zipped = ZipFile(target)
    assert zipped.testzip() is None
    return zipped


def test_everything_of_the_user_is_in_it() -> None:
    user = verified()
    sign_in(Client(), user.email)
    thread = talk(user, 'Was "it"\nworth it? 💶')
    Folder.objects.create(user=user, name="Work")
    zipped = archive_of(user)
    tables = {
        name: json.loads(zipped.read(name))
        for name in zipped.namelist()
        if "/" not in name and name.endswith(".json")
    }
    assert tables["account.json"][0]["email"] == user.email
    assert [one["device"] for one in tables["sessions.json"]] == ["An unknown device"]
    assert {one["kind"] for one in tables["security_log.json"]} >= {"signed_up", "verified"}
    assert tables["tier_changes.json"]
    assert tables["files.json"][0]["name"] == "../usage.csv"
    assert tables["folders.json"][0]["name"] == "Work"
    assert (tables["shares.json"], tables["feedback.json"]) == ([], [])
    told = json.loads(zipped.read(f"threads/{thread.public_id}.json"))
    assert told["messages"][0]["text"] == 'Was "it"\nworth it? 💶'
    assert "💶" in zipped.read(f"threads/{thread.public_id}.md").decode()
    (file,) = [name for name in zipped.namelist() if name.startswith("files/")]
    assert zipped.read(file) == b"model,cost\n"


def test_nothing_of_anybody_else_and_no_secret_is_in_it() -> None:
    ada, eve = verified(), verified("eve@acme.org")
    talk(ada, "mine")
    talk(eve, "hers alone")
    sign_in(Client(), ada.email)
    zipped = archive_of(ada)
    whole = b"".join(zipped.read(name) for name in zipped.namelist())
    assert b"hers alone" not in whole
    assert b"eve@acme.org" not in whole
    assert ada.password.encode() not in whole
    for session in Session.objects.all():
        assert session.session_key.encode() not in whole
    assert not [name for name in zipped.namelist() if ".." in name or name.startswith("/")]


def test_files_beyond_the_bound_are_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    user = verified()
    talk(user, "one", file="x" * 60)
    talk(user, "two", file="x" * 60)
    monkeypatch.setattr(export, "FILE_BYTES_MAX", 100)
    zipped = archive_of(user)
    assert len([name for name in zipped.namelist() if name.startswith("files/")]) == 1
    assert len(json.loads(zipped.read("files.json"))) == 2


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_the_zip_is_streamed_noted_and_told() -> None:
    user = await in_database(verified)
    await in_database(talk, user, "hello " * 20_000)
    client = AsyncClient()
    client.cookies = await in_database(signed_in, user)
    answer: Any = await client.post(PAGE)
    body = b"".join([piece async for piece in answer.streaming_content])
    assert len(body) == int(answer.headers["Content-Length"])
    assert "README.txt" in ZipFile(io.BytesIO(body)).namelist()
    assert mail.outbox[-1].subject == "Your data was exported"
    noted = AuditEvent.objects.filter(kind=AuditKind.DATA_EXPORTED, user=user)
    assert await in_database(noted.count) == 1


def signed_in(user: User) -> SimpleCookie:
    client = Client()
    sign_in(client, user.email)
    return client.cookies


def test_only_who_has_just_signed_in_gets_it(client: Client) -> None:
    assert client.post(PAGE).headers["Location"].startswith("/accounts/login/")
    sign_in(client, verified().email)
    assert client.get(PAGE).status_code == 200
    session = client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [{**one, "at": one["at"] - 3600} for one in records]
    session.save()
    assert client.post(PAGE).headers["Location"].startswith("/accounts/reauthenticate/")


def test_too_many_exports_are_refused_for_a_while(client: Client, settings: Settings) -> None:
    settings.ACCOUNTS_LIMITS = settings.ACCOUNTS_LIMITS | {"export": (0, 3600)}
    sign_in(client, verified().email)
    answer = client.post(PAGE)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
