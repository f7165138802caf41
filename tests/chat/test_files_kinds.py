"""What a file holds, and how large an image is, told from bytes."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.files.dimensions import dimensions_of
from chat.files.kinds import IMAGES, MediaType, media_type_of, promised_by
from tests.chat.pictures import pdf, picture

HELD = [
    (b"model,cost\n", MediaType.TEXT),
    ("größe,1\n".encode("latin-1"), MediaType.TEXT),
    ("größe,1\n".encode("utf-16"), MediaType.TEXT),
    (b"<svg onload=alert(1)>", MediaType.TEXT),
    (pdf("one"), MediaType.PDF),
    (picture("png"), MediaType.PNG),
    (picture("jpg"), MediaType.JPEG),
    (picture("gif"), MediaType.GIF),
    (picture("webp"), MediaType.WEBP),
    (b"PK\x03\x04" + b"\0" * 40, None),
    (b"\x7fELF\x02\x01\x01\0", None),
    (b"\xff\x01\x02 binary", None),
    (b"RIFF\0\0\0\0WAVE", None),
]
# Each form of each format that has several.
MEASURED = [
    (MediaType.PNG, picture("png", (640, 480))),
    (MediaType.GIF, picture("gif", (640, 480))),
    (MediaType.JPEG, picture("jpg", (640, 480))),
    (
        MediaType.JPEG,
        picture("jpg", (640, 480), progressive=True, exif=b"Exif\0\0" + b"x" * 60_000),
    ),
    (MediaType.WEBP, picture("webp", (640, 480))),
    (MediaType.WEBP, picture("webp", (640, 480), lossless=True)),
    (MediaType.WEBP, picture("webp", (640, 480), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")),
]


@pytest.mark.parametrize(("content", "held"), HELD)
def test_the_content_tells_what_a_file_holds(content: bytes, held: MediaType | None) -> None:
    assert media_type_of(content) is held


def test_a_name_promises_what_its_ending_says() -> None:
    promises = {name: promised_by(name) for name in ("a.CSV", "b.jpeg", "c.pdf", "d.zip", "e")}
    assert promises == {
        "a.CSV": MediaType.TEXT,
        "b.jpeg": MediaType.JPEG,
        "c.pdf": MediaType.PDF,
        "d.zip": None,
        "e": None,
    }


@pytest.mark.parametrize(("media_type", "content"), MEASURED)
def test_an_image_is_measured_from_its_headers(media_type: MediaType, content: bytes) -> None:
    assert dimensions_of(media_type, BytesIO(content)) == (640, 480)
    for end in range(0, 40, 3):
        cut = dimensions_of(media_type, BytesIO(content[:end]))
        assert cut in (None, (640, 480))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(IMAGES), st.binary(max_size=80))
def test_what_is_damaged_has_no_size_and_breaks_nothing(media_type: MediaType, rest: bytes) -> None:
    starts = {MediaType.JPEG: b"\xff\xd8", MediaType.WEBP: b"RIFF\0\0\0\0WEBPVP8X"}
    found = dimensions_of(media_type, BytesIO(starts.get(media_type, b"") + rest))
    assert found is None or min(found) > 0
