"""Attached images as models are shown them."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pydantic_ai.messages import ModelMessagesTypeAdapter, UserContent

from chat.agents import pictures
from chat.agents.models import ModelChoice, build_agent
from chat.agents.pictures import mention, scaled
from chat.agents.window import IMAGE_TOKENS, tokens_of
from chat.files.kinds import MediaType
from chat.model_rows import Protocol
from tests.chat.agents_world import World
from tests.chat.pictures import FORMATS, picture
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.openai_server import FakeOpenAI, Say


@pytest.fixture(params=[FakeOpenAI, FakeAnthropic])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeOpenAI]:
    with request.param() as server:
        yield server


def choice(fake: FakeOpenAI, **more: Any) -> ModelChoice:
    protocol = Protocol.ANTHROPIC if isinstance(fake, FakeAnthropic) else Protocol.OPENAI
    known = ModelChoice(name="m", agent_name="m", builtin=False, url=fake.url, takes_images=True)
    return replace(known, protocol=protocol, **more)


def seen(body: Any) -> list[tuple[int, int]]:
    """The sizes of all images in a request, of either protocol."""
    if isinstance(body, list):
        return [size for item in body for size in seen(item)]
    if not isinstance(body, dict):
        return []
    source = body.get("image_url", {}).get("url", "").partition("base64,")[2]
    if body.get("type") == "image":
        source = body["source"]["data"]
    if source:
        with Image.open(BytesIO(base64.b64decode(source))) as image:
            return [image.size]
    return [size for item in body.values() for size in seen(item)]


@pytest.mark.asyncio
async def test_a_model_that_takes_images_sees_them_and_the_history_only_names_them(
    fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.attach("small.png", picture("png", (64, 40)), MediaType.PNG, size=(64, 40))
    world.attach("broken.png", b"\x89PNG\r\n\x1a\n", MediaType.PNG, size=(1, 1))
    world.attach("big.jpg", picture("jpg", (1700, 1000)), MediaType.JPEG, size=(1700, 1000))
    asked: list[UserContent] = [
        "What is this?",
        *(mention(one.file_id, one.media_type) for one in world.attachments),
    ]
    fake.will(Say("A flag."), Say("Yes."), Say("I cannot see."))

    agent = build_agent(choice(fake))
    first = await world.run(agent, asked)
    await world.run(agent, "Are you sure?")
    await world.run(build_agent(choice(fake, takes_images=False)), "And you?")

    assert first.text == "A flag."
    assert [seen(request.body) for request in fake.requests] == [
        [(1568, 922), (64, 40)],
        [(1568, 922), (64, 40)],
        [],
    ]
    assert "broken.png cannot be shown" in str(fake.requests[0].body)
    assert "netra:" not in str(fake.requests[2].body)
    assert b"binary" not in ModelMessagesTypeAdapter.dump_json(world.history)
    assert tokens_of(world.history) > 3 * IMAGE_TOKENS
    monkeypatch.setattr(pictures, "PICTURES_MAX", 1)
    fake.will(Say("One."))
    await world.run(agent, "Again?")
    assert seen(fake.requests[-1].body) == [(64, 40)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_scaled_and_loses_what_the_camera_noted(suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    more = {} if suffix == "gif" else {"exif": exif}

    found = scaled(picture(suffix, (1600, 400), **more))

    assert found is not None
    with Image.open(BytesIO(found[0])) as image:
        assert max(image.size) == pictures.SIDE_MAX
        # Turned upright.
        assert (image.width < image.height) is (suffix != "gif")
        assert not image.getexif()
        assert found[1] in ("image/png", "image/jpeg")


def test_an_image_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PIXELS_MAX", 99)

    assert scaled(picture("gif", (10, 10))) is None
