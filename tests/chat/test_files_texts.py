"""Lines of texts and pages of PDFs, as far as they are wanted and bounded."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.files import pdf as reading
from chat.files.pdf import PdfUnreadable, read_pdf
from chat.files.texts import LINE_CHARS_MAX, decoded, extract
from tests.chat.pictures import pdf


def test_a_text_is_told_by_its_lines_words_and_headings() -> None:
    notes = "# One\r\nfirst words\r\n```\n# no heading\n```\n## Two\nlast".encode("utf-8-sig")

    found = extract(notes, name="notes.md", first=2, chars_max=40)

    assert found.text == "first words\n```\n# no heading\n```"
    assert (found.first, found.last, found.total, found.words) == (2, 5, 7, 12)
    assert found.outline == ("# One", "## Two")


CODE = "import os\nclass A(B):\n    x = 1\nasync def run():\n"


@pytest.mark.parametrize(
    ("name", "text", "outline"),
    [
        ("a.py", CODE, ("class A(B)", "async def run()")),
        ("a.json", '{"one": 1, "two": [2]}', ("one", "two")),
        ("a.json", "[" * 100_000, ()),
        ("a.txt", "# one", ()),
    ],
)
def test_the_outline_goes_by_the_name(name: str, text: str, outline: tuple[str, ...]) -> None:
    assert extract(text.encode(), name=name, first=1, chars_max=100).outline == outline


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.integers(2 * LINE_CHARS_MAX * 6, 50_000))
def test_reading_on_comes_to_every_word(text: str, room: int) -> None:
    text = text.replace("\0", "").replace("\r", "\n") * 40
    data = text.encode("utf-16" if len(text) % 2 else "utf-8")
    taken, first = [], 1
    while True:
        found = extract(data, name="a.txt", first=first, chars_max=room)
        assert len(json.dumps(found.text)) <= room + 2 * LINE_CHARS_MAX
        taken.append(found.text)
        first = found.last + 1
        if found.last >= found.total:
            break
    assert "".join(taken).replace("\n", "") == decoded(data).replace("\n", "")
    assert found.words <= len(decoded(data).split()) + found.total


@pytest.mark.asyncio
async def test_a_pdf_is_read_page_by_page_and_bounded() -> None:
    long = "\n".join(f"word {n} is here" for n in range(60))
    file = pdf("Hello first page", long, "Third")

    whole = await read_pdf(file, first=1, chars_max=24_000)
    bounded = await read_pdf(file, first=2, chars_max=300)
    behind = await read_pdf(file, first=9, chars_max=300)

    assert (whole.pages, whole.texts[0], whole.texts[2]) == (3, "Hello first page", "Third")
    assert whole.outline == ("Part 1", "Part 2", "Part 3")
    assert len(bounded.texts) == 1
    assert len(bounded.texts[0]) < 300
    assert behind.texts == ()


@pytest.mark.asyncio
async def test_a_pdf_that_is_locked_or_broken_is_told_apart() -> None:
    assert (await read_pdf(pdf("secret", password="key"), first=1, chars_max=100)).is_locked
    for broken in (b"%PDF-1.7\nnothing", pdf("one")[:300], b"%PDF-" + b"\xff" * 1000):
        with pytest.raises(PdfUnreadable):
            await read_pdf(broken, first=1, chars_max=100)


@pytest.mark.asyncio
async def test_a_pdf_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TIMEOUT_S", 0.001)

    with pytest.raises(PdfUnreadable):
        await read_pdf(pdf("one"), first=1, chars_max=100)
