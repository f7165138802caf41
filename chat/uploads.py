"""What may be uploaded: text that an agent can read, judged by its content."""

import codecs
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

_SNIFFED_BYTES: Final = 64 * 1024


class UploadRefused(Exception):
    """The file cannot be taken; `message` says what to do."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status
        self.code = code
        self.message = message


def check_upload(upload: "UploadedFile[bytes]") -> None:
    """Raise UploadRefused for a file that is too big, empty, or not text."""
    size = upload.size or 0
    if size > settings.FILE_BYTES_MAX:
        raise UploadRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "file_too_large",
            f"A file may have {settings.FILE_BYTES_MAX // 1024 // 1024} MiB. Split it.",
        )
    if not size:
        raise UploadRefused(HTTPStatus.BAD_REQUEST, "file_empty", "The file is empty.")
    start = upload.read(_SNIFFED_BYTES)
    upload.seek(0)
    if not _is_text(start):
        raise UploadRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "file_not_text",
            "Only text can be read here: CSV, TSV, JSON, JSON lines or plain text.",
        )


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
