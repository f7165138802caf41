"""What stands out: days of unusual spend and single requests far above their model's others."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chat.agents.usage.ranks import median_deviation, percentile
from chat.agents.usage.records import Record
from chat.agents.usage.report import Anomalies, Outlier, Spike
from chat.agents.usage.tally import Tally, day_of

# Fewer days than this have no usual day.
DAYS_MIN = 5
# Fewer requests of a model than this have no usual spread.
REQUESTS_MIN = 20
LISTED_MAX = 5
# 3.5 robust standard deviations is Iglewicz and Hoaglin's cut; 1.4826 makes a MAD one of them.
DEVIATIONS = Decimal("3.5") * Decimal("1.4826")
SPIKE_TIMES = Decimal("1.5")

SPIKE_RULE = (
    "A day is a spike when its spend is above the median day by 3.5 robust standard deviations "
    f"(1.4826 × MAD) and at least {SPIKE_TIMES} times the median; it takes {DAYS_MIN} days."
)
OUTLIER_RULE = (
    "A request is an outlier when its value is above Q3 + 3 × (Q3 − Q1) of its model "
    f"(Tukey's outer fence, nearest-rank quartiles, at least {REQUESTS_MIN} requests)."
)

Value = TypeVar("Value", float, Decimal)


def find_anomalies(records: Sequence[Record], days: dict[date, Tally]) -> Anomalies:
    """All anomalies, the worst of each kind listed."""
    # A row of many requests is no request.
    single = [record for record in records if record.requests == 1]
    slow = _outliers(
        (record.model, record.line, record.latency_ms)
        for record in single
        if record.latency_ms is not None
    )
    costly = _outliers(
        (record.model, record.line, record.cost) for record in single if record.cost is not None
    )
    return Anomalies(
        spikes=_spikes(records, days),
        spike_rule=SPIKE_RULE,
        slow=slow[:LISTED_MAX],
        slow_count=len(slow),
        costly=costly[:LISTED_MAX],
        costly_count=len(costly),
        outlier_rule=OUTLIER_RULE,
    )


def _spikes(records: Sequence[Record], days: dict[date, Tally]) -> list[Spike]:
    costs = {day: tally.cost for day, tally in days.items() if tally.cost is not None}
    if len(costs) < DAYS_MIN:
        return []
    ordered = sorted(costs.values())
    usual = percentile(ordered, 50)
    spread = DEVIATIONS * median_deviation(ordered, usual)
    threshold = max(usual + spread, usual * SPIKE_TIMES)
    spikes = sorted(((cost, day) for day, cost in costs.items() if cost > threshold), reverse=True)
    return [_spike(day, cost, usual, threshold, records) for cost, day in spikes[:LISTED_MAX]]


def _spike(
    day: date,
    cost: Decimal,
    usual: Decimal,
    threshold: Decimal,
    records: Sequence[Record],
) -> Spike:
    by_model: dict[str, Decimal] = {}
    for record in records:
        if record.cost is not None and day_of(record) == day:
            by_model[record.model] = by_model.get(record.model, Decimal(0)) + record.cost
    top_model = max(by_model, key=lambda model: by_model[model])
    return Spike(
        day=day,
        cost=cost,
        usual=usual,
        threshold=threshold,
        top_model=top_model,
        top_model_cost=by_model[top_model],
    )


def _outliers(values: Iterable[tuple[str, int, Value]]) -> list[Outlier]:
    by_model: dict[str, list[tuple[Value, int]]] = {}
    for model, line, value in values:
        by_model.setdefault(model, []).append((value, line))
    found: list[Outlier] = []
    for model, lines in by_model.items():
        if len(lines) < REQUESTS_MIN:
            continue
        ordered = sorted(value for value, _ in lines)
        low, high = percentile(ordered, 25), percentile(ordered, 75)
        fence = high + 3 * (high - low)
        found += [
            Outlier(line=line, model=model, value=_exact(value), fence=_exact(fence))
            for value, line in lines
            if value > fence
        ]
    return sorted(found, key=lambda outlier: outlier.value / (outlier.fence or 1), reverse=True)


def _exact(value: Value) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))
