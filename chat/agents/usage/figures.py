"""Cells to figures: money as exact decimals, tokens as integers, times in UTC."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime

from chat.agents.usage.table import Cell

SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}
# Longer or larger than any figure of money, tokens or time: a mistake in the file.
CHARS_MAX = 40
EXPONENT_MAX = 24
# Epochs in seconds reach 10^11 only in the year 5138, so larger ones are in smaller units.
_EPOCH_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
_SIGN = re.compile(r"[$€£]")
_EPOCH = re.compile(r"\d{9,19}(\.\d+)?")
# 1,234 is grouped, 0,234 a decimal comma.
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[^\d,]*(\d{1,3}(\.\d{3})+|\d+),\d+[^\d,]*")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(.*)", re.DOTALL)
_EMPTY = frozenset({"", "-", "—", "null", "none", "n/a", "na", "nan"})


def is_empty(cell: Cell) -> bool:
    """Whether a cell says nothing."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _EMPTY)


def decimal_of(cell: Cell) -> Decimal | None:
    """The exact number in a cell, whatever its grouping and currency sign; None if it is none."""
    if isinstance(cell, bool) or cell is None:
        return None
    text = cell if isinstance(cell, str) else repr(cell)
    if len(text) > CHARS_MAX:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = _decimal_in_words(text)
    # An exponent such as 1e999999 would make every later sum as long.
    if not value.is_finite() or not -EXPONENT_MAX < value.adjusted() < EXPONENT_MAX:
        return None
    return value


_NOT_A_NUMBER = Decimal("NaN")


def _decimal_in_words(text: str) -> Decimal:
    cleaned = re.sub(r"(?i)usd|eur|gbp|tokens?|[$€£\s_' ]", "", text)
    if _GROUPED.fullmatch(cleaned):
        cleaned = cleaned.replace(",", "")
    elif cleaned.count(",") == 1:
        # 1.234,56: the comma is the decimal sign, the points group.
        cleaned = cleaned.replace(".", "").replace(",", ".")
    try:
        return Decimal(cleaned)
    except InvalidOperation:
        return _NOT_A_NUMBER


def count_of(cell: Cell) -> int | None:
    """The whole, non-negative number in a cell; None if it is none."""
    if type(cell) is int:
        return cell if 0 <= cell < 10**15 else None
    value = decimal_of(cell)
    if value is None or value < 0 or value >= 10**15 or value != value.to_integral_value():
        return None
    return int(value)


def currency_in(cell: Cell) -> str | None:
    """The currency whose sign stands in a cell."""
    if not isinstance(cell, str):
        return None
    # Most cells of a column are plain: this runs for each row.
    if cell.isascii() and "$" not in cell:
        return None
    sign = _SIGN.search(cell)
    return SYMBOLS[sign[0]] if sign else None


def moment_of(cell: Cell, *, day_first: bool) -> datetime | None:
    """The moment in a cell, in UTC; a time without a zone is taken as UTC."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, (int, float)):
        return _moment_of_epoch(float(cell))
    text = cell.strip()
    if len(text) > CHARS_MAX:
        return None
    # Before ISO: thirteen digits can also be read as a basic ISO date with an odd separator.
    if len(text) >= 9 and text[:9].isdigit():
        return _moment_of_epoch(float(text)) if _EPOCH.fullmatch(text) else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _moment_in_words(text, day_first=day_first)
    return _in_utc(moment)


def _in_utc(moment: datetime) -> datetime | None:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def _moment_of_epoch(number: float) -> datetime | None:
    for limit, per_second in _EPOCH_UNITS:
        if 0 < number < limit:
            return datetime.fromtimestamp(number / per_second, tz=UTC)
    return None


def _moment_in_words(text: str, *, day_first: bool) -> datetime | None:
    cleaned = re.sub(
        r"\s*(UTC|GMT)$", "+00:00", text.replace("/", "-", 2) if text[:4].isdigit() else text
    )
    match = _SLASHED.fullmatch(cleaned)
    if match:
        first, second, year, rest = match.groups()
        day, month = (first, second) if day_first else (second, first)
        cleaned = f"{year}-{month:>02}-{day:>02}{rest}"
    try:
        return _in_utc(datetime.fromisoformat(cleaned))
    except ValueError:
        pass
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def is_day_first(cells: list[str]) -> bool:
    """Whether 03/04/2026 is the third of April here: so if some first number passes 12."""
    firsts = [int(match[1]) for match in map(_SLASHED.match, cells) if match]
    return any(first > 12 for first in firsts)


def has_decimal_comma(cell: Cell) -> bool:
    """Whether a figure is spelled as 0,05 or 1.234,5, and could not be a grouped 1,234."""
    if not isinstance(cell, str) or not _DECIMAL_COMMA.fullmatch(cell):
        return False
    return _GROUPED.fullmatch(re.sub(r"[^\d.,+-]", "", cell)) is None


def with_point(cell: Cell) -> Cell:
    """A figure in the spelling of a decimal-comma file, rewritten with a point."""
    return cell.replace(".", "").replace(",", ".") if isinstance(cell, str) else cell
