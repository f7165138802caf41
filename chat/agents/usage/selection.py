"""Which rows a question is about: names looked up in the data, and days."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from chat.agents.usage.records import Record
from chat.agents.usage.report import Selection
from chat.agents.usage.tally import GROUPS_MAX

NAMES_LISTED_MAX = 25


class UnknownName(Exception):
    """Nothing in the data goes by a name that was asked for; `message` says what there is."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a question is restricted to, in its own words; days are whole days of UTC."""

    only: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def __bool__(self) -> bool:
        return bool(self.only or self.since or self.until)


class Names:
    """The models, users and projects of the data."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self.models: set[str] = set()
        self.users: set[str] = set()
        self.projects: set[str] = set()
        for model, user, project in rows:
            self._add(self.models, model)
            self._add(self.users, user)
            self._add(self.projects, project)

    @staticmethod
    def _add(names: set[str], name: str) -> None:
        if name and len(names) < GROUPS_MAX:
            names.add(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The rows that are wanted; an empty set of names wants all."""

    narrowing: Narrowing
    models: frozenset[str]
    users: frozenset[str]
    projects: frozenset[str]

    def admits(self, record: Record) -> bool:
        if self.models and record.model not in self.models:
            return False
        if self.users and record.user not in self.users:
            return False
        if self.projects and record.project not in self.projects:
            return False
        since, until = self.narrowing.since, self.narrowing.until
        if since is None and until is None:
            return True
        if record.at is None:
            return False
        day = record.at.date()
        return (since or day) <= day <= (until or day)

    def reported(self) -> Selection:
        return Selection(
            models=sorted(self.models)[:NAMES_LISTED_MAX],
            users=sorted(self.users)[:NAMES_LISTED_MAX],
            projects=sorted(self.projects)[:NAMES_LISTED_MAX],
            only=list(self.narrowing.only),
            since=self.narrowing.since,
            until=self.narrowing.until,
        )


def choose(narrowing: Narrowing, names: Names) -> Chosen:
    """Look each term up: as a whole name first, then as its beginning, then as a part of one.

    Terms of one column widen the choice, terms of different columns narrow it. Raises UnknownName.
    """
    found: tuple[set[str], set[str], set[str]] = (set(), set(), set())
    columns = (names.models, names.users, names.projects)
    for term in narrowing.only:
        index, matches = _look_up(term, columns)
        found[index].update(matches)
    return Chosen(
        models=frozenset(found[0]),
        users=frozenset(found[1]),
        projects=frozenset(found[2]),
        narrowing=narrowing,
    )


def _look_up(term: str, columns: Sequence[set[str]]) -> tuple[int, set[str]]:
    wanted = _plain(term)
    for fits in _READINGS if wanted else ():
        for index, names in enumerate(columns):
            matches = {name for name in names if fits(_plain(name), wanted)}
            if matches:
                return index, matches
    listed = [", ".join(sorted(names)[:8]) for names in columns if names]
    raise UnknownName(
        f"The data has no model, user or project called “{term[:80]}”. It names: "
        f"{'; '.join(listed) or 'none'}."
    )


def _plain(name: str) -> str:
    """The name without case and signs: gpt 4o is gpt-4o."""
    return re.sub(r"[\W_]", "", name.casefold())


_READINGS: tuple[Callable[[str, str], bool], ...] = (
    lambda name, wanted: name == wanted,
    lambda name, wanted: name.startswith(wanted),
    lambda name, wanted: wanted in name,
)
