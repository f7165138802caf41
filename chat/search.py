"""Search of a user's own messages, over all their threads."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from chat.indexing import MESSAGE_WORDS
from chat.models import Message

FOUND_MAX: Final = 20
# One thread that is all about it must not hide the others.
FOUND_PER_THREAD_MAX: Final = 3
# Newest matches looked at to find so many in different threads.
LOOKED_AT_MAX: Final = 300
WORDS_MAX: Final = 10
WORD_CHARS_MAX: Final = 64
EXCERPT_CHARS: Final = 200

_WORD: Final = re.compile(r"[^\W_][\w.@+/-]*")
# PostgreSQL indexes an address without it.
_SCHEME: Final = re.compile(r"\b[a-z]{2,10}://")
# Scripts without spaces between words: a full-text index takes a whole clause for one word.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


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
    rows = holding(wanted).filter(user_id=user)
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


def words_of(text: str) -> list[str]:
    """The words to look for, each once, without signs at their ends."""
    plain = _SCHEME.sub(" ", text.casefold())
    found = (word.rstrip(".@+/-")[:WORD_CHARS_MAX] for word in _WORD.findall(plain))
    return list(dict.fromkeys(found))[:WORDS_MAX]


def holding(words: Sequence[str]) -> QuerySet[Message]:
    """The messages, of anybody, that hold all of these words."""
    spaced = [word for word in words if not _UNSPACED.search(word)]
    condition = Q()
    if spaced:
        # `_WORD` lets no quote, backslash or operator through.
        query = " & ".join(f"'{word}':*" for word in spaced)
        holds = SearchQuery(query, config="simple", search_type="raw")
        condition &= Q(searched=holds)
    for word in words:
        if _UNSPACED.search(word):
            condition &= Q(text__icontains=word)
    return Message.objects.alias(searched=MESSAGE_WORDS).filter(condition)


def _spread(keys: Sequence[tuple[int, int]]) -> list[int]:
    """The first message keys, of one thread no more than its share."""
    taken: Counter[int] = Counter()
    chosen: list[int] = []
    for key, thread in keys:
        if taken[thread] < FOUND_PER_THREAD_MAX and len(chosen) < FOUND_MAX:
            taken[thread] += 1
            chosen.append(key)
    return chosen


def excerpt(text: str, words: Sequence[str]) -> str:
    """The text around the first of the words, on one line."""
    plain = " ".join(text.split())
    positions = [at for word in words if (at := plain.casefold().find(word)) >= 0]
    start = max(min(positions, default=0) - EXCERPT_CHARS // 3, 0)
    # Not in the middle of a word.
    start = plain.rfind(" ", 0, start) + 1 if start else 0
    cut = plain[start : start + EXCERPT_CHARS]
    return f"{'…' if start else ''}{cut}{'…' if start + EXCERPT_CHARS < len(plain) else ''}"
