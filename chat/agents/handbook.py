"""The shipped documentation as passages that can be searched and quoted."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

# A quotation is read in a chat, not in place of the page.
QUOTE_CHARS_MAX = 700
BLOCK_CHARS_MAX = 500
PARTS_QUOTED_MAX = 6
# Passages this far behind the best one are about something else.
SCORE_SHARE_MIN = 0.4
QUERY_WORDS_MAX = 30
# A heading says more about a section than its text does.
HEADING_WEIGHT = 4
# Most who ask are users; what stands on their page is said in their words.
USERS_PAGE = "docs/using.md"
USERS_PAGE_WEIGHT = 1.5
# A word of at most so many passages says what a question is about all by itself.
RARE_MAX = 3
# The usual parameters of Okapi BM25.
K1, B = 1.2, 0.75

STOP_WORDS = frozenset({
    "a", "about", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "doing", "explain", "for", "from", "get", "give", "had",
    "happen", "happens", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "know",
    "let", "like", "make", "many", "may", "me", "mean", "means", "more", "much", "my", "need",
    "netra", "no", "not", "of", "off", "on", "one", "or", "our", "out", "please", "say", "should",
    "show", "so", "some", "tell", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "to", "up", "us", "use", "want", "was", "we", "were", "what", "when", "where",
    "which", "who", "why", "will", "with", "work", "works", "would", "you", "your",
})  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A section of a page under its headings; `words` are counted by their stems."""

    title: str
    source: str
    text: str
    words: Counter[str]

    @property
    def length(self) -> int:
        return sum(self.words.values())


@dataclass(frozen=True, slots=True)
class Quotation:
    """What a passage says to a query."""

    title: str
    source: str
    excerpt: str


class Handbook:
    """Passages, ranked by BM25 for a query."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._mean_length = sum(it.length for it in passages) / max(len(passages), 1)
        self._holding = holding = Counter(word for it in passages for word in it.words)
        total = len(passages)
        self._weights = {
            word: math.log(1 + (total - count + 0.5) / (count + 0.5))
            for word, count in holding.items()
        }
        # A word that no page knows is as telling as one that a single passage has.
        self._unknown = math.log(1 + (total + 0.5) / 0.5)

    def quote(self, query: str, *, limit: int) -> list[Quotation]:
        """The passages that answer a query best, best first; none when no word is known."""
        words = _words_of(query)
        return [
            Quotation(
                title=passage.title,
                source=passage.source,
                # What the headings say, all of the section is about.
                excerpt=_excerpt(passage.text, words.keys() - set(_stems(passage.title))),
            )
            for passage in self._best(words)[:limit]
        ]

    def covers(self, query: str) -> float:
        """How much of a query its best passage covers, from 0 to 1.

        0 where all that the two share is a word found all over the pages.
        """
        words = _words_of(query)
        best = next(iter(self._best(words)), None)
        if best is None or not self._is_telling(best, words):
            return 0
        return self._weight_of(word for word in words if word in best.words) / self._weight_of(
            words
        )

    def _best(self, words: dict[str, None]) -> list[Passage]:
        scored = [(self._score(it, words), it) for it in self._passages]
        least = max((score for score, _ in scored), default=0) * SCORE_SHARE_MIN
        best = [one for one in scored if one[0] > 0 and one[0] >= least]
        return [passage for _, passage in sorted(best, key=lambda one: -one[0])]

    def _weight_of(self, words: Iterable[str]) -> float:
        return sum(self._weights.get(word, self._unknown) for word in words)

    def _is_telling(self, passage: Passage, words: dict[str, None]) -> bool:
        shared = [word for word in words if word in passage.words]
        headings = _stems(passage.title)
        return len(shared) > 1 or any(
            word in headings or self._holding[word] <= RARE_MAX for word in shared
        )

    def _score(self, passage: Passage, words: dict[str, None]) -> float:
        norm = K1 * (1 - B + B * passage.length / self._mean_length)
        score = sum(
            self._weights[word] * passage.words[word] * (K1 + 1) / (passage.words[word] + norm)
            for word in words
            if word in passage.words
        )
        return score * USERS_PAGE_WEIGHT if passage.source == USERS_PAGE else score


@cache
def handbook() -> Handbook:
    """The pages that ship with the product: README and docs."""
    root: Path = settings.BASE_DIR
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return Handbook(
        [
            passage
            for page in pages
            if page.is_file()
            for passage in passages_of(
                page.read_text(encoding="utf-8"), source=page.relative_to(root).as_posix()
            )
        ]
    )


_HEADING = re.compile(r"(#{1,4})\s+(.+?)\s*#*")


def passages_of(page: str, *, source: str) -> Iterator[Passage]:
    """The sections of a page of Markdown, each titled by the headings above it."""
    headings: list[str] = []
    body: list[str] = []
    is_code = False
    for line in page.splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        match = None if is_code else _HEADING.fullmatch(line)
        if match is None:
            body.append(line)
            continue
        yield from _passage(headings, body, source)
        headings = [*headings[: len(match[1]) - 1], _plain(match[2])]
        body = []
    yield from _passage(headings, body, source)


def _passage(headings: Sequence[str], body: Sequence[str], source: str) -> Iterator[Passage]:
    text = "\n".join(body).strip()
    if not text or not headings:
        return
    words = Counter(_stems(text))
    for word in _stems(headings[-1]):
        words[word] += HEADING_WEIGHT
    yield Passage(title=" › ".join(headings), source=source, text=text, words=words)


def _words_of(query: str) -> dict[str, None]:
    return dict.fromkeys(_stems(query)[:QUERY_WORDS_MAX])


def _stems(text: str) -> list[str]:
    words = re.findall(r"[a-z0-9]+", text.lower().replace("’", "'").replace("'s ", " "))
    return [_stem(word) for word in words if word not in STOP_WORDS]


def _stem(word: str) -> str:
    """Good enough to find "deploys" for "deploying" and "queue" for "queued"."""
    for ending, least in (("ing", 6), ("ed", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _excerpt(text: str, words: AbstractSet[str]) -> str:
    """The blocks of a section that hold most of the words, in their order, within the limit.

    Without words, its beginning.
    """
    blocks = [_shortened(block, words) for block in _blocks(text)]
    ranked = sorted(range(len(blocks)), key=lambda index: -len(words & set(_stems(blocks[index]))))
    chosen: list[int] = []
    room = QUOTE_CHARS_MAX
    for index in ranked:
        is_beside = bool(words) and not words & set(_stems(blocks[index]))
        if chosen and (is_beside or len(blocks[index]) > room):
            continue
        chosen.append(index)
        room -= len(blocks[index])
    return "\n\n".join(blocks[index] for index in sorted(chosen))[:QUOTE_CHARS_MAX]


_ITEM = re.compile(r"(?:[-*]|\d+\.) ")


def _blocks(text: str) -> list[str]:
    """Paragraphs, lists, tables and code blocks."""
    blocks: list[str] = []
    for part in re.split(r"(```.*?(?:```|\Z))", text, flags=re.DOTALL):
        if part.startswith("```"):
            blocks.append(part)
        else:
            blocks += [_plain(block) for block in re.split(r"\n\s*\n", part) if block.strip()]
    return blocks


def _shortened(block: str, words: AbstractSet[str]) -> str:
    """A long block by those of its rows, items or sentences that hold the words, or the first."""
    if len(block) <= BLOCK_CHARS_MAX:
        return block
    lines = block.splitlines()
    if block.startswith("|"):
        head, parts, between = lines[:2], lines[2:], "\n"
    elif _ITEM.match(block):
        head, parts, between = [], re.split(rf"\n(?={_ITEM.pattern})", block), "\n"
    else:
        head, parts, between = [], re.split(r"(?<=[.!?:])\s+", " ".join(lines)), " "
    fitting = [part for part in parts if words & set(_stems(part))]
    kept = between.join([*head, *(fitting or parts)[:PARTS_QUOTED_MAX]])
    return kept if len(kept) <= QUOTE_CHARS_MAX else f"{kept[: QUOTE_CHARS_MAX - 1]}…"


def _plain(text: str) -> str:
    """Without links, whose targets mean nothing outside the page."""
    return re.sub(r"\[([^\]]+)\]\([^)\s]*\)", r"\1", text).strip()
