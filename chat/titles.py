"""Titles of threads: at first what was asked, then what a model makes of it, unless a person did.

Whoever gives one says which title it replaces: one that was changed meanwhile stays.
"""

from typing import Final

from django.db import transaction
from msgspec import Struct

from chat import questions
from chat.models import Message, Run, Thread
from chat.runs.lifecycle import RunState

CHARS_MAX: Final = 60


class Untitled(Struct, frozen=True, kw_only=True):
    """A thread that has been answered and is still called by its first words."""

    thread: int
    user_id: str
    title: str
    question: str
    answer: str


def first_title(text: str) -> str:
    """What a thread is called at first: its first words."""
    line = next((part for part in text.splitlines() if part.strip()), "")
    return shortened(line)


def shortened(text: str) -> str:
    """At most as many characters as a title has, cut between two words."""
    words = " ".join(text.split())
    if len(words) <= CHARS_MAX:
        return words
    return words[:CHARS_MAX].rsplit(" ", 1)[0] + "…"


def untitled(run_id: str) -> Untitled | None:
    """The thread of a run that was its first to be completed; None where it has a title."""
    runs = Run.objects.select_related("thread__user", "question__version_of")
    run = runs.filter(public_id=run_id, state=RunState.COMPLETED, question__after=None).first()
    if run is None:
        return None
    first: Message = run.question.version_of or run.question
    if run.thread.has_own_title or run.thread.title != first_title(first.text):
        return None
    return Untitled(
        thread=run.thread_id,
        user_id=run.thread.user.public_id,
        title=run.thread.title,
        question=run.question.text,
        answer=run.partial_text,
    )


def give_title(untitled: Untitled, title: str) -> bool:
    """Call the thread so, unless it has been called otherwise since; tells the user's devices."""
    with transaction.atomic():
        mine = Thread.objects.filter(pk=untitled.thread, title=untitled.title, has_own_title=False)
        if not title or title == untitled.title or not mine.update(title=title):
            return False
        questions.publish_thread_row(thread=untitled.thread, user_id=untitled.user_id)
    return True
