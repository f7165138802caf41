"""From bytes to a table: which format and which encoding an export has."""

import codecs
import io

from chat.agents.usage.delimited import read_delimited
from chat.agents.usage.json_rows import read_json
from chat.agents.usage.table import BYTES_MAX, Table, UnreadableData

# What is decoded at once: a whole file would hold the GIL, and its text as much memory again.
CHUNK_BYTES = 64 * 1024
HEAD_BYTES = 4096
CONTROLS_MAX = 8


def read_table(data: bytes) -> Table:
    """Read an export of any known format; raises UnreadableData with a reason in words."""
    if len(data) > BYTES_MAX:
        raise UnreadableData("The data is larger than 20 MiB, which is the most I read at once.")
    encoding = _encoding_of(data)
    notes = (
        ("The file is not UTF-8; I read it as Latin-1.",) if encoding == "latin-1" else ()
    )  # fmt: skip
    head = data[:HEAD_BYTES].decode(encoding, "ignore")
    if "\0" in head or sum(ch < " " and ch not in "\t\r\n\f" for ch in head) > CONTROLS_MAX:
        raise UnreadableData("This is a binary file, not CSV, TSV, JSON or JSON lines.")
    lines = _lines(data, encoding)
    first = next((line for line in lines if line.strip()), "").lstrip()
    if not first:
        raise UnreadableData("The data is empty.")
    if first[0] in "[{":
        return read_json(data.decode(encoding).lstrip(), notes)
    return read_delimited(lambda: _lines(data, encoding), notes)


def _encoding_of(data: bytes) -> str:
    """How all of the data can be decoded; Latin-1 can decode anything."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), CHUNK_BYTES):
            decoder.decode(data[start : start + CHUNK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return encoding


def _lines(data: bytes, encoding: str) -> io.TextIOWrapper:
    """Lines as editors count them, each ended by a newline; U+2028 inside a value ends none."""
    return io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline=None)
