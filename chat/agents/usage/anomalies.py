"""What stands out: days of unusual spend and single requests far above their model's others."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from chat.agents.usage.ranks import median_deviation, percentile
from chat.agents.usage.records import Record
from chat.agents.usage.report import Anomalies, Outlier, Spike
from chat.agents.usage.tally import GROUPS_MAX, Tally

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


@dataclass(slots=True)
class Marks:
    """The values of one model's single requests, each with its line."""

    values: "array[float]" = field(default_factory=lambda: array("d"))
    lines: "array[int]" = field(default_factory=lambda: array("q"))


class Watch:
    """Collects what the anomalies are found in, 16 bytes a value."""

    def __init__(self) -> None:
        self._slow: dict[str, Marks] = {}
        self._costly: dict[str, Marks] = {}
        self._spend: dict[date, dict[str, Decimal]] = {}
        self._spends = 0

    def add(self, record: Record, day: date | None) -> None:
        if record.cost is not None and day is not None:
            self._spent(record.model, record.cost, day)
        # A row of many requests is no request.
        if record.requests != 1:
            return
        if record.latency_ms is not None:
            _mark(self._slow, record, record.latency_ms)
        if record.cost is not None:
            _mark(self._costly, record, float(record.cost))

    def _spent(self, model: str, cost: Decimal, day: date) -> None:
        models = self._spend.get(day, {})
        if model not in models:
            if self._spends >= GROUPS_MAX:
                return
            self._spends += 1
            models = self._spend.setdefault(day, {})
        models[model] = models.get(model, Decimal(0)) + cost

    def found(self, days: Mapping[date, Tally]) -> Anomalies:
        """All anomalies, the worst of each kind listed."""
        slow, slow_count = _outliers(self._slow)
        costly, costly_count = _outliers(self._costly)
        return Anomalies(
            spikes=self._spikes(days),
            spike_rule=SPIKE_RULE,
            slow=slow,
            slow_count=slow_count,
            costly=costly,
            costly_count=costly_count,
            outlier_rule=OUTLIER_RULE,
        )

    def _spikes(self, days: Mapping[date, Tally]) -> list[Spike]:
        costs = {day: tally.cost for day, tally in days.items() if tally.cost is not None}
        if len(costs) < DAYS_MIN:
            return []
        ordered = sorted(costs.values())
        usual = percentile(ordered, 50)
        spread = DEVIATIONS * median_deviation(ordered, usual)
        threshold = max(usual + spread, usual * SPIKE_TIMES)
        spikes = sorted(
            ((cost, day) for day, cost in costs.items() if cost > threshold and day in self._spend),
            reverse=True,
        )
        return [self._spike(day, cost, usual, threshold) for cost, day in spikes[:LISTED_MAX]]

    def _spike(self, day: date, cost: Decimal, usual: Decimal, threshold: Decimal) -> Spike:
        models = self._spend[day]
        top_model = max(models, key=lambda model: models[model])
        return Spike(
            day=day,
            cost=cost,
            usual=usual,
            threshold=threshold,
            top_model=top_model,
            top_model_cost=models[top_model],
        )


def _mark(marks: dict[str, Marks], record: Record, value: float) -> None:
    mine = marks.get(record.model)
    if mine is None:
        if len(marks) >= GROUPS_MAX:
            return
        mine = marks[record.model] = Marks()
    mine.values.append(value)
    mine.lines.append(record.line)


def _outliers(marks: Mapping[str, Marks]) -> tuple[list[Outlier], int]:
    """The worst, by how far they pass their fence, and how many there are."""
    found: list[tuple[float, float, float, int, str]] = []
    for model, mine in marks.items():
        if len(mine.values) < REQUESTS_MIN:
            continue
        ordered = sorted(mine.values)
        low, high = percentile(ordered, 25), percentile(ordered, 75)
        fence = high + 3 * (high - low)
        if ordered[-1] <= fence:
            continue
        found += [
            (value / (fence or 1), value, fence, line, model)
            for value, line in zip(mine.values, mine.lines, strict=True)
            if value > fence
        ]
    found.sort(key=lambda one: one[0], reverse=True)
    worst = [
        Outlier(line=line, model=model, value=_exact(value), fence=_exact(fence))
        for _, value, fence, line, model in found[:LISTED_MAX]
    ]
    return worst, len(found)


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))
