"""The shipped documentation: cut into passages, ranked, and quoted with heading and page."""

import time
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from chat.agents.handbook import QUOTE_CHARS_MAX, Handbook, handbook, passages_of

PAGE = """# Guide
An introduction about kettles.

## Boiling water
Fill the kettle, close its lid, press the button. It stops by itself.

```
# not a heading
kettle --boil
```

## Descaling
Use [vinegar](https://example.com/vinegar). Rinse twice.

| model | litres |
|---|---|
| K1 | 1.0 |
| K2 | 1.7 |
"""


def guide() -> Handbook:
    return Handbook(list(passages_of(PAGE, source="docs/guide.md")))


def test_a_page_is_cut_at_its_headings_and_not_inside_code() -> None:
    titles = [passage.title for passage in passages_of(PAGE, source="docs/guide.md")]

    assert titles == ["Guide", "Guide › Boiling water", "Guide › Descaling"]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("how do I boil water?", "Guide › Boiling water"),
        ("what removes scale, vinegar?", "Guide › Descaling"),
        ("how many litres has the K2 model", "Guide › Descaling"),
    ],
)
def test_the_fitting_section_comes_first_with_its_page(query: str, title: str) -> None:
    best = guide().quote(query, limit=2)[0]

    assert (best.title, best.source) == (title, "docs/guide.md")
    assert guide().covers(query) > 0


def test_a_quotation_is_the_words_of_the_page_without_links() -> None:
    quoted = guide().quote("rinse with vinegar", limit=1)[0]

    assert quoted.excerpt == "Use vinegar. Rinse twice."


def test_coverage_says_how_much_of_the_question_is_answered() -> None:
    whole = guide().covers("press the button of the kettle")
    part = guide().covers("press the trousers of my uncle")

    assert whole == 1
    assert 0 < part < 0.5


@pytest.mark.parametrize("query", ["", "the of and", "quantum chromodynamics", "???"])
def test_what_no_page_knows_is_not_quoted(query: str) -> None:
    assert guide().quote(query, limit=3) == []


SHIPPED = [
    ("which environment variables are there?", "docs/operations.md"),
    ("what happens to a dead letter?", "docs/operations.md"),
    ("what does close code 4410 mean?", "docs/protocol.md"),
    ("how long is a trial?", "docs/using.md"),
    ("how many files can I attach?", "docs/using.md"),
]


@pytest.mark.parametrize(("question", "source"), SHIPPED)
def test_questions_about_the_product_find_their_page(question: str, source: str) -> None:
    found = handbook().quote(question, limit=3)

    assert source in {one.source for one in found}


@given(st.text(max_size=300))
def test_any_question_gets_quotations_of_the_stated_size(query: str) -> None:
    for one in handbook().quote(query, limit=3):
        assert 0 < len(one.excerpt) <= QUOTE_CHARS_MAX
        assert Path(settings.BASE_DIR, one.source).is_file()
    assert 0 <= handbook().covers(query) <= 1.000001


def test_a_look_up_holds_the_event_loop_for_no_time_worth_mentioning() -> None:
    handbook()
    before = time.thread_time()
    handbook().quote("how does a connection resume after the worker crashed " * 8, limit=3)

    assert time.thread_time() - before < 0.05
