"""What a message asks of an attached file: to tell what is in it, to read a page, to read on."""

import re

# A longer message says more than that.
CHARS_MAX = 300
PLACE_DIGITS_MAX = 7

_FILE = (
    r"(?:file|document|doc|pdf|text|attachment|log|code|script|page|image|picture|photo|paper)s?"
)
_ASKS = re.compile(
    rf"\b(?:what(?:'s|’s| is| are| does| do)?\b.{{0,40}}\b(?:{_FILE}|this|that|it|here)\b|"
    rf"(?:read|open|show|quote|summar\w+|outline|describe|look at|tell me about|count)\b.{{0,40}}"
    rf"\b(?:{_FILE}|this|that|it|words|lines|pages)\b|"
    rf"how (?:many|long)\b.{{0,20}}\b(?:words?|lines?|pages?|{_FILE}|it|this)\b|"
    rf"(?:first|last) (?:lines?|pages?)\b|contents? of\b)",
    re.IGNORECASE,
)
_PLACE = re.compile(
    rf"\b(?:page|line)s?\s+(?:number\s+|no\.?\s+)?(?P<place>\d{{1,{PLACE_DIGITS_MAX}}})\b",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\W*(?:and |please )?(?:read on|go on|continue|next(?: pages?| lines?| part)?|more|the rest)"
    r"(?: please)?\W*",
    re.IGNORECASE,
)


def asks_to_read(text: str) -> bool:
    """Whether a message, in a thread with a file, is about what that file says."""
    return len(text) <= CHARS_MAX and (
        _ASKS.search(text) is not None or place_in(text) is not None or asks_for_more(text)
    )


def place_in(text: str) -> int | None:
    """The page or line that a message names."""
    found = _PLACE.search(text)
    return max(1, int(found["place"])) if found else None


def asks_for_more(text: str) -> bool:
    return _ON.fullmatch(text) is not None
