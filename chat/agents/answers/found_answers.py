"""Answers that quote what was found: the user's own threads, and the documentation."""

from collections.abc import Sequence

from chat.agents.answers.text import cell, plural
from chat.agents.citations import Citation
from chat.agents.tools.search_docs import Passages
from chat.agents.tools.search_threads import Hit, Hits

TITLE_CHARS_MAX = 80


def threads(found: Hits) -> str:
    """The hits by thread, newest first, each thread a link."""
    words = f"“{cell(found.words)}”"
    if not found.hits:
        return (
            f"I found nothing about {words} in your other threads. A message must hold all the "
            "words; fewer or shorter ones find more."
        )
    by_thread: dict[str, list[Hit]] = {}
    for hit in found.hits:
        by_thread.setdefault(hit.thread_id, []).append(hit)
    lead = f"I found {words} in **{plural(len(by_thread), 'thread')}** of yours, newest first:"
    return "\n\n".join([lead, *map(_thread, by_thread.values())])


def _thread(hits: Sequence[Hit]) -> str:
    first = hits[0]
    title = _linkable(first.title) or "Untitled thread"
    lines = [f"**[{title}](/chat/{first.thread_id}/)**"]
    for hit in hits:
        who = "you" if hit.role == "user" else "the answer"
        lines.append(f"- {hit.ts:%Y-%m-%d %H:%M} UTC, {who}: {_inline(hit.excerpt)}")
    return "\n".join(lines)


def _linkable(title: str) -> str:
    cleaned = " ".join(title.split()).replace("[", "(").replace("]", ")")
    return _inline(cleaned[:TITLE_CHARS_MAX])


def _inline(text: str) -> str:
    """Words of a message as words: nothing in them is Markdown here."""
    escaped = "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|~!" else sign for sign in text)
    return " ".join(escaped.split())


def passages(found: Passages) -> str:
    """The quotations, each with the heading and page that it stands under."""
    if not found.citations:
        return "Netra's documentation says nothing about that which I could find."
    lead = "Netra's documentation says this; I quote it, and add nothing of my own:"
    return "\n\n".join([lead, *map(_quotation, found.citations)])


def _quotation(cited: Citation) -> str:
    quoted = "\n".join(f"> {line}".rstrip() for line in cited.excerpt.splitlines())
    return f"**{cited.title}** · `{cited.source}`\n\n{quoted}"
