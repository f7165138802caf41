"""Reads a PDF from standard input in a process of its own, which may fail without harm.

    python -I pdf_process.py <first page> <chars at most> < file.pdf

It writes one JSON object, as `chat.files.pdf.PdfText` has it. It imports nothing of ours and is
given no environment: what is in a PDF is a stranger's program in all but name.
"""

import json
import logging
import resource
import sys
from io import BytesIO

from pypdf import PasswordType, PdfReader
from pypdf.errors import PyPdfError

MEMORY_BYTES_MAX = 768 * 1024 * 1024
CPU_S_MAX = 15
# Of one reading: whoever wants more asks for the page after.
PAGES_MAX = 30
OUTLINE_MAX = 30
OUTLINE_CHARS_MAX = 120


def main(first: int, chars_max: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    # It need not write a file nor begin a process.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable()
    reader = PdfReader(BytesIO(sys.stdin.buffer.read()))
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        found: dict[str, object] = {"pages": 0, "is_locked": True}
    else:
        found = {
            "pages": len(reader.pages),
            "texts": texts_of(reader, first, chars_max),
            "outline": outline_of(reader),
        }
    sys.stdout.write(json.dumps(found))


def texts_of(reader: PdfReader, first: int, chars_max: int) -> list[str]:
    """The text of each page from `first` on, as many as there is room for; at least one."""
    texts: list[str] = []
    room = chars_max
    for page in reader.pages[first - 1 : first - 1 + PAGES_MAX]:
        text = page.extract_text().strip()
        # Counted as the result is stored and sent: other writing is escaped.
        size = len(json.dumps(text))
        if texts and size > room:
            break
        while len(json.dumps(text)) > room:
            text = text[: len(text) * 3 // 4]
        texts.append(text)
        room -= size
    return texts


def outline_of(reader: PdfReader) -> list[str]:
    """The first bookmarks, each without those below it; none of an outline that is broken."""
    try:
        titles = [item.title for item in reader.outline if not isinstance(item, list)]
    except (PyPdfError, KeyError, TypeError, ValueError, RecursionError):
        return []
    return [str(title)[:OUTLINE_CHARS_MAX] for title in titles if title][:OUTLINE_MAX]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
