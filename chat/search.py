"""Search of a user's own threads, in their titles and in what was said."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from msgspec import Struct

from chat.indexing import MESSAGE_WORDS, TITLE_WORDS
from chat.models import Message, Thread
from chat.protocol.events import timestamp

FOUND_MAX: Final = 20
# One thread that is all about it must not hide the others.
FOUND_PER_THREAD_MAX: Final = 3
# Newest matches looked at to find so many in different threads.
LOOKED_AT_MAX: Final = 300
WORDS_MAX: Final = 10
WORD_CHARS_MAX: Final = 64
EXCERPT_CHARS: Final = 200

Mark = tuple[int, int]

_WORD: Final = re.compile(r"[^\W_][\w.@+/-]*")
# PostgreSQL indexes an address without it.
_SCHEME: Final = re.compile(r"\b[a-z]{2,10}://")
# Scripts without spaces between words: a full-text index takes a whole clause for one word.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


class Found(Struct, frozen=True, kw_only=True):
    """A thread by its title, or a message in one; marks are from and to in code points."""

    thread_id: str
    title: str
    title_marks: list[Mark]
    archived: bool
    # Null, or empty, where the title alone was found.
    message_id: str | None
    role: str | None
    excerpt: str
    marks: list[Mark]
    ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMessage:
    """A message that holds the words; `excerpt` is plain text around the first of them."""

    thread_id: str
    title: str
    message_id: str
    role: str
    excerpt: str
    ts: datetime


def messages_with(
    words: str, *, user: int, without_thread: int | None = None
) -> list[FoundMessage]:
    """The user's newest messages that hold all the words, each also as the beginning of one.

    At most 20, of one thread at most 3; the thread in which the question is asked may be left out.
    """
    wanted = words_of(words)
    if not wanted:
        return []
    rows = holding(wanted).filter(user_id=user, thread__purge_at=None)
    if without_thread is not None:
        rows = rows.exclude(thread_id=without_thread)
    keys = rows.order_by("-pk").values_list("pk", "thread_id")[:LOOKED_AT_MAX]
    found = Message.objects.filter(pk__in=_spread(list(keys))).select_related("thread")
    return [
        FoundMessage(
            thread_id=message.thread.public_id,
            title=message.thread.title,
            message_id=message.public_id,
            role=message.role,
            excerpt=excerpt(message.text, wanted),
            ts=message.created_at,
        )
        for message in found.order_by("-pk")
    ]


def search(
    words: str, *, user: int, after: Thread | Message | None, limit: int
) -> tuple[list[Found], str | None]:
    """The user's threads by title, then their messages, each newest first; and what is the last.

    Begins after that thread, or that message; the last is None where nothing follows.
    """
    wanted = words_of(words)
    if not wanted:
        return [], None
    marked = marking(wanted)
    found: list[Found] = []
    if not isinstance(after, Message):
        threads = titled(wanted).filter(user_id=user, purge_at=None).order_by("-pk")
        if after is not None:
            threads = threads.filter(pk__lt=after.pk)
        found = [_found_thread(thread, marked) for thread in threads[: limit + 1]]
    if len(found) <= limit:
        messages = holding(wanted).filter(user_id=user, thread__purge_at=None).order_by("-pk")
        if isinstance(after, Message):
            messages = messages.filter(pk__lt=after.pk)
        rows = messages.select_related("thread")[: limit + 1 - len(found)]
        found += [_found_message(message, wanted, marked) for message in rows]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], last.message_id or last.thread_id


def words_of(text: str) -> list[str]:
    """The words to look for, each once, without signs at their ends."""
    plain = _SCHEME.sub(" ", text.casefold())
    found = (word.rstrip(".@+/-")[:WORD_CHARS_MAX] for word in _WORD.findall(plain))
    return list(dict.fromkeys(found))[:WORDS_MAX]


def holding(words: Sequence[str]) -> QuerySet[Message]:
    """The messages, of anybody, that hold all of these words."""
    return Message.objects.alias(searched=MESSAGE_WORDS).filter(_holds(words, "text"))


def titled(words: Sequence[str]) -> QuerySet[Thread]:
    """The threads, of anybody, whose titles hold all of these words."""
    return Thread.objects.alias(searched=TITLE_WORDS).filter(_holds(words, "title"))


def _holds(words: Sequence[str], column: str) -> Q:
    spaced = [word for word in words if not _UNSPACED.search(word)]
    condition = Q()
    if spaced:
        # `_WORD` lets no quote, backslash or operator through.
        query = " & ".join(f"'{word}':*" for word in spaced)
        holds = SearchQuery(query, config="simple", search_type="raw")
        condition &= Q(searched=holds)
    for word in words:
        if _UNSPACED.search(word):
            condition &= Q((f"{column}__icontains", word))
    return condition


def _spread(keys: Sequence[tuple[int, int]]) -> list[int]:
    """The first message keys, of one thread no more than its share."""
    taken: Counter[int] = Counter()
    chosen: list[int] = []
    for key, thread in keys:
        if taken[thread] < FOUND_PER_THREAD_MAX and len(chosen) < FOUND_MAX:
            taken[thread] += 1
            chosen.append(key)
    return chosen


def _found_thread(thread: Thread, marked: re.Pattern[str]) -> Found:
    return Found(
        thread_id=thread.public_id,
        title=thread.title,
        title_marks=marks_in(thread.title, marked),
        archived=thread.is_archived,
        message_id=None,
        role=None,
        excerpt="",
        marks=[],
        ts=timestamp(thread.updated_at),
    )


def _found_message(message: Message, words: Sequence[str], marked: re.Pattern[str]) -> Found:
    thread = message.thread
    shown = excerpt(message.text, words)
    return Found(
        thread_id=thread.public_id,
        title=thread.title,
        title_marks=marks_in(thread.title, marked),
        archived=thread.is_archived,
        message_id=message.public_id,
        role=message.role,
        excerpt=shown,
        marks=marks_in(shown, marked),
        ts=timestamp(message.created_at),
    )


def marking(words: Sequence[str]) -> re.Pattern[str]:
    """What finds the words in a text: at the beginning of one, or anywhere where none begins."""
    # The longest first, or a shorter one would hide the rest of it.
    longest_first = sorted(words, key=len, reverse=True)
    parts = [
        re.escape(word) if _UNSPACED.search(word) else rf"(?<![^\W_]){re.escape(word)}"
        for word in longest_first
    ]
    return re.compile("|".join(parts), re.IGNORECASE)


def marks_in(text: str, marked: re.Pattern[str]) -> list[Mark]:
    """From and to of each of the words in the text, in code points."""
    return [match.span() for match in marked.finditer(text)]


def excerpt(text: str, words: Sequence[str]) -> str:
    """The text around the first of the words, on one line."""
    plain = " ".join(text.split())
    positions = [at for word in words if (at := plain.casefold().find(word)) >= 0]
    start = max(min(positions, default=0) - EXCERPT_CHARS // 3, 0)
    # Not in the middle of a word.
    start = plain.rfind(" ", 0, start) + 1 if start else 0
    cut = plain[start : start + EXCERPT_CHARS]
    return f"{'…' if start else ''}{cut}{'…' if start + EXCERPT_CHARS < len(plain) else ''}"
