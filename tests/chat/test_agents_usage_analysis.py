"""True numbers: sums, percentiles and prices against independent computation."""

import json
import math
import random
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.agents.usage import figures, table
from chat.agents.usage.analysis import Export, analyse
from chat.agents.usage.ranks import median_deviation, percentile
from chat.agents.usage.report import UsageReport
from chat.agents.usage.table import UnreadableData
from chat.agents.usage.tally import GROUPS_MAX

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def report(text: str | bytes) -> UsageReport:
    data = text.encode() if isinstance(text, str) else text
    return analyse(Export(id="file_1_aaaaaa", name="usage.csv", data=data), now=NOW)


amounts = st.decimals(min_value=0, max_value=10**12, places=20)
rows = st.lists(
    st.tuples(
        st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "own,model"]),
        st.integers(0, 10**9),
        amounts,
        st.integers(1, 10**6),
        st.integers(0, 40),
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(rows)
def test_sums_are_exact_by_model_and_day(
    rows: list[tuple[str, int, Decimal, int, int]],
) -> None:
    lines = [
        f'"{model}",{tokens},{cost},{latency},{date(2026, 1, 1) + timedelta(day)}'
        for model, tokens, cost, latency, day in rows
    ]
    found = report("model,total_tokens,cost_usd,latency_ms,date\n" + "\n".join(lines))

    exact = sum((Fraction(cost) for _, _, cost, _, _ in rows), Fraction(0))
    assert Fraction(found.total.cost or 0) == exact
    with localcontext() as context:
        context.prec = 100
        _check_groups(found, rows)


def _check_groups(found: UsageReport, rows: list[tuple[str, int, Decimal, int, int]]) -> None:
    assert found.total.total_tokens == sum(tokens for _, tokens, _, _, _ in rows)
    assert found.total.requests == len(rows)
    for group in found.models:
        assert group.totals.cost == sum(
            cost for model, _, cost, _, _ in rows if model == group.name
        )
    assert sum((day.cost or 0 for day in found.days), Decimal(0)) == found.total.cost
    assert found.days == sorted(found.days, key=lambda day: day.day)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_by_nearest_rank(values: list[int], percent: int) -> None:
    found = percentile(sorted(map(float, values)), percent)

    # The definition, counted out: the smallest observed value that covers the share.
    covering = [
        value
        for value in values
        if 100 * sum(other <= value for other in values) >= percent * len(values)
    ]
    assert found == min(covering)
    assert found == sorted(values)[math.ceil(Fraction(percent * len(values), 100)) - 1]


def test_percentiles_of_one_to_a_hundred() -> None:
    ordered = [float(value) for value in range(1, 101)]

    assert [percentile(ordered, percent) for percent in (1, 50, 95, 99, 100)] == [
        1,
        50,
        95,
        99,
        100,
    ]
    assert median_deviation(ordered, 50.0) == 25


@pytest.mark.parametrize("percent", [0, 101])
def test_a_percentile_out_of_range_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="percent"):
        percentile([1.0], percent)


def test_rows_that_cannot_be_used_are_counted_with_reason_and_line() -> None:
    found = report(
        "model,input_tokens,cost_usd,latency_ms\n"
        "gpt-4o,100,0.5,800\n"
        "gpt-4o,many,0.5,800\n"
        "gpt-4o,100,free,800\n"
        "gpt-4o,100,-1,800\n"
        "gpt-4o,100\n"
        "gpt-4o,100,0.5,800,extra\n"
        "\n"
        "gpt-4o,,,\n"
        "gpt-4o,100,€1,800\n"
        "TOTAL,700,4.0,\n"
    )  # fmt: skip

    assert (found.rows.read, found.rows.used, found.rows.skipped) == (9, 1, 8)
    assert {(reason.reason, reason.first_line) for reason in found.rows.reasons} == {
        ("input tokens is not a whole number", 3),
        ("cost is not a number", 4),
        ("cost is negative", 5),
        ("fewer fields than the header", 6),
        ("more fields than the header", 7),
        ("no tokens, cost or latency in it", 9),
        ("its cost is in EUR, not in USD", 10),
        ("a total line, which would be counted twice", 11),
    }
    assert found.total.cost == Decimal("0.5")


def test_costs_are_computed_from_list_prices_where_the_export_has_none() -> None:
    found = report(
        "model,input_tokens,cached_tokens,output_tokens\n"
        "gpt-4o,1000000,400000,100000\n"
        "house-model,10,0,10\n"
    )

    # 0.6 M × $2.50 + 0.4 M × $1.25 + 0.1 M × $10
    assert found.total.cost == Decimal("3.0")
    assert found.cost_basis == "list prices"
    assert found.unpriced_models == ["house-model"]


def test_costs_of_the_export_come_first() -> None:
    found = report("model,input_tokens,output_tokens,cost\ngpt-4o,1000000,0,1\ngpt-4o,1000000,0,\n")

    assert found.total.cost == Decimal("3.5")
    assert found.cost_basis == "export and list prices"


UNITS = [
    ("cost_cents", "150", "", "1.5", "USD"),
    ("cost_usd", "1.5", "", "1.5", "USD"),
    ("cost", "$1,234.50", "", "1234.5", "USD"),
    ("cost", "1.234,50 €", "", "1234.5", "EUR"),
    ("cost", "0,05", "", "0.05", "USD"),
    ("cost_micros", "1500000", "", "1.5", "USD"),
    ("amount_gbp", "1.5e-3", "", "0.0015", "GBP"),
]


@pytest.mark.parametrize(("header", "cell", "_", "cost", "currency"), UNITS)
def test_money_is_read_in_its_unit(
    header: str, cell: str, _: str, cost: str, currency: str
) -> None:
    found = report(f"model\t{header}\nm\t{cell}\n")

    assert found.total.cost == Decimal(cost)
    assert found.currency == currency


def test_a_file_with_decimal_commas_groups_with_points() -> None:
    found = report("model;tokens;cost;latency_s\nm;1.200;0,05;1,5\nm;900;0,04;0,5\n")

    assert found.total.total_tokens == 2100
    assert found.total.cost == Decimal("0.09")
    assert found.latency is not None
    assert (found.latency.p50, found.latency.max) == (500, 1500)


@pytest.mark.parametrize(
    ("header", "cell", "ms", "assumed"),
    [
        ("latency_ms", "1005", 1005, False),
        ("latency_s", "1.005", 1005, False),
        ("latency", "1.005", 1005, True),
        ("latency", "1005", 1005, True),
        ("duration_ns", "1005000000", 1005, False),
    ],
)
def test_latency_is_read_in_its_unit_and_an_assumed_unit_is_said(
    header: str, cell: str, ms: float, assumed: bool
) -> None:
    found = report(f"model,{header}\nm,{cell}\n")

    assert found.latency is not None
    assert found.latency.p50 == ms
    assert [it.assumed for it in found.columns if it.field == "latency"] == [assumed]


MOMENTS = [
    ("2026-11-03T23:30:00Z", "2026-11-03T23:30:00"),
    ("2026-11-03 23:30:00", "2026-11-03T23:30:00"),
    ("2026-11-03 23:30:00 UTC", "2026-11-03T23:30:00"),
    ("2026-11-04T01:30:00+02:00", "2026-11-03T23:30:00"),
    ("2026/11/03 23:30", "2026-11-03T23:30:00"),
    ("1793748600", "2026-11-03T23:30:00"),
    ("1793748600000", "2026-11-03T23:30:00"),
    ("1793748600.0", "2026-11-03T23:30:00"),
    (1793748600, "2026-11-03T23:30:00"),
    ("11/03/2026 23:30", "2026-11-03T23:30:00"),
    ("Tue, 03 Nov 2026 23:30:00 GMT", "2026-11-03T23:30:00"),
    ("2026-11-03", "2026-11-03T00:00:00"),
    ("20261103", "2026-11-03T00:00:00"),
]


@pytest.mark.parametrize(("cell", "moment"), MOMENTS)
def test_a_moment_is_read_in_utc(cell: str | int, moment: str) -> None:
    assert figures.moment_of(cell, day_first=False) == datetime.fromisoformat(f"{moment}+00:00")


@pytest.mark.parametrize(
    "cell", ["", "soon", "99/99/2026", "1e400", "-5", True, None, "9" * 12 + "x"]
)
def test_what_is_no_moment_is_none(cell: str | bool | None) -> None:
    assert figures.moment_of(cell, day_first=False) is None


def test_a_first_number_above_twelve_makes_the_file_day_first() -> None:
    found = report("model,cost,date\nm,1,03/04/2026\nm,1,25/04/2026\n")

    assert [day.day for day in found.days] == [date(2026, 4, 3), date(2026, 4, 25)]


def test_a_row_without_a_time_counts_in_the_sum_but_not_by_day() -> None:
    found = report("model,cost,date\nm,1,2026-01-01\nm,2,soon\n")

    assert found.total.cost == 3
    assert [day.cost for day in found.days] == [Decimal(1)]
    assert found.undated_rows == 1
    assert "not by day" in " ".join(found.notes)


def test_a_spike_day_and_its_model_are_found() -> None:
    usual = [f"2026-01-{day:02},gpt-4o,{10 + day % 3}" for day in range(1, 15)]
    found = report("date,model,cost\n" + "\n".join([*usual, "2026-01-15,runaway,90"]))

    (spike,) = found.anomalies.spikes
    assert (spike.day, spike.top_model) == (date(2026, 1, 15), "runaway")
    assert spike.cost == spike.top_model_cost == 90
    assert spike.threshold < 90


def test_even_days_have_no_spike() -> None:
    lines = [f"2026-01-{day:02},gpt-4o,{100 + day}" for day in range(1, 29)]

    assert report("date,model,cost\n" + "\n".join(lines)).anomalies.spikes == []


def test_a_slow_request_is_found_by_its_line() -> None:
    lines = [f"gpt-4o,{800 + number}" for number in range(40)]
    lines[17] = "gpt-4o,30000"
    found = report("model,latency_ms\n" + "\n".join(lines)).anomalies

    assert (found.slow_count, found.slow[0].line) == (1, 19)
    assert found.slow[0].value == 30000


def test_savings_are_the_arithmetic_they_state() -> None:
    found = report("model,input_tokens,output_tokens,cost\ngpt-4o,2000000,1000000,15\n").savings

    assert found is not None
    (switch,) = found.switches
    assert switch.to == "gpt-4o-mini"
    assert switch.then == 2 * switch.input_price + 1 * switch.output_price
    assert switch.saves == 15 - switch.then
    (caching,) = found.caching
    assert caching.saves == (caching.input_price - caching.cached_price) * 2 * caching.share / 100
    (batching,) = found.batching
    assert batching.saves == batching.at_list - batching.at_batch
    assert batching.at_list == Decimal(15) * batching.share / 100


def test_no_savings_are_promised_where_costs_are_far_below_list() -> None:
    found = report("model,input_tokens,output_tokens,cost\ngpt-4o,2000000,1000000,1\n").savings

    assert found is not None
    assert found.off_list == ["gpt-4o"]
    assert not found.caching
    assert not found.batching


def test_a_row_of_many_requests_counts_them() -> None:
    found = report("model,num_model_requests,input_tokens,output_tokens\ngpt-4o,250,1000,500\n")

    assert found.total.requests == 250


@pytest.mark.parametrize("text", ["model,user\na,b\n", "model,cost\na,b\n", "model,cost\n"])
def test_a_table_without_figures_is_refused_in_words(text: str) -> None:
    with pytest.raises(UnreadableData) as caught:
        report(text)

    assert caught.value.message.endswith(".")


cells = st.one_of(
    st.text(max_size=12),
    st.decimals().map(str),
    st.sampled_from(["1e999999", "-0", "NaN", "Infinity", "1,2,3", "$", "0x1f", "９"]),
)


@settings(deadline=None)
@given(st.lists(st.lists(cells, min_size=4, max_size=4), max_size=12))
def test_rubbish_in_the_cells_is_skipped_and_counted(rows: list[list[str]]) -> None:
    lines = ["\t".join(cell.replace("\t", " ") for cell in row) for row in rows]
    try:
        found = report("model\ttokens\tcost\tlatency_ms\n" + "\n".join(lines))
    except UnreadableData:
        return
    assert found.rows.used + found.rows.skipped == found.rows.read
    assert UsageReport.model_validate_json(found.model_dump_json()) == found


def test_a_hundred_thousand_lines_are_all_counted() -> None:
    chance = random.Random(7)
    start = datetime(2026, 10, 1, tzinfo=UTC)
    lines = ["timestamp,model,user,project,input_tokens,output_tokens,cost_usd,latency_ms"]
    lines += [
        f"{(start + timedelta(seconds=26 * number)).isoformat()},gpt-4o,u{number % 40}"
        f",p{number % 8},{chance.randrange(9000)},{chance.randrange(2000)},{chance.random():.6f}"
        f",{number % 977}"
        for number in range(100_000)
    ]
    data = "\n".join(lines).encode()
    before = time.thread_time()
    found = report(data)

    assert found.rows.used == 100_000
    assert time.thread_time() - before < 2


def test_more_groups_than_anybody_reads_are_said_and_still_summed() -> None:
    lines = [f"gpt-4o,user{number},1" for number in range(GROUPS_MAX + 2)]
    found = report("model,user,cost\n" + "\n".join(lines))

    assert found.total.cost == GROUPS_MAX + 2
    assert found.users_count == GROUPS_MAX
    assert any("more than 20,000 users" in note for note in found.notes)


def test_more_rows_than_are_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS_MAX", 3)
    for text in ("model,cost\n" + "m,1\n" * 4, json.dumps([{"model": "m", "cost": 1}] * 4)):
        with pytest.raises(UnreadableData, match="more than 3 rows"):
            report(text)


def test_what_ends_the_work_ends_it_between_two_rows() -> None:
    class Left(Exception):
        pass

    def leave() -> None:
        raise Left

    export = Export(id="file_1_aaaaaa", name="usage.csv", data=b"model,cost\nm,1\n")
    with pytest.raises(Left):
        analyse(export, now=NOW, check=leave)
