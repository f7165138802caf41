"""What a file holds, told from its content; its name only has to agree."""

import codecs
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

# Enough of a file to tell what it holds.
SNIFFED_BYTES: Final = 64 * 1024


class FileKind(StrEnum):
    """How a file is read and shown."""

    TEXT = "text"
    PDF = "pdf"
    IMAGE = "image"


class MediaType(StrEnum):
    """What may be uploaded; all text is one, whatever it is about."""

    TEXT = "text/plain"
    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    GIF = "image/gif"

    @property
    def kind(self) -> FileKind:
        return _KINDS.get(self, FileKind.IMAGE)

    @property
    def words(self) -> str:
        """What people call it."""
        return "plain text" if self is MediaType.TEXT else _WORDS[self]


_KINDS: Final = MappingProxyType({MediaType.TEXT: FileKind.TEXT, MediaType.PDF: FileKind.PDF})
IMAGES: Final = tuple(one for one in MediaType if one.kind is FileKind.IMAGE)
_WORDS: Final[Mapping[MediaType, str]] = MappingProxyType(
    {
        MediaType.PDF: "a PDF",
        MediaType.PNG: "a PNG image",
        MediaType.JPEG: "a JPEG image",
        MediaType.WEBP: "a WebP image",
        MediaType.GIF: "a GIF image",
    }
)
# Endings that promise one of these; any other promises nothing.
_SUFFIXES: Final[Mapping[MediaType, str]] = MappingProxyType(
    {
        MediaType.TEXT: ".csv .tsv .json .jsonl .ndjson .txt .md .log .html .htm .xml .svg .yaml "
        ".yml .toml .ini .sql .py .js .ts .css .java .c .h .cpp .go .rs .rb .sh",
        MediaType.PDF: ".pdf",
        MediaType.PNG: ".png",
        MediaType.JPEG: ".jpg .jpeg .jpe .jfif",
        MediaType.WEBP: ".webp",
        MediaType.GIF: ".gif",
    }
)
_PROMISED: Final[Mapping[str, MediaType]] = MappingProxyType(
    {suffix: one for one, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
)
_BEGINNINGS: Final[Mapping[bytes, MediaType]] = MappingProxyType(
    {
        b"%PDF-": MediaType.PDF,
        b"\x89PNG\r\n\x1a\n": MediaType.PNG,
        b"\xff\xd8\xff": MediaType.JPEG,
        b"GIF87a": MediaType.GIF,
        b"GIF89a": MediaType.GIF,
    }
)


def media_type_of(start: bytes) -> MediaType | None:
    """What a file that begins so holds; None for what cannot be read here."""
    for beginning, media_type in _BEGINNINGS.items():
        if start.startswith(beginning):
            return media_type
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return MediaType.WEBP
    return MediaType.TEXT if _is_text(start) else None


def promised_by(name: str) -> MediaType | None:
    """What a file of this name should hold; None where the name does not say."""
    return _PROMISED.get(PurePath(name).suffix.lower())


def _is_text(start: bytes) -> bool:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if b"\0" in start:
        return False
    try:
        # The last character may be cut in two by the end of what was read.
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        # Spreadsheets still write Latin-1; control characters do not occur in it.
        return not any(byte < 32 and byte not in b"\t\r\n\f" for byte in start)
    return True
