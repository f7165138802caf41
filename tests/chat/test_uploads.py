"""What may be uploaded, by page and program alike, and what becomes of it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import services, uploads
from chat.agents.pictures import mention
from chat.errors import ThreadFilesFull
from chat.files import allowances
from chat.models import Event, File, Run
from chat.runs import prompts
from chat.services import Outgoing
from chat.uploads import UploadRefused
from netra.ids import FileID
from tests.chat.pictures import picture
from tests.chat.test_attempts import claimed

pytestmark = pytest.mark.django_db
CSV = b"model,cost_usd\ngpt-4o,1.50\n"
REFUSED = [
    ("usage.csv", b"", 400, "file_empty"),
    ("usage.csv", b"PK\x03\x04" + b"\0" * 40, 415, "file_type_unknown"),
    ("usage.csv", picture("png"), 415, "file_type_mismatch"),
    ("photo.jpg", picture("webp"), 415, "file_type_mismatch"),
    ("photo.png", CSV, 415, "file_type_mismatch"),
    ("report.pdf", b"words", 415, "file_type_mismatch"),
    ("photo.png", picture("png")[:20], 415, "file_damaged"),
    ("photo.gif", b"GIF89a\xff\xff\xff\xff\0\0\0", 413, "image_too_large"),
]


@pytest.fixture
def page(user: User) -> Client:
    """The page of a user who is signed in; the CSRF check is on, as for everybody."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    client.get("/chat/")
    client.defaults["HTTP_X_CSRFTOKEN"] = client.cookies["csrftoken"].value
    return client


def upload(client: Client, content: bytes, name: str = "usage.csv") -> tuple[int, dict[str, Any]]:
    response = client.post("/api/files", {"file": SimpleUploadedFile(name, content)})
    return response.status_code, response.json()


def kept(user: User, name: str = "usage.csv", content: bytes = CSV) -> File:
    return uploads.store_file(user=user, name=name, content=ContentFile(content))


def post(user: User, *files: File, client_id: str = "c1", thread_id: str | None = None) -> str:
    message = Outgoing(
        client_id=client_id,
        text="look",
        thread_id=thread_id,
        files=tuple(file.public_id for file in files),
    )
    return services.post_message(user=user, message=message).thread_id


def read(answer: Any) -> bytes:
    async def whole() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(whole)()


def test_an_upload_is_kept_for_its_owner(user: User, page: Client) -> None:
    status, answer = upload(page, CSV, "../usage <b>.csv")

    file = File.objects.get()
    assert status == 201
    assert FileID(file.public_id) == answer["file_id"]
    assert (answer["name"], answer["bytes"], answer["kind"]) == ("usage <b>.csv", len(CSV), "text")
    with file.content.open("rb") as content:
        assert content.read() == CSV
    assert uploads.remove_files(File.objects.filter(user=user)) == 1
    assert not file.content.storage.exists(str(file.content.name))


def test_an_image_is_shown_to_its_owner_and_to_nobody_else(
    page: Client, make_user: Callable[[], User]
) -> None:
    content = picture("webp", (300, 200))
    told = upload(page, content, "photo.webp")[1]
    at = f"/api/files/{told['file_id']}/content"
    stranger = Client()
    stranger.force_login(make_user(), backend=settings.AUTHENTICATION_BACKENDS[0])

    answer = page.get(at)

    assert (told["kind"], told["width"], told["height"]) == ("image", 300, 200)
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "no-store" in answer["Cache-Control"]
    assert read(answer) == content
    assert (stranger.get(at).status_code, Client().get(at).status_code) == (404, 401)


@pytest.mark.parametrize(("name", "content", "status", "code"), REFUSED)
def test_what_cannot_be_read_is_refused(
    page: Client, name: str, content: bytes, status: int, code: str
) -> None:
    answered, answer = upload(page, content, name)

    assert (answered, answer["code"]) == (status, code)
    assert answer["detail"].endswith(".")
    assert not File.objects.exists()


def test_a_plan_bounds_a_file_a_thread_and_what_waits(
    user: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    small = allowances.Allowance(file_bytes=40, thread_bytes=70)
    monkeypatch.setattr(uploads, "ALLOWANCES", dict.fromkeys(allowances.ALLOWANCES, small))
    with pytest.raises(UploadRefused, match="file_too_large"):
        kept(user, content=b"x" * 41)
    first, second, third = kept(user), kept(user), kept(user)
    thread_id = post(user, first, second)
    with pytest.raises(ThreadFilesFull):
        post(user, third, client_id="c2", thread_id=thread_id)
    post(user, third, client_id="c2")

    settings.FILE_BYTES_MAX = 10
    with pytest.raises(UploadRefused, match="file_too_large"):
        kept(user)
    settings.FILE_BYTES_MAX = 40
    waiting = [File(user=user, name="a", bytes=1) for _ in range(uploads.UNSENT_FILES_MAX)]
    File.objects.bulk_create(waiting)
    with pytest.raises(UploadRefused, match="too_many_files"):
        kept(user)


def test_a_message_tells_what_its_files_are(user: User) -> None:
    post(user, kept(user), kept(user, "photo.png", picture("png", (64, 40))))

    [text, image] = json.loads(Event.objects.get(type="message_created").data)["files"]

    assert (text["kind"], "width" in text) == ("text", False)
    assert (image["kind"], image["width"], image["height"]) == ("image", 64, 40)


def test_an_agent_is_given_the_files_and_a_mention_of_each_image(user: User) -> None:
    csv, photo = kept(user), kept(user, "photo.png", picture("png", (64, 40)))
    thread_id = post(user, csv, photo)

    opening = prompts.opening_of(claimed(Run.objects.get(thread__public_id=thread_id).public_id))

    assert opening.prompt is not None
    text, image = opening.prompt
    assert text == (
        f"look\n[attached file: usage.csv, {len(CSV)} bytes]"
        "\n[attached image: photo.png, 64 x 40 pixels]"
    )
    assert image == mention(photo.public_id, "image/png")
    kinds = [(one.name, one.kind, one.width) for one in opening.attachments]
    assert kinds == [("photo.png", "image", 64), ("usage.csv", "text", None)]


def test_uploads_that_no_message_took_are_dropped_after_a_day(user: User) -> None:
    old, new, sent = (kept(user) for _ in range(3))
    post(user, sent)
    past = timezone.now() - timedelta(days=2)
    File.objects.exclude(pk=new.pk).update(created_at=past)

    assert [uploads.drop_unsent_files(), uploads.drop_unsent_files()] == [1, 0]
    assert not old.content.storage.exists(str(old.content.name))
    assert set(File.objects.values_list("pk", flat=True)) == {new.pk, sent.pk}


@pytest.mark.parametrize("wrong", [{"width": 1}, {"media_type": "image/png"}])
def test_a_row_is_measured_exactly_when_it_is_an_image(user: User, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="file_measured"), transaction.atomic():
        File.objects.create(user=user, name="a", bytes=1, **wrong)
