"""Writes the sample usage export of the chat page: the same 600 lines each time."""

import csv
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "chat/static/chat/sample-usage.csv"
COLUMNS = (
    *("timestamp", "model", "input_tokens", "output_tokens"),
    *("cost_usd", "latency_ms", "user", "project"),
)
FIRST_DAY = datetime(2026, 10, 19, tzinfo=UTC)
DAYS = 28
SPIKE_DAY = 17  # a batch job that was started twice
USERS = ("amara", "bjorn", "chen", "dalia", "emeka", "farah")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model's share of the calls, its list price per million tokens and its habits."""

    name: str
    share: int
    input_usd: Decimal
    output_usd: Decimal
    input_tokens: int
    output_tokens: int
    latency_ms: int
    project: str


MODELS = (
    Model(
        name="gpt-4o",
        share=46,
        input_usd=Decimal("2.50"),
        output_usd=Decimal("10.00"),
        input_tokens=5200,
        output_tokens=780,
        latency_ms=3100,
        project="support-bot",
    ),
    Model(
        name="gpt-4o-mini",
        share=30,
        input_usd=Decimal("0.15"),
        output_usd=Decimal("0.60"),
        input_tokens=2600,
        output_tokens=340,
        latency_ms=1150,
        project="ticket-triage",
    ),
    Model(
        name="claude-sonnet-4-5",
        share=14,
        input_usd=Decimal("3.00"),
        output_usd=Decimal("15.00"),
        input_tokens=3900,
        output_tokens=900,
        latency_ms=4200,
        project="code-review",
    ),
    Model(
        name="gemini-2.5-flash",
        share=10,
        input_usd=Decimal("0.30"),
        output_usd=Decimal("2.50"),
        input_tokens=7400,
        output_tokens=260,
        latency_ms=900,
        project="summaries",
    ),
)


def calls(dice: random.Random) -> Iterator[tuple[object, ...]]:
    """One row for each call, in order of time."""
    for day in range(DAYS):
        date = FIRST_DAY + timedelta(days=day)
        is_weekend = date.weekday() >= 5
        count = (9 if is_weekend else 24) + dice.randint(-3, 3)
        models = dice.choices(MODELS, [model.share for model in MODELS], k=count)
        if day == SPIKE_DAY:
            models += [MODELS[0]] * 62
        minutes = sorted(dice.triangular(7 * 60, 21 * 60, 14 * 60) for _ in models)
        for minute, model in zip(minutes, models, strict=True):
            yield call(dice, model, at=date + timedelta(minutes=minute), heavy=day == SPIKE_DAY)


def call(dice: random.Random, model: Model, *, at: datetime, heavy: bool) -> tuple[object, ...]:
    """One call: sizes and latency are log-normal, and one in forty answers comes very late."""
    inputs = round(model.input_tokens * math.exp(dice.gauss(0.45 if heavy else 0, 0.45)))
    outputs = round(model.output_tokens * math.exp(dice.gauss(0, 0.5)))
    cost = (inputs * model.input_usd + outputs * model.output_usd) / 1_000_000
    tail = dice.uniform(5, 11) if dice.random() < 1 / 40 else 1
    latency = round(model.latency_ms * math.exp(dice.gauss(0, 0.3)) * tail)
    stamp = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    user = dice.choice(USERS)
    return stamp, model.name, inputs, outputs, f"{cost:.6f}", latency, user, model.project


def main() -> None:
    """Writes the file."""
    dice = random.Random(20261122)  # noqa: S311 - sample data, no secret
    with TARGET.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(calls(dice))


if __name__ == "__main__":
    main()
