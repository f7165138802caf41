"""Where everything of a bar chart stands: numbers in, places and a table out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, log10
from typing import Final

Words = Callable[[int], str]

# Units of the drawing; a page scales it, and at this width letters are 11 pixels high.
WIDTH: Final = 360
ROW: Final = 26
BAR: Final = 16
LETTER: Final = 6.4
PLOT: Final = 130
TOP: Final = 8
FOOT: Final = 20
TICKS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One kind of what is counted, with a value for each label; bars of several are stacked."""

    name: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`series` counts from 1; `told` is what it stands for, in words."""

    x: float
    y: float
    width: float
    height: float
    series: int
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    x: float
    y: float
    words: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing, and the table that says the same; `rules` are heights of lines across."""

    title: str
    height: float
    bars: tuple[Bar, ...]
    texts: tuple[Text, ...]
    rules: tuple[float, ...]
    left: float
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def width(self) -> int:
        return WIDTH


def lying(title: str, labels: Sequence[str], series: Sequence[Series], words: Words) -> Chart:
    """Bars that lie, for a few labels with long names."""
    totals = _totals(labels, series)
    left = max(map(len, labels)) * LETTER + 8
    room = WIDTH - left - max(len(words(total)) for total in totals) * LETTER - 8
    unit = room / max(*totals, 1)
    bars, texts = [], []
    for row, label in enumerate(labels):
        y = row * ROW + (ROW - BAR) / 2
        texts.append(Text(x=left - 6, y=y + 12, words=label, anchor="end"))
        end = left + totals[row] * unit
        texts.append(Text(x=_round(end + 5), y=y + 12, words=words(totals[row]), anchor="start"))
        for number, start, value in _stack(series, row):
            place = {"x": _round(left + start * unit), "width": _round(value * unit)}
            told = _told(label, series[number], value, words)
            bars.append(Bar(y=y, height=BAR, series=number + 1, told=told, **place))
    return Chart(
        title=title,
        height=len(labels) * ROW,
        bars=tuple(bars),
        texts=tuple(texts),
        rules=(),
        left=left,
        names=_names(series),
        rows=_table(labels, series, words),
    )


def standing(title: str, labels: Sequence[str], series: Sequence[Series], words: Words) -> Chart:
    """Bars that stand side by side, for many short labels in an order."""
    ticks = ticks_to(max(_totals(labels, series)))
    left = max(len(words(tick)) for tick in ticks) * LETTER + 8
    column, unit = (WIDTH - left) / len(labels), PLOT / ticks[-1]

    def height_of(value: int) -> float:
        return _round(TOP + PLOT - value * unit)

    bars = []
    texts = [Text(x=left - 6, y=height_of(t) + 4, words=words(t), anchor="end") for t in ticks]
    for place, label in enumerate(labels):
        x = left + column * place
        foot = TOP + PLOT + FOOT - 5
        texts.append(Text(x=_round(x + column / 2), y=foot, words=label, anchor="middle"))
        for number, start, value in _stack(series, place):
            top, bottom = height_of(start + value), height_of(start)
            bars.append(
                Bar(
                    x=_round(x + column * 0.15),
                    y=top,
                    width=_round(column * 0.7),
                    height=_round(bottom - top),
                    series=number + 1,
                    told=_told(label, series[number], value, words),
                )
            )
    return Chart(
        title=title,
        height=TOP + PLOT + FOOT,
        bars=tuple(bars),
        texts=tuple(texts),
        rules=tuple(height_of(tick) for tick in ticks),
        left=left,
        names=_names(series),
        rows=_table(labels, series, words),
    )


def ticks_to(high: int) -> list[int]:
    """Round numbers from 0 to at least `high`, a few of them, evenly spaced."""
    rough = max(high, 1) / TICKS
    power = 10 ** max(0, int(log10(rough)))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough)
    return [n * step for n in range(ceil(max(high, 1) / step) + 1)]


def _totals(labels: Sequence[str], series: Sequence[Series]) -> list[int]:
    return [sum(each.values[place] for each in series) for place in range(len(labels))]


def _stack(series: Sequence[Series], place: int) -> list[tuple[int, int, int]]:
    """Of each series with something at a label: its number, where it begins, how much it is."""
    values = [each.values[place] for each in series]
    starts = accumulate(values, initial=0)
    return [
        (number, start, value)
        for number, (start, value) in enumerate(zip(starts, values, strict=False))
        if value
    ]


def _names(series: Sequence[Series]) -> tuple[str, ...]:
    return tuple(each.name for each in series)


def _table(
    labels: Sequence[str], series: Sequence[Series], words: Words
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (label, tuple(words(each.values[place]) for each in series))
        for place, label in enumerate(labels)
    )


def _told(label: str, series: Series, value: int, words: Words) -> str:
    return f"{label}, {series.name}: {words(value)}"


def _round(length: float) -> float:
    return round(length, 2)
