"""Search of a user's own messages: whose they are, what matches, and how much comes back."""

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
    excerpt,
    holding,
    messages_with,
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
    plan = holding(["invoice"]).explain()

    assert "message_words" in plan
