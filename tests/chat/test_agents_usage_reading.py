"""Exports of every format, pasted data, and rubbish."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.agents.usage import pasted
from chat.agents.usage.reading import read_table
from chat.agents.usage.table import BYTES_MAX, UnreadableData

HEADER = "model,input_tokens,cost"

SAME = [
    ("CSV", b"model,tokens,cost\ngpt-4o,10,0.5\n"),
    ("CSV", b"\xef\xbb\xbfmodel,tokens,cost\r\ngpt-4o,10,0.5\r\n"),
    ("CSV", b'\n\n"model","tokens","cost"\n"gpt-4o","10","0.5"'),
    ("CSV (semicolons)", b"model;tokens;cost\ngpt-4o;10;0.5"),
    ("TSV", b"model\ttokens\tcost\ngpt-4o\t10\t0.5\n"),
    ("table", b"| model | tokens | cost |\n|---|--:|:-:|\n| gpt-4o | 10 | 0.5 |\n"),
    ("CSV", "model,tokens,cost\ngpt-4o,10,0.5\n".encode("utf-16")),
    ("CSV", b"model,tokens,cost\rgpt-4o,10,0.5\r"),
]


@pytest.mark.parametrize(("kind", "data"), SAME)
def test_delimited_formats_give_the_same_rows(kind: str, data: bytes) -> None:
    table = read_table(data)

    assert table.format == kind
    assert [name.strip() for name in table.headers] == ["model", "tokens", "cost"]
    assert [[str(cell).strip() for cell in row] for _, row in table.rows()] == [
        ["gpt-4o", "10", "0.5"]
    ]


RECORD = {"model": "gpt-4o", "usage": {"prompt_tokens": 10}, "cost": 0.5}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("JSON", json.dumps([RECORD])),
        ("JSON", json.dumps({"data": [RECORD]})),
        ("JSON", json.dumps({"object": "list", "results": [RECORD]})),
        (
            "JSON",
            json.dumps([{"cost": 0.5, "results": [{k: RECORD[k] for k in ("model", "usage")}]}]),
        ),
        ("JSON lines", json.dumps(RECORD) + "\n" + json.dumps(RECORD)),
        ("JSON", json.dumps(RECORD)),
        ("JSON", json.dumps({"next": None, "meta": {"data": [1]}, "rows": [RECORD], "n": 1})),
        ("JSON lines", json.dumps(RECORD) + "\r\n" + json.dumps(RECORD) + "\r\n"),
    ],
)
def test_json_formats_are_flattened(kind: str, text: str) -> None:
    table = read_table(text.encode())

    assert table.format == kind
    assert set(table.headers) == {"model", "usage.prompt_tokens", "cost"}
    line, row = next(table.rows())
    assert line == 1
    assert dict(zip(table.headers, row, strict=True)) == {
        "model": "gpt-4o", "usage.prompt_tokens": 10, "cost": 0.5,
    }  # fmt: skip


def test_fields_that_only_later_records_have_are_read_too() -> None:
    records = [{"model": "m", "tokens": 1}] * 600 + [{"model": "m", "cost": 2, "latency_ms": 9}]
    table = read_table(json.dumps(records).encode())

    assert list(table.headers) == ["model", "tokens", "cost", "latency_ms"]
    assert [row for _, row in table.rows()][-1] == ["m", None, 2, 9]


def test_a_table_can_be_read_again_and_again() -> None:
    for data in (b"model,cost\nm,1\nm,2\n", b'[{"model":"m","cost":1},{"model":"m","cost":2}]'):
        table = read_table(data)

        assert list(table.rows()) == list(table.rows())


def test_lines_are_numbered_as_an_editor_does() -> None:
    table = read_table(f'\n{HEADER}\na,1,2\n"b\nb",1,2\nc,1,2\n'.encode())

    assert [line for line, _ in table.rows()] == [3, 4, 6]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"\x00\x01\x02\x03model,cost", "binary"),
        (b"%PDF-1.7 \x00\x00", "binary"),
        (b"hello world\nhow are you", "no header"),
        (b"first,second\n1,2", "no header"),
        (b"[]", "no records"),
        (b"{}", "no records"),
        (b"[1, 2, 3]", "no records"),
        (b'{"a": ', "no records"),
        (b"[" * 100_000, "no records"),
        (b"x" * (BYTES_MAX + 1), "20 MiB"),
    ],
)
def test_what_is_no_export_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableData, match=words) as caught:
        list(read_table(data).rows())

    assert caught.value.message.endswith(".")


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_rubbish_is_refused_or_read_but_never_crashes(data: bytes) -> None:
    with suppress(UnreadableData):
        list(read_table(data).rows())


@settings(deadline=None)
@given(st.text(max_size=300))
def test_rubbish_below_a_header_never_crashes(text: str) -> None:
    # Control characters make it a binary file.
    with suppress(UnreadableData):
        list(read_table(f"{HEADER}\n{text}".encode()).rows())


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_message_is_taken_apart(text: str) -> None:
    words, data = pasted.split(text)

    assert data is not None or words == text


TABLE = "model,tokens,cost\ngpt-4o,1,2\ngpt-4o,3,4"


@pytest.mark.parametrize(
    ("message", "words", "data"),
    [
        (f"Where does it go?\n\n{TABLE}", "Where does it go?", TABLE),
        (f"{TABLE}\n\nAnd by day, please?", "And by day, please?", TABLE),
        (f"Look, here:\n```csv\n{TABLE}\n```\nThanks, all.", "Look, here:\n\nThanks, all.", TABLE),
        (TABLE, "", TABLE),
        ("Sum it: \n" + json.dumps([RECORD]), "Sum it:", json.dumps([RECORD])),
        ("Well, yes, no\nand, maybe, so", "Well, yes, no\nand, maybe, so", None),
        ("[see below]", "[see below]", None),
    ],
)
def test_a_message_is_split_into_words_and_data(message: str, words: str, data: str | None) -> None:
    found = pasted.split(message)

    assert found.words.split() == words.split()
    assert (found.data or "").strip() == (data or "")


def test_a_line_separator_inside_a_value_ends_no_line() -> None:
    records = [json.dumps({"model": "a\u2028b", "cost": 1}, ensure_ascii=False)] * 2

    assert len(list(read_table("\n".join(records).encode()).rows())) == 2
