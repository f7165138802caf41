"""The page of the API: all of it is there, for people who are signed in."""

import re

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from chat.api.reference.document import Document, Word
from chat.api.routes import api


def test_every_route_and_type_is_told_with_a_request_that_names_what_it_must() -> None:
    document = api.get_openapi_schema()
    told = Document(document)
    routes = [route for room in told.rooms() for route in room.routes]

    assert {(one.method.lower(), one.path) for one in routes} == {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }
    assert [one.name for one in told.types()] == sorted(document["components"]["schemas"])
    [send] = [one for one in routes if (one.method, one.path) == ("POST", "/api/messages")]
    fields = {one.name: one for one in send.fields}
    assert [name for name, one in fields.items() if one.is_required] == ["client_id", "text"]
    assert fields["mode"].kind == [Word("queue or interrupt")]
    assert fields["files"].bounds == "at most 10 of them"
    assert fields["mode"].bounds == "queue unless given"
    assert send.answers[0].kind == [Word("Ack", "Ack")]
    assert '-d \'{"client_id": "…", "text": "…"}\'' in send.example
    [upload] = [one for one in routes if (one.method, one.path) == ("POST", "/api/files")]
    assert "-F file=@" in upload.example
    for one in routes:
        asked = "POST" if re.search("-d |-F ", one.example) else "GET"
        assert one.method == (re.findall("-X (.*) ", one.example) or [asked])[0], one.path


@pytest.mark.django_db
def test_the_page_is_for_who_is_signed_in_and_takes_nothing_from_elsewhere(user: User) -> None:
    client = Client()
    assert client.get("/api/docs")["Location"].startswith("/accounts/login/")
    client.force_login(user)

    page = client.get("/api/docs").content.decode()

    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in re.findall(r'href="(#[^"]+)"', page)} <= set(ids)
    assert "POST" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_guide_for_clients_names_every_route() -> None:
    guide = (settings.BASE_DIR / "docs" / "clients.md").read_text()
    paths = (path.removeprefix("/api") for path in api.get_openapi_schema()["paths"])
    told = {re.sub(r"\{(?!call_id)\w+\}", "{id}", path) for path in paths}
    missing = [path for path in told if not re.search(rf"[` ]{re.escape(path)}[`?]", guide)]
    assert missing == []
