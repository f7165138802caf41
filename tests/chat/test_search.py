"""Search of a user's own threads: whose they are, what matches, and how much comes back."""

from collections.abc import Callable
from itertools import count

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from chat.indexing import INDEXED_CHARS_MAX
from chat.models import Message, Role, Thread
from chat.search import (
    EXCERPT_CHARS,
    FOUND_MAX,
    FOUND_PER_THREAD_MAX,
    Found,
    excerpt,
    holding,
    marking,
    marks_in,
    messages_with,
    search,
    titled,
    words_of,
)

_seqs = count(1)


def said(user: User, *texts: str, thread: Thread | None = None) -> Thread:
    """A thread of the user with these messages."""
    thread = thread or Thread.objects.create(user=user, title=texts[0][:40])
    Message.objects.bulk_create(
        Message(thread=thread, user=user, role=Role.USER, text=text, seq=next(_seqs))
        for text in texts
    )
    return thread


MATCHES = [
    ("invoice", "The invoices of May are wrong", True),
    ("INVOICE may", "the Invoices of MAY", True),
    ("invoice june", "The invoices of May", False),
    ("cat", "education of dogs", False),
    ("gpt-4o", "I use gpt-4o-mini a lot", True),
    ("gpt-4o", "is gpt 5 out?", False),
    ("src/app.py", "look at src/app.py please", True),
    ("ada@example.com", "write to ada@example.com", True),
    ("app.py", "look at src/app.py please", False),
    ("https://example.com/a/b", "see https://example.com/a/b, please", True),
    ("überraschung", "Eine Überraschung!", True),
    ("請求書", "五月の請求書について", True),
    ("請求書 may", "五月の請求書について", False),
    ("it's 'quoted' \\ & | ! :*", "it is s quoted", True),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("words", "text", "is_found"), MATCHES)
def test_all_words_must_be_there_as_the_beginning_of_one(
    user: User, words: str, text: str, is_found: bool
) -> None:
    said(user, text)

    assert bool(messages_with(words, user=user.pk)) is is_found


@pytest.mark.django_db
def test_nobody_finds_what_others_wrote(make_user: Callable[[], User]) -> None:
    mine, theirs = make_user(), make_user()
    said(theirs, "a secret invoice")

    assert messages_with("invoice", user=mine.pk) == []
    assert len(messages_with("invoice", user=theirs.pk)) == 1


@pytest.mark.django_db
def test_a_hit_has_its_thread_title_role_excerpt_and_time(user: User) -> None:
    thread = said(user, "About invoices")
    (found,) = messages_with("invoice", user=user.pk)

    assert (found.thread_id, found.title) == (thread.public_id, "About invoices")
    assert (found.role, found.excerpt) == ("user", "About invoices")
    assert found.ts == thread.messages.get().created_at


@pytest.mark.django_db
def test_the_newest_come_first_and_no_thread_hides_the_others(user: User) -> None:
    old = said(user, "an old invoice")
    said(user, *["invoice again and again"] * 50)
    found = messages_with("invoice", user=user.pk)

    assert len(found) == FOUND_PER_THREAD_MAX + 1
    assert found[-1].thread_id == old.public_id


@pytest.mark.django_db
def test_what_comes_back_is_bounded(user: User) -> None:
    for _ in range(30):
        said(user, "invoice")

    assert len(messages_with("invoice", user=user.pk)) == FOUND_MAX


@pytest.mark.django_db
def test_the_thread_that_asks_is_left_out(user: User) -> None:
    here, there = said(user, "find my invoice"), said(user, "the invoice")
    found = messages_with("invoice", user=user.pk, without_thread=here.pk)

    assert [hit.thread_id for hit in found] == [there.public_id]


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["", "  ", "?!", "' & |", "\0", "_"])
def test_words_without_a_word_find_nothing(user: User, words: str) -> None:
    said(user, "anything")

    assert messages_with(words, user=user.pk) == []


@pytest.mark.django_db
def test_a_very_long_message_is_found_by_its_beginning(user: User) -> None:
    said(user, "early " + "filler " * (INDEXED_CHARS_MAX // 7) + "late")

    assert messages_with("early", user=user.pk)
    assert not messages_with("late", user=user.pk)


@pytest.mark.django_db
def test_any_words_are_a_query(user: User) -> None:
    said(user, "hello world")

    @given(st.text(max_size=80))
    def search(words: str) -> None:
        messages_with(words, user=user.pk)

    search()


@given(st.text(max_size=400), st.text(max_size=30))
def test_an_excerpt_is_one_short_line(text: str, words: str) -> None:
    shown = excerpt(text, words_of(words))

    assert len(shown) <= EXCERPT_CHARS + 2
    assert "\n" not in shown


def test_an_excerpt_shows_the_first_of_the_words() -> None:
    shown = excerpt("word " * 100 + "the needle is here" + " word" * 100, ["needle"])

    assert "the needle is here" in shown
    assert shown.startswith("…word")
    assert shown.endswith("…")


@pytest.mark.django_db
def test_a_search_reads_the_index_and_not_every_message(user: User) -> None:
    said(user, "the invoice")
    with connection.cursor() as cursor:
        # A table of one row is quicker read whole.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")

    assert "message_words" in holding(["invoice"]).explain()
    assert "thread_title_words" in titled(["invoice"]).explain()


def pages(words: str, user: User, *, limit: int) -> list[Found]:
    """All that is found, page by page."""
    found: list[Found] = []
    after: Thread | Message | None = None
    while True:
        page, last = search(words, user=user.pk, after=after, limit=limit)
        found += page
        if last is None:
            return found
        assert len(page) == limit
        thread = Thread.objects.filter(public_id=last).first()
        after = thread or Message.objects.get(public_id=last)


@pytest.mark.django_db
def test_titles_come_first_then_messages_over_pages_without_gap_or_repeat(
    make_user: Callable[[], User],
) -> None:
    me, they = make_user(), make_user()
    for user in (me, they):
        for number in range(3):
            thread = said(user, f"an invoice {number}", "nothing of it")
            said(user, f"more invoices {number}", thread=thread)
    wanted = Thread.objects.filter(user=me).order_by("-pk")
    words = Message.objects.filter(user=me, text__contains="invoice").order_by("-pk")
    order: list[tuple[str, str | None]] = [(row.public_id, None) for row in wanted]
    order += [(row.thread.public_id, row.public_id) for row in words]

    for limit in (1, 2, 3, 4, 100):
        found = pages("inv", me, limit=limit)
        assert [(one.thread_id, one.message_id) for one in found] == order


@pytest.mark.django_db
def test_archived_threads_are_found_and_deleted_ones_are_not(user: User) -> None:
    archived, deleted = said(user, "the old invoice"), said(user, "the bad invoice")
    Thread.objects.filter(pk=archived.pk).update(is_archived=True)
    Thread.objects.filter(pk=deleted.pk).update(purge_at=deleted.created_at)

    found = pages("invoice", user, limit=5)
    assert {(one.thread_id, one.archived) for one in found} == {(archived.public_id, True)}
    assert len(found) == 2


@pytest.mark.parametrize(
    ("words", "text", "marked"),
    [
        ("inv may", "Invoices of May, reinvoiced", ["Inv", "May"]),
        ("über", "Übersicht, 💶 über", ["Über", "über"]),
        ("in inv", "invoice in", ["inv", "in"]),
        ("a.b", "axb a.b", ["a.b"]),
        ("請求", "五月の請求書", ["請求"]),
        ("x", "", []),
    ],
)
def test_marks_are_where_the_words_are(words: str, text: str, marked: list[str]) -> None:
    marks = marks_in(text, marking(words_of(words)))

    assert [text[start:end] for start, end in marks] == marked


@given(st.text(max_size=200), st.text(min_size=1, max_size=30))
def test_marks_lie_in_the_text_one_after_the_other(text: str, words: str) -> None:
    wanted = words_of(words)
    marks = marks_in(text, marking(wanted)) if wanted else []
    edges = [edge for mark in marks for edge in mark]

    assert edges == sorted(edges)
    assert all(start < end <= len(text) for start, end in marks)
