"""Words that people are told by modules that know no Django: in English, or as a voice says them.

Pure modules import `gettext` and `ngettext` from here. Whoever composes the program gives them the
voice that knows whose language is spoken at the moment.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol


class Voice(Protocol):
    """Says English words in the language of whoever is told them."""

    def gettext(self, text: str) -> str: ...

    def ngettext(self, one: str, many: str, number: int) -> str: ...

    def grouped(self, number: Decimal, places: int) -> str: ...

    def dated(self, moment: datetime, form: str) -> str:
        """`form` is one of Django's date formats, and has been translated."""


class English:
    """Says them as they stand."""

    def gettext(self, text: str) -> str:
        return text

    def ngettext(self, one: str, many: str, number: int) -> str:
        return one if number == 1 else many

    def grouped(self, number: Decimal, places: int) -> str:
        return f"{number:,.{places}f}"

    def dated(self, moment: datetime, form: str) -> str:
        return f"{moment:%-d %B %Y, %H:%M}" if form == _MOMENT else f"{moment:%-d %B %Y}"


_MOMENT = "j F Y, H:i"
_voice: Voice = English()


def speak_by(voice: Voice) -> None:
    """Let this voice say everything from now on."""
    global _voice
    _voice = voice


def gettext(text: str) -> str:
    return _voice.gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    return _voice.ngettext(one, many, number)


def gettext_noop(text: str) -> str:
    """Mark words of a table, which are said only when somebody reads them."""
    return text


def grouped(number: Decimal | int, *, places: int = 0) -> str:
    """12,345 or 1,234.50, as the language groups digits and parts them."""
    return _voice.grouped(Decimal(number), places)


def moment_words(moment: datetime) -> str:
    """22 November 2026, 14:05 UTC."""
    return f"{_voice.dated(moment.astimezone(UTC), gettext('j F Y, H:i'))} UTC"


def day_words(moment: datetime) -> str:
    """22 November 2026, in UTC."""
    return _voice.dated(moment.astimezone(UTC), gettext("j F Y"))
