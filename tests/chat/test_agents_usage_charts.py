"""Charts: structured, bounded, with numbers that are the report's own."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chat.agents.charts import LABELS_MAX, SERIES_MAX, Chart, Series
from chat.agents.usage.analysis import Export, analyse
from chat.agents.usage.report import Focus, UsageReport

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def report(text: str, focus: Focus) -> UsageReport:
    export = Export(id="file_1_aaaaaa", name="usage.csv", data=text.encode())
    return analyse(export, now=NOW, focus=focus)


HEADER = "date,model,user,project,input_tokens,output_tokens,cost,latency_ms\n"
DATA = HEADER + "".join(
    f"{date(2026, 1, 1) + timedelta(day)},{model},ada,support,{tokens},10,{cost},{latency}\n"
    for day in range(80)
    for model, tokens, cost, latency in [("gpt-4o", 100, 1, 900), ("gpt-4o-mini", 50, 0.5, 300)]
)
TITLES = [
    (Focus.SUMMARY, ["Spend by day", "Spend by model"]),
    (Focus.MODELS, ["Spend by model"]),
    (Focus.DAYS, ["Spend by day"]),
    (Focus.USERS, ["Spend by user"]),
    (Focus.PROJECTS, ["Spend by project"]),
    (Focus.LATENCY, ["Latency by model"]),
    (Focus.TOKENS, ["Tokens by model"]),
    (Focus.ANOMALIES, ["Spend by day"]),
    (Focus.SAVINGS, ["Spend before and after"]),
    (Focus.ROWS, []),
]


@pytest.mark.parametrize(("focus", "titles"), TITLES)
def test_each_part_of_a_report_has_its_charts(focus: Focus, titles: list[str]) -> None:
    assert [chart.title for chart in report(DATA, focus).charts] == titles


def test_a_chart_has_json_numbers_and_at_most_sixty_labels() -> None:
    (chart,) = json.loads(report(DATA, Focus.DAYS).model_dump_json())["charts"]

    assert (chart["kind"], chart["unit"], len(chart["labels"])) == ("line", "USD", LABELS_MAX)
    assert chart["labels"][-1] == "2026-03-21"
    assert chart["series"] == [{"name": "Spend", "values": [1.5] * LABELS_MAX}]


def test_latency_is_three_series_of_milliseconds() -> None:
    (chart,) = report(DATA, Focus.LATENCY).charts

    assert chart.unit == "ms"
    assert chart.labels == ["gpt-4o", "gpt-4o-mini"]
    assert [(it.name, it.values) for it in chart.series] == [
        (name, [900.0, 300.0]) for name in ("p50", "p95", "p99")
    ]


def test_a_spike_is_drawn_beside_what_it_passes() -> None:
    usual = [f"2026-01-{day:02},m,{100 + day % 3}" for day in range(1, 15)]
    text = "date,model,cost\n" + "\n".join([*usual, "2026-01-15,m,900"])
    found = report(text, Focus.ANOMALIES)
    (chart,) = found.charts

    assert [it.name for it in chart.series] == ["Spend", "Spike above"]
    assert set(chart.series[1].values) == {float(found.anomalies.spikes[0].threshold)}


def test_data_without_costs_is_drawn_in_tokens() -> None:
    text = "date,model,tokens\n2026-01-01,own,5\n2026-01-02,own,7\n"
    charts = report(text, Focus.SUMMARY).charts

    assert [(chart.title, chart.unit) for chart in charts] == [
        ("Tokens by day", "tokens"),
        ("Tokens by model", "tokens"),
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.text(max_size=5), st.decimals(0, 10**9, places=9)),
        min_size=1,
        max_size=100,
    ),
    st.sampled_from(Focus),
)
def test_charts_of_any_data_keep_their_bounds(
    rows: list[tuple[int, str, object]], focus: Focus
) -> None:
    lines = [
        f'{date(2026, 1, 1) + timedelta(day)}\t"{name.encode("unicode_escape").decode()}"\t{cost}'
        for day, name, cost in rows
    ]
    found = report("date\tmodel\tcost\n" + "\n".join(lines).replace('""', '"x"'), focus)
    for chart in found.charts:
        assert 1 <= len(chart.labels) <= LABELS_MAX
        assert 1 <= len(chart.series) <= SERIES_MAX
    assert UsageReport.model_validate_json(found.model_dump_json()) == found


BROKEN = [
    {"series": [Series(name="a", values=[1])]},
    {"series": []},
    {"series": [Series(name="a", values=[1, 2])] * (SERIES_MAX + 1)},
    {"labels": ["x"] * 61, "series": [Series(name="a", values=[1.0] * 61)]},
]


@pytest.mark.parametrize("changes", BROKEN)
def test_a_chart_that_cannot_be_drawn_is_refused(changes: dict[str, object]) -> None:
    whole = {"kind": "bar", "title": "t", "unit": "", "labels": ["x", "y"]}
    with pytest.raises(ValidationError):
        Chart.model_validate(whole | changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_json_cannot_carry_is_refused(value: float) -> None:
    with pytest.raises(ValidationError):
        Series(name="a", values=[value])
