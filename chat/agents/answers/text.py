"""Figures and tables in Markdown."""

from collections.abc import Collection, Sequence
from decimal import ROUND_HALF_UP, Decimal

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
BAR_CELLS = 12


def money(amount: Decimal | None, currency: str = "USD") -> str:
    """An amount as people write it: cents from one unit up, four significant digits below."""
    if amount is None:
        return "–"
    sign = SIGNS.get(currency, f"{currency} ")
    if amount == 0:
        return f"{sign}0"
    rounded = _rounded(amount)
    whole, _, fraction = f"{abs(rounded):,f}".partition(".")
    return f"{'−' if amount < 0 else ''}{sign}{whole}.{fraction.rstrip('0'):0<2}"


def _rounded(amount: Decimal) -> Decimal:
    digits = 2 if abs(amount) >= 1 else min(3 - amount.adjusted(), 10)
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def exact_money(amount: Decimal, currency: str = "USD") -> str:
    """The amount, with all its digits behind it where rounding hid some."""
    shown = money(amount, currency)
    if amount == 0 or _rounded(amount) == amount:
        return shown
    return f"{shown} (exactly {amount.normalize():f})"


def count(number: int) -> str:
    """A whole number with thousands apart."""
    return f"{number:,}"


def milliseconds(value: float) -> str:
    """A duration in the unit that suits it."""
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    if value >= 100:
        return f"{value:,.0f} ms"
    return f"{value:.3g} ms"


def percent(share: float | None) -> str:
    """A share in per cent."""
    return "–" if share is None else f"{share:.1f} %"


def ratio(part: Decimal, whole: Decimal) -> str:
    """How much of the whole a part is, in per cent."""
    return f"{float(part * 100 / whole):.0f} %" if whole else "–"


def bar(value: Decimal, largest: Decimal) -> str:
    """A bar of blocks, as long as the value is large."""
    if largest <= 0:
        return ""
    return "█" * max(round(value / largest * BAR_CELLS), 1 if value > 0 else 0)


def cell(text: str) -> str:
    """Text from a user's file, safe inside a table cell and code span."""
    cleaned = " ".join(text.split()).replace("|", "¦").replace("`", "'")
    return cleaned if len(cleaned) <= 60 else f"{cleaned[:57]}…"


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    """A Markdown table; the columns in `left` are aligned to the left, the others to the right."""
    rules = [":--" if index in left else "--:" for index in range(len(headers))]
    lines = [headers, rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plural(number: int, word: str) -> str:
    """A count with its noun."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
