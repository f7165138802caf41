"""Attached files as the built-in assistant and the tool read them."""

from dataclasses import replace

import pytest

from chat.agents.models import build_agent, current_model
from chat.files.kinds import MediaType
from tests.chat.agents_world import World
from tests.chat.pictures import pdf, picture

NOTES = "# Plan\nBuy bread.\n\n## Later\n" + "\n".join(f"line {n}" for n in range(5, 60))
# Without pauses.
ASSISTANT = replace(current_model(), tokens_per_s=0)
USAGE = b"model,cost\ngpt-4o,10\ngpt-4o-mini,5\n"


async def asked(world: World, question: str) -> str:
    return (await world.run(build_agent(ASSISTANT), question)).text


def with_notes() -> World:
    world = World()
    world.attach("notes.md", NOTES.encode())
    return world


@pytest.mark.asyncio
async def test_what_is_in_a_file_is_told_without_pretending_to_understand_it() -> None:
    world = with_notes()

    told = await asked(world, "What is in this file?")
    page = await asked(world, "show me line 40")
    rest = await asked(world, "read on")
    unread = await asked(world, "1+1")

    assert told.startswith("**notes.md** is text: 59 lines, 116 words")
    assert "- `## Later`" in told
    assert "Buy bread." in told
    assert "line 30" not in told
    assert "I only quote" in told
    assert page.startswith("**notes.md**, lines 40 to 59 of 59:")
    assert "line 59" in rest
    assert unread == "`1+1` = **2**"


@pytest.mark.asyncio
async def test_a_pdf_is_read_and_a_picture_is_honestly_not_seen() -> None:
    world = World()
    world.attach("report.pdf", pdf("Turnover rose.", "And fell."), MediaType.PDF)
    report = await asked(world, "please have a look")
    second = await asked(world, "page 2")
    world.attach("photo.png", picture(), MediaType.PNG, size=(640, 480))
    seen = await asked(world, "and this?")
    again = await asked(world, "what does the pdf say?")

    assert report.startswith("**report.pdf** is a PDF: 2 pages,")
    assert "Turnover rose." in report
    assert "And fell." in second
    assert "Turnover" not in second
    assert seen.startswith("**photo.png** is an image of 640 × 480 pixels")
    assert "no language model" in seen
    assert "Turnover rose." in again


@pytest.mark.asyncio
async def test_usage_exports_are_analysed_as_before_and_other_text_is_read() -> None:
    world = World()
    world.attach("usage.csv", USAGE)
    analysed = await asked(world, "what is in this file?")
    world.attach("diary.txt", b"Dear diary,\nnothing here.")
    read = await asked(world, "what is in this file?")
    spent = await asked(world, "where does the money go?")

    assert "$15.00" in analysed
    assert read.startswith("**diary.txt** is text: 2 lines, 4 words")
    assert spent.startswith("I found no header line that names a model")
    assert "Dear diary," in spent


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_read_ends_the_call_and_not_the_run() -> None:
    world = World()
    world.attach("locked.pdf", pdf("secret", password="key"), MediaType.PDF)
    locked = await asked(world, "what is in it?")
    world.attach("broken.pdf", b"%PDF-1.7 nothing", MediaType.PDF)
    broken = await asked(world, "what is in it?")
    behind = await asked(with_notes(), "line 900")

    assert locked == "locked.pdf opens with a password only. Attach it without."
    assert broken == "broken.pdf cannot be read: it is damaged, or too intricate."
    assert behind == "The file ends with line 59."
