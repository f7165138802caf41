"""Figures with their spread, and how they are printed: as the rows of a Markdown table."""

from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

WIDTHS: Final = (72, 24, 32, 20, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A bound on a figure, or on its ratio to a rival's: `most` or `least` of it."""

    bound: Literal["most", "least"]
    value: float
    of: Literal["figure", "ratio"] = "figure"

    def is_met(self, *, figure: float, ratio: float | None) -> bool:
        value = figure if self.of == "figure" else ratio
        assert value is not None, "a ratio needs a rival"
        return value <= self.value if self.bound == "most" else value >= self.value

    def __str__(self) -> str:
        sign = "≤" if self.bound == "most" else "≥"
        return f"{sign} {self.value:g}{' ×' if self.of == 'ratio' else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another's figure, repeat by repeat."""

    name: str
    values: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure of Netra, repeat by repeat, beside a rival's; one met bound suffices."""

    name: str
    unit: str
    netra: list[float]
    beside: Rival | None = None
    wanted: tuple[Wanted, ...] = ()

    @property
    def ratio(self) -> float | None:
        """None beside nobody, and beside a zero."""
        if self.beside is None or not all(self.beside.values):
            return None
        return median(self.netra) / median(self.beside.values)

    @property
    def is_met(self) -> bool | None:
        """None where nothing is wanted."""
        if not self.wanted:
            return None
        figure, ratio = median(self.netra), self.ratio
        return any(one.is_met(figure=figure, ratio=ratio) for one in self.wanted)

    def line(self) -> str:
        name = f"{self.name}, {self.unit}"
        return _line(name, _spread(self.netra), self._beside(), self._ratio(), self._verdict())

    def _beside(self) -> str:
        return "" if self.beside is None else f"{self.beside.name} {_spread(self.beside.values)}"

    def _ratio(self) -> str:
        if self.beside is None or self.ratio is None:
            return ""
        pairs = [a / b for a, b in zip(self.netra, self.beside.values, strict=True)]
        return f"{self.ratio:.2f} × ({min(pairs):.2f}–{max(pairs):.2f})"

    def _verdict(self) -> str:
        if not self.wanted:
            return ""
        return f"{' or '.join(map(str, self.wanted))}: {'met' if self.is_met else '**missed**'}"


def quantile(values: list[float], share: float) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def heading() -> str:
    names = _line("median (lowest–highest)", "Netra", "beside it", "ratio", "wanted")
    return f"{names}\n|{'|'.join('-' * (width + 2) for width in WIDTHS)}|"


def _line(*cells: str) -> str:
    padded = (f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    return f"| {' | '.join(padded)} |"


def _spread(values: list[float]) -> str:
    if min(values) == max(values):
        return _number(values[0])
    return f"{_number(median(values))} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float) -> str:
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
