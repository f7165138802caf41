"""What a question about data leaves unsaid: “only gpt-4o”, “and for ada?”, “the last 7 days”."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from chat.agents.prices import models_in
from chat.agents.usage.report import UsageReport

# A longer message says what it means.
CHARS_MAX = 400
TERM_WORDS_MAX = 4
TERMS_MAX = 10
# Shorter names stand in many a sentence that is not about them.
NAME_CHARS_MIN = 3

_ELLIPSIS = re.compile(
    r"\W*(?:and|what about|how about|also|now|then|same|but|or|plus|only|just)\b", re.I
)
_ALL = re.compile(
    r"\b(?:all (?:of )?(?:the )?(?:data|rows|models|users|projects|days)|everything|everyone|"
    r"overall|without (?:the |a |any )?filters?|no filters?)\b",
    re.I,
)
_ONLY = re.compile(
    r"\b(?:only|just|filter(?:ed)?\s+(?:by|to|on|for)|restrict(?:ed)?\s+to|limit(?:ed)?\s+to)\s+"
    r"(?P<terms>(?:(?![?!;\n]|\.(?:\s|$)|\s(?:by|per|please)\b).){1,120})",
    re.I,
)
_ONLY_AFTER = re.compile(r"\W*(?:and |for |now |show )*(?P<terms>[^?!;\n]{1,60}?)\s+only\W*", re.I)
_NOISE = (
    r"(?:for|the|model|models|user|users|project|projects|team|of|rows?|data|from|in|with|on|show|"
    r"me|requests?|calls?)"
)
_LEADING = re.compile(rf"^(?:{_NOISE}\s+)+", re.I)
_TRAILING = re.compile(rf"(?:\s+{_NOISE})+$", re.I)
_BETWEEN = re.compile(r"\s*(?:,|;|&|\band\b|\bor\b)\s*", re.I)

_DAY = r"\d{4}-\d{2}-\d{2}"
_SINCE = re.compile(rf"\b(?:since|from|starting|between)\s+(?P<day>{_DAY})", re.I)
_UNTIL = re.compile(rf"\b(?:until|till|to|through|up to|and)\s+(?P<day>{_DAY})", re.I)
_ON = re.compile(rf"\b(?:only|just|on|for)\s+(?P<day>{_DAY})", re.I)
_LAST = re.compile(
    r"\b(?:only |just |in |for |over )*(?:the )?last (?P<count>\d{1,3}\s+)?(?P<unit>day|week)s?\b",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What a message restricts an analysis to; `rest` is what it says besides."""

    only: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    is_elliptical: bool = False
    wants_all: bool = False
    rest: str

    @property
    def narrows(self) -> bool:
        return bool(self.only or self.since or self.until)


def follow_up_in(text: str, whole: UsageReport | None) -> FollowUp:
    """What a message leaves unsaid, where `whole` is a report on all of the data it is about."""
    if len(text) > CHARS_MAX:
        return FollowUp(rest=text)
    is_elliptical = _ELLIPSIS.match(text) is not None
    rest, since, until = _days_in(text, whole)
    known = _names_of(whole)
    rest, only = _terms_in(rest, known, is_elliptical=is_elliptical)
    wants_all = not only and _ALL.search(rest) is not None
    return FollowUp(
        only=only or tuple(_mentioned(rest, whole, is_elliptical=is_elliptical)),
        since=since,
        until=until,
        is_elliptical=is_elliptical or wants_all,
        wants_all=wants_all,
        rest=_ALL.sub(" ", rest) if wants_all else rest,
    )


def _days_in(text: str, whole: UsageReport | None) -> tuple[str, date | None, date | None]:
    """The text without its days, and the first and last of them."""
    if whole is not None and whole.last is not None and (match := _LAST.search(text)):
        days = int(match["count"] or 1) * (7 if match["unit"].lower() == "week" else 1)
        until = whole.last.date()
        # Before the year 1 there is no day.
        since = until - timedelta(days=min(max(days, 1), until.toordinal()) - 1)
        return _without(text, match), since, until
    found: list[date | None] = []
    for pattern in (_SINCE, _UNTIL):
        match = pattern.search(text)
        found.append(_day(match["day"]) if match else None)
        text = _without(text, match) if match else text
    if found == [None, None] and (match := _ON.search(text)):
        return _without(text, match), _day(match["day"]), _day(match["day"])
    return text, found[0], found[1]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _terms_in(
    text: str, known: Collection[str], *, is_elliptical: bool
) -> tuple[str, tuple[str, ...]]:
    """The text without the names that it restricts itself to, and these names."""
    match = _ONLY.search(text) or _ONLY_AFTER.fullmatch(text)
    if match is None:
        return text, ()
    terms = [term for part in _BETWEEN.split(match["terms"]) if (term := _term(part))]
    # "I only wanted to ask" restricts nothing.
    sure = is_elliptical and all(len(term.split()) <= TERM_WORDS_MAX for term in terms)
    kept = [term for term in terms if sure or _is_name(term, known)][:TERMS_MAX]
    return (_without(text, match), tuple(kept)) if kept else (text, ())


def _term(text: str) -> str:
    stripped = _LEADING.sub("", f"{text.strip()} ", count=1).strip()
    stripped = _TRAILING.sub("", stripped).strip(" \t\"'“”‘’`.,")
    return "" if re.fullmatch(_NOISE, stripped, re.I) else stripped


def _is_name(term: str, known: Collection[str]) -> bool:
    plain = _plain(term)
    return any(plain in name for name in known if plain) or bool(models_in(term))


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())


def _names_of(report: UsageReport | None) -> frozenset[str]:
    if report is None:
        return frozenset()
    groups = (*report.models, *report.users, *report.projects)
    return frozenset(_plain(group.name) for group in groups)


def _mentioned(text: str, whole: UsageReport | None, *, is_elliptical: bool) -> Iterator[str]:
    """Users and projects of the data that a text names; models where it is elliptical."""
    if whole is None:
        return
    groups = [*whole.users, *whole.projects, *(whole.models if is_elliptical else ())]
    # The longest first: gpt-4o-mini is no mention of gpt-4o.
    left = text.casefold()
    for name in sorted((group.name for group in groups), key=len, reverse=True):
        folded = name.casefold()
        pattern = rf"(?<![\w.-]){re.escape(folded)}(?![\w-]|\.\w)"
        if len(name) >= NAME_CHARS_MIN and folded in left and re.search(pattern, left):
            left = re.sub(pattern, " ", left)
            yield name
