"""The charts of a usage report: those of the part that is asked about."""

from collections.abc import Sequence
from decimal import Decimal

from chat.agents.charts import LABELS_MAX, Chart, chart
from chat.agents.usage.report import Focus, Group, Savings, Spike, UsageReport

BARS_MAX = 12
# Fractions of a cent smaller than this are seen by nobody.
DIGITS = 6


def charts_of(report: UsageReport) -> list[Chart]:
    """Charts for the parts that the report's focus shows; none of what the data does not say."""
    currency = report.currency
    match report.focus:
        case Focus.SUMMARY:
            return [*_by_day(report), *_by_name("model", report.models, currency)]
        case Focus.MODELS:
            return _by_name("model", report.models, currency)
        case Focus.USERS:
            return _by_name("user", report.users, currency)
        case Focus.PROJECTS:
            return _by_name("project", report.projects, currency)
        case Focus.DAYS:
            return _by_day(report)
        case Focus.LATENCY:
            return _latency(report.models)
        case Focus.TOKENS:
            return _tokens(report.models)
        case Focus.ANOMALIES:
            return _by_day(report, spikes=report.anomalies.spikes)
        case Focus.SAVINGS:
            return _savings(report.savings)
        case Focus.ROWS:
            return []


def _number(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)


def _by_name(noun: str, groups: Sequence[Group], currency: str) -> list[Chart]:
    shown = groups[:BARS_MAX]
    if not shown:
        return []
    if all(group.totals.cost is None for group in shown):
        tokens = [(group.name, [float(group.totals.total_tokens)]) for group in shown]
        return [chart("bar", f"Tokens by {noun}", unit="tokens", rows=tokens, names=["Tokens"])]
    rows = [(group.name, [_number(group.totals.cost)]) for group in shown]
    return [chart("bar", f"Spend by {noun}", unit=currency, rows=rows, names=["Spend"])]


def _by_day(report: UsageReport, spikes: Sequence[Spike] = ()) -> list[Chart]:
    shown = report.days[-LABELS_MAX:]
    if len(shown) < 2:
        return []
    if all(day.cost is None for day in shown):
        tokens = [(str(day.day), [float(day.total_tokens)]) for day in shown]
        return [chart("line", "Tokens by day", unit="tokens", rows=tokens, names=["Tokens"])]
    # The threshold beside the spend, where a day passes it.
    thresholds = [_number(spikes[0].threshold)] if spikes else []
    rows = [(str(day.day), [_number(day.cost), *thresholds]) for day in shown]
    names = ["Spend", "Spike above"][: 1 + len(thresholds)]
    return [chart("line", "Spend by day", unit=report.currency, rows=rows, names=names)]


def _latency(models: Sequence[Group]) -> list[Chart]:
    timed = [(group.name, group.latency) for group in models if group.latency is not None]
    if not timed:
        return []
    rows = [(name, [it.p50, it.p95, it.p99]) for name, it in timed[:BARS_MAX]]
    return [chart("bar", "Latency by model", unit="ms", rows=rows, names=["p50", "p95", "p99"])]


def _tokens(models: Sequence[Group]) -> list[Chart]:
    shown = models[:BARS_MAX]
    if any(group.totals.input_tokens or group.totals.output_tokens for group in shown):
        names = ["Input", "Output"]
        rows = [
            (group.name, [float(group.totals.input_tokens), float(group.totals.output_tokens)])
            for group in shown
        ]
    else:
        names = ["Tokens"]
        rows = [(group.name, [float(group.totals.total_tokens)]) for group in shown]
    return [chart("bar", "Tokens by model", unit="tokens", rows=rows, names=names)]


def _savings(savings: Savings | None) -> list[Chart]:
    if savings is None or not savings.switches:
        return []
    rows = [
        (f"{switch.model} → {switch.to}", [_number(switch.now), _number(switch.then)])
        for switch in savings.switches
    ]
    names = ["Now", "After switching"]
    return [chart("bar", "Spend before and after", unit="USD", rows=rows, names=names)]
