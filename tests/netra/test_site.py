from http import HTTPStatus
from pathlib import Path

from django.contrib.staticfiles import finders
from django.test import Client

PNG_SIZE = slice(16, 24)


def test_robots_are_kept_out_of_what_is_behind_the_sign_in() -> None:
    lines = Client().get("/robots.txt").content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    assert "Disallow: /chat/" in lines
    assert "Disallow: /" not in lines


def test_the_manifest_names_icons_that_are_there_and_of_their_sizes() -> None:
    response = Client().get("/manifest.webmanifest")
    assert response.headers["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        found = finders.find(icon["src"].removeprefix("/static/"))
        assert isinstance(found, str)
        header = Path(found).read_bytes()[PNG_SIZE]
        width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:])
        assert icon["sizes"] == f"{width}x{height}"


def test_what_the_manifest_leads_to_asks_strangers_to_sign_in() -> None:
    manifest = Client().get("/manifest.webmanifest").json()
    for url in (manifest["start_url"], *(each["url"] for each in manifest["shortcuts"])):
        assert Client().get(url).status_code == HTTPStatus.FOUND
