"""Where bars stand, and that the table says the same."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.charts import PLOT, TOP, WIDTH, Chart, Series, lying, standing, ticks_to

COUNTS = st.lists(st.integers(0, 10**9), min_size=3, max_size=3)


def words(value: int) -> str:
    return f"{value:,}"


def charts(series: list[Series]) -> list[Chart]:
    return [draw("Plans", ["a", "b", "c"], series, words) for draw in (lying, standing)]


@settings(max_examples=40)
@given(st.lists(COUNTS, min_size=1, max_size=3))
def test_every_bar_lies_inside_and_the_table_has_every_number(rows: list[list[int]]) -> None:
    series = [Series(name=f"s{n}", values=values) for n, values in enumerate(rows)]
    for chart in charts(series):
        for bar in chart.bars:
            assert chart.left <= bar.x
            assert bar.x + bar.width <= WIDTH + 0.1
            assert bar.y >= 0
            assert bar.y + bar.height <= chart.height
        assert len(chart.bars) == sum(value > 0 for values in rows for value in values)
        told = [[words(values[place]) for values in rows] for place in range(3)]
        assert [list(cells) for _, cells in chart.rows] == told


def test_bars_of_several_series_are_stacked() -> None:
    series = [Series(name="one", values=[30, 0, 4]), Series(name="two", values=[10, 5, 0])]
    flat, upright = charts(series)
    first, second = flat.bars[:2]
    assert second.x == first.x + first.width
    assert first.width == pytest.approx(3 * second.width)
    first, second = upright.bars[:2]
    assert second.y + second.height == first.y
    assert first.y + first.height == TOP + PLOT
    assert [bar.told for bar in flat.bars][:2] == ["a, one: 30", "a, two: 10"]


@given(st.integers(0, 10**12))
def test_ticks_are_few_even_and_reach_the_highest(high: int) -> None:
    ticks = ticks_to(high)
    assert ticks[0] == 0
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 6
    assert len({after - before for before, after in pairwise(ticks)}) == 1
