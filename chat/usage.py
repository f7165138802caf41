"""What runs have used: one of them, a thread's, and a user's by day and model."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection
from msgspec import Struct

from netra import replica

# Of one user in a month; more would be no summary.
MODELS_SHOWN_MAX: Final = 20

_COUNTS: Final = (
    *("requests", "unpriced_requests", "input_tokens", "cached_tokens", "output_tokens"),
    "elapsed_ms",
)
_SUMS: Final = ("runs", *_COUNTS, "cost_usd")
_ADD: Final = f"""
INSERT INTO chat_dailyusage AS row (user_id, day, model, {", ".join(_SUMS)})
VALUES (%(user)s, %(day)s, %(model)s, {", ".join(f"%({name})s" for name in _SUMS)})
ON CONFLICT (user_id, day, model) DO UPDATE
SET {", ".join(f"{name} = row.{name} + excluded.{name}" for name in _SUMS)}
"""  # noqa: S608  constants only
_BY_MODEL: Final = f"""
SELECT model, {", ".join(f"sum({name})" for name in _SUMS)} FROM chat_dailyusage
WHERE user_id = %(user)s AND day BETWEEN %(since)s AND %(until)s
GROUP BY model ORDER BY sum(input_tokens) DESC, sum(runs) DESC, model LIMIT %(models)s
"""  # noqa: S608  constants only
# As a run's usage is stored: what is not there was not used.
_OF_THREAD: Final = f"""
SELECT count(*) FILTER (WHERE attempt > 0),
    {", ".join(f"sum((usage->>'{name}')::bigint)" for name in _COUNTS)},
    sum((usage->>'cost_usd')::numeric)
FROM chat_run WHERE thread_id = %(thread)s
"""  # noqa: S608  constants only


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens as the provider told them, time of work, and list prices in US dollars.

    `cached_tokens` are part of the input. `cost_usd` is of all requests but the unpriced ones: a
    model without a known price, or a request broken off before the provider told its usage.
    """

    requests: int = 0
    unpriced_requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    elapsed_ms: int = 0
    cost_usd: Decimal | None = None

    def told(self) -> dict[str, Any]:
        """As it is stored with a run and sent: without a language model there is only time."""
        if not self.requests:
            return {"elapsed_ms": self.elapsed_ms}
        told: dict[str, Any] = {
            "requests": self.requests,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "elapsed_ms": self.elapsed_ms,
        }
        if self.cached_tokens:
            told["cached_tokens"] = self.cached_tokens
        if self.unpriced_requests:
            told["unpriced_requests"] = self.unpriced_requests
        if self.cost_usd is not None:
            told["cost_usd"] = f"{self.cost_usd.normalize():f}"
        return told


class ModelUsage(Struct, frozen=True, kw_only=True):
    """What the runs of a user that a model answered have used."""

    model: str
    runs: int
    usage: Usage


def usage_from(told: Mapping[str, Any]) -> Usage:
    """A run's usage as it was stored."""
    return msgspec.convert(told, Usage)


def add_to_day(*, user: int, model: str, told: Mapping[str, Any], at: datetime) -> None:
    """Count a run that ended at `at`, with what it used, in the caller's transaction."""
    usage = usage_from(told)
    values: dict[str, Any] = msgspec.structs.asdict(usage) | {
        "user": user,
        "day": at.astimezone(UTC).date(),
        "model": model,
        "runs": 1,
        "cost_usd": usage.cost_usd or Decimal(0),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, values)


def usage_by_model(user: int, *, since: date, until: date) -> tuple[ModelUsage, ...]:
    """What a user used from one day to another, both included (UTC); most tokens first."""
    with replica.connection().cursor() as cursor:
        cursor.execute(
            _BY_MODEL, {"user": user, "since": since, "until": until, "models": MODELS_SHOWN_MAX}
        )
        return tuple(_model_usage(*row) for row in cursor.fetchall())


def thread_usage(thread: int) -> dict[str, Any]:
    """What all runs of the thread with that key used, as `Usage.told` spells it, and `runs`."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_THREAD, {"thread": thread})
        runs, *counts, cost = cursor.fetchone() or (0, *[None] * (len(_COUNTS) + 1))
    usage = _usage(counts, cost)
    return {"runs": runs, **usage.told()}


def _model_usage(model: str, runs: Decimal, *sums: Decimal) -> ModelUsage:
    *counts, cost = sums
    usage = _usage(counts, cost)
    if usage.requests == usage.unpriced_requests:
        usage = msgspec.structs.replace(usage, cost_usd=None)
    return ModelUsage(model=model, runs=int(runs), usage=usage)


def _usage(counts: Sequence[Decimal | None], cost: Decimal | None) -> Usage:
    """From sums in the order of `_COUNTS`; PostgreSQL's are decimals, or null over no rows."""
    whole = (int(count or 0) for count in counts)
    return Usage(**dict(zip(_COUNTS, whole, strict=True)), cost_usd=cost)
