"""The answer to a question about usage data, written from the report's figures."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from chat.agents.answers import usage_savings
from chat.agents.answers.text import (
    bar,
    cell,
    count,
    exact_money,
    milliseconds,
    money,
    percent,
    plural,
    table,
)
from chat.agents.usage.report import Focus, Group, UsageReport

MODELS_SHOWN = 10
DAYS_SHOWN = 31
PEOPLE_SHOWN = 10
NAMES_SHOWN = 5


def answer(report: UsageReport, question: str) -> str:
    """The whole answer in Markdown, about what the report was asked for."""
    focus = report.focus
    sections: Mapping[Focus, Callable[[UsageReport], list[str]]] = {
        Focus.SUMMARY: _summary,
        Focus.MODELS: lambda it: [_mentioned(it, question), _models(it)],
        Focus.DAYS: lambda it: [_days_lead(it), _days(it)],
        Focus.USERS: lambda it: [_people(it, "user", it.users, it.users_count)],
        Focus.PROJECTS: lambda it: [_people(it, "project", it.projects, it.projects_count)],
        Focus.LATENCY: lambda it: [_latency_lead(it), _latency(it)],
        Focus.TOKENS: lambda it: [_tokens(it)],
        Focus.ANOMALIES: lambda it: [_anomalies(it)],
        Focus.SAVINGS: lambda it: [usage_savings.savings(it)],
        Focus.ROWS: lambda it: [_rows(it)],
    }
    parts = sections[focus](report)
    return "\n\n".join(part for part in [_source_line(report, focus), *parts] if part)


def _source_line(report: UsageReport, focus: Focus) -> str:
    selected = _selected(report)
    if focus is Focus.SUMMARY:
        return selected
    lead = f"From `{cell(report.source.name)}` ({plural(report.rows.used, 'row')} used):"
    return f"{lead}\n\n{selected}" if selected else lead


def _selected(report: UsageReport) -> str:
    """Which rows alone are meant, and how to get back to all of them."""
    chosen = report.selection
    if chosen is None:
        return ""
    nouns = (("model", chosen.models), ("user", chosen.users), ("project", chosen.projects))
    parts = [f"{noun} {_names(names)}" for noun, names in nouns if names]
    if chosen.since is not None:
        parts.append(f"from {chosen.since}")
    if chosen.until is not None:
        parts.append(f"to {chosen.until}")
    return (
        f"**Only {' '.join(parts)}**: {plural(report.rows.left_out, 'other row')} left out; “all "
        "data” brings them back."
    )


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{cell(name)}`" for name in names[:NAMES_SHOWN])
    return f"{shown} and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else shown


def _summary(report: UsageReport) -> list[str]:
    return [
        _headline(report),
        "### Spend by model" if report.total.cost is not None else "### Tokens by model",
        _models(report),
        "### Spend by day" if report.days_count > 1 else "",
        _days(report) if report.days_count > 1 else "",
        "### Latency" if report.latency else "",
        _latency(report) if report.latency else "",
        "### What stands out",
        _anomalies(report),
        "### What would save money" if report.savings else "",
        usage_savings.savings(report) if report.savings else "",
        "### How I read the data",
        _rows(report),
        _next_questions(report),
    ]


def _headline(report: UsageReport) -> str:
    period = ""
    if report.first is not None and report.last is not None:
        period = f" from {report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}"
    what = plural(report.total.requests, "request")
    if report.total.cost is None:
        return (
            f"**{plural(report.total.total_tokens, 'token')}** in {what}{period}. "
            f"The data states no cost{_unpriced(report)}, so I cannot tell the spend."
        )
    total = exact_money(report.total.cost, report.currency)
    lead = f"**Total spend: {total}** for {what}{period}."
    top = report.models[0]
    if report.models_count > 1 and top.totals.cost is not None:
        part = "Most of it" if (top.share or 0) > 50 else "The largest part"
        lead += (
            f" {part} goes to `{cell(top.name)}`: {money(top.totals.cost, report.currency)}, "
            f"{percent(top.share)}."
        )
    return f"{lead}{_basis(report)}"


def _basis(report: UsageReport) -> str:
    if report.cost_basis == "list prices":
        return f" The data has no costs: I priced its tokens at list prices{_unpriced(report)}."
    if report.cost_basis == "export and list prices":
        return f" Rows without a cost are priced at list prices{_unpriced(report)}."
    if report.unpriced_models:
        return f" Some rows have no cost{_unpriced(report)}."
    return ""


def _unpriced(report: UsageReport) -> str:
    if not report.unpriced_models:
        return ""
    names = ", ".join(f"`{cell(name)}`" for name in report.unpriced_models[:5])
    return f" (no list price is known for {names})"


def _models(report: UsageReport) -> str:
    rows = [
        [
            f"`{cell(group.name)}`",
            count(group.totals.requests),
            count(group.totals.total_tokens),
            money(group.totals.cost, report.currency),
            percent(group.share),
        ]
        for group in report.models[:MODELS_SHOWN]
    ]
    more = _more(report.models_count, MODELS_SHOWN, "model")
    return table(["Model", "Requests", "Tokens", "Spend", "Share"], rows) + more


def _more(total: int, shown: int, noun: str) -> str:
    return f"\n\n…and {plural(total - shown, f'more {noun}')}." if total > shown else ""


def _mentioned(report: UsageReport, question: str) -> str:
    """A sentence on the model that the question names, if the data has it."""
    if report.selection is not None:
        return ""
    wanted = re.sub(r"[^a-z0-9]", "", question.lower())
    named = [g for g in report.models if re.sub(r"[^a-z0-9]", "", g.name.lower()) in wanted]
    if not named:
        return ""
    group = max(named, key=lambda it: len(it.name))
    latency = f" Its median latency is {milliseconds(group.latency.p50)}." if group.latency else ""
    return (
        f"`{cell(group.name)}`: **{money(group.totals.cost, report.currency)}** "
        f"({percent(group.share)} of the spend) for {plural(group.totals.requests, 'request')} and "
        f"{plural(group.totals.total_tokens, 'token')}.{latency}"
    )


def _days_lead(report: UsageReport) -> str:
    costed = [day for day in report.days if day.cost is not None]
    if not costed:
        return ""
    top = max(costed, key=lambda day: day.cost or 0)
    return f"The most expensive day is **{top.day}** with {money(top.cost, report.currency)}."


def _days(report: UsageReport) -> str:
    if not report.days:
        return "The data has no times, so I cannot tell one day from another."
    shown = report.days[-DAYS_SHOWN:]
    largest = max((day.cost or Decimal(0) for day in shown), default=Decimal(0))
    rows = [
        [
            str(day.day),
            count(day.requests),
            count(day.total_tokens),
            money(day.cost, report.currency),
            bar(day.cost, largest) if day.cost is not None and largest else "",
        ]
        for day in shown
    ]
    earlier = report.days_count - len(shown)
    note = f"\n\n{plural(earlier, 'earlier day')} not shown." if earlier > 0 else ""
    headers = ["Day (UTC)", "Requests", "Tokens", "Spend", ""]
    return table(headers, rows, left=(0, len(headers) - 1)) + note


def _people(report: UsageReport, noun: str, groups: list[Group], total: int) -> str:
    if not groups:
        return f"The data has no column that names a {noun}."
    top = groups[0]
    lead = f"The data names {plural(total, noun)}. The largest is `{cell(top.name)}`"
    if top.totals.cost is not None:
        lead += f" with {money(top.totals.cost, report.currency)} ({percent(top.share)})"
    rows = [
        [
            f"`{cell(group.name)}`",
            count(group.totals.requests),
            count(group.totals.total_tokens),
            money(group.totals.cost, report.currency),
            percent(group.share),
        ]
        for group in groups[:PEOPLE_SHOWN]
    ]
    headers = [noun.capitalize(), "Requests", "Tokens", "Spend", "Share"]
    return f"{lead}.\n\n{table(headers, rows)}{_more(total, PEOPLE_SHOWN, noun)}"


def _latency_lead(report: UsageReport) -> str:
    timed = [(group.name, group.latency) for group in report.models if group.latency is not None]
    if len(timed) < 2:
        return ""
    slow, slowest = max((latency.p50, name) for name, latency in timed)
    fast, fastest = min((latency.p50, name) for name, latency in timed)
    return (
        f"By median latency **`{cell(slowest)}` is the slowest** ({milliseconds(slow)}) and "
        f"`{cell(fastest)}` the fastest ({milliseconds(fast)})."
    )


def _latency(report: UsageReport) -> str:
    if report.latency is None:
        return "The data has no latency column, so I cannot say how fast the answers came."
    named = [(f"`{cell(g.name)}`", g.latency) for g in report.models[:MODELS_SHOWN] if g.latency]
    rows = [
        [
            name,
            count(latency.count),
            milliseconds(latency.p50),
            milliseconds(latency.p95),
            milliseconds(latency.p99),
            milliseconds(latency.max),
        ]
        for name, latency in [*named, ("**all**", report.latency)]
    ]
    note = "Percentiles are by nearest rank: each is the latency of a request that really happened."
    return f"{table(['Model', 'Timed', 'p50', 'p95', 'p99', 'Max'], rows)}\n\n{note}"


def _tokens(report: UsageReport) -> str:
    total = report.total
    lead = f"**{plural(total.total_tokens, 'token')}** in {plural(total.requests, 'request')}"
    if total.input_tokens or total.output_tokens:
        lead += f": {count(total.input_tokens)} input and {count(total.output_tokens)} output"
    if total.cached_tokens:
        lead += f", {count(total.cached_tokens)} of the input read from the cache"
    rows = [
        [
            f"`{cell(group.name)}`",
            count(group.totals.input_tokens),
            count(group.totals.output_tokens),
            count(group.totals.total_tokens),
        ]
        for group in report.models[:MODELS_SHOWN]
    ]
    return f"{lead}.\n\n{table(['Model', 'Input', 'Output', 'Total'], rows)}"


def _anomalies(report: UsageReport) -> str:
    found = report.anomalies
    lines = [
        f"- **{spike.day}** cost {money(spike.cost, report.currency)}; the median day costs "
        f"{money(spike.usual, report.currency)}. The largest part, "
        f"{money(spike.top_model_cost, report.currency)}, went to `{cell(spike.top_model)}`."
        for spike in found.spikes
    ]
    if found.slow:
        worst = found.slow[0]
        lines.append(
            f"- {plural(found.slow_count, 'slow request')}; the worst, on line {worst.line}, took "
            f"{milliseconds(float(worst.value))} with `{cell(worst.model)}`, where "
            f"{milliseconds(float(worst.fence))} is the fence."
        )
    if found.costly:
        worst = found.costly[0]
        lines.append(
            f"- {plural(found.costly_count, 'costly request')}; the worst, on line {worst.line}, "
            f"cost {money(worst.value, report.currency)} with `{cell(worst.model)}`, where "
            f"{money(worst.fence, report.currency)} is the fence."
        )
    if not lines:
        return f"Nothing unusual. {found.spike_rule} {found.outlier_rule}"
    rules = [found.spike_rule] if found.spikes else []
    if found.slow or found.costly:
        rules.append(found.outlier_rule)
    return "\n".join(lines) + "\n\n" + " ".join(rules)


def _rows(report: UsageReport) -> str:
    lines = [
        f"- {report.source.format}, {plural(report.rows.read, 'row')} read, "
        f"{count(report.rows.used)} used, {count(report.rows.skipped)} skipped."
    ]
    lines += [
        f"- Skipped: {plural(reason.rows, 'row')}, {reason.reason} (first on line "
        f"{reason.first_line})."
        for reason in report.rows.reasons
    ]
    columns = ", ".join(
        f"{column.field} from `{cell(column.header)}`{_unit(column.unit, assumed=column.assumed)}"
        for column in report.columns
    )
    lines.append(f"- Columns: {columns}.")
    lines += [f"- {note}" for note in report.notes]
    return "\n".join(lines)


def _unit(unit: str, *, assumed: bool) -> str:
    if not unit:
        return ""
    return f" ({unit}, assumed since the header names no unit)" if assumed else f" ({unit})"


def _next_questions(report: UsageReport) -> str:
    ideas = ["“which model is slowest?”"] if report.latency else []
    ideas += ["“who spends most?”"] if report.users else []
    ideas += ["“and by day?”"] if report.days_count > 1 else []
    ideas += ["“how could I save money?”"] if report.savings else []
    return f"You can go on with {', '.join(ideas[:3])}." if ideas else ""
