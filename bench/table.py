"""Figures with their spread, and how they are printed."""

from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

NAME_WIDTH: Final = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A bound on a figure: `most` or `least` of it."""

    bound: Literal["most", "least"]
    value: float

    def is_met(self, value: float) -> bool:
        return value <= self.value if self.bound == "most" else value >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.bound == 'most' else '≥'} {self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Netra's figure beside another's, repeat by repeat."""

    name: str
    unit: str
    netra: list[float]
    other: list[float]
    wanted: Wanted | None = None

    def line(self) -> str:
        ratio = median(self.netra) / median(self.other)
        pairs = [a / b for a, b in zip(self.netra, self.other, strict=True)]
        shown = f"{ratio:.2f} ({min(pairs):.2f}-{max(pairs):.2f})"
        cells = f"{_spread(self.netra):>26} {_spread(self.other):>26} {shown:>19}"
        return f"{_named(self.name, self.unit)} {cells}  {_verdict(self.wanted, ratio)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of Netra alone."""

    name: str
    unit: str
    netra: list[float]
    wanted: Wanted | None = None

    def line(self) -> str:
        verdict = _verdict(self.wanted, median(self.netra))
        return f"{_named(self.name, self.unit)} {_spread(self.netra):>26} {'':>46}  {verdict}"


Row = Comparison | Figure


def heading(other: str) -> str:
    cells = f"{'Netra':>26} {other:>26} {'ratio':>19}"
    return f"{'median (lowest-highest)':{NAME_WIDTH}} {cells}  wanted"


def _named(name: str, unit: str) -> str:
    return f"{name + ', ' + unit:{NAME_WIDTH}}"


def _spread(values: list[float]) -> str:
    return f"{_number(median(values))} ({_number(min(values))}-{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _verdict(wanted: Wanted | None, value: float) -> str:
    if wanted is None:
        return "-"
    return f"{wanted}: {'met' if wanted.is_met(value) else 'MISSED'}"
