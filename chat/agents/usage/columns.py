"""Which column of an export means what, found by its header, with its unit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Field(StrEnum):
    MODEL = "model"
    PROVIDER = "provider"
    INPUT = "input tokens"
    OUTPUT = "output tokens"
    CACHED = "cached input tokens"
    TOTAL = "total tokens"
    COST = "cost"
    INPUT_COST = "input cost"
    OUTPUT_COST = "output cost"
    CURRENCY = "currency"
    LATENCY = "latency"
    TIME = "time"
    USER = "user"
    PROJECT = "project"
    REQUESTS = "requests"


# Names as they stand in exports, best first, after units and filler words are taken away.
ALIASES: Mapping[Field, tuple[str, ...]] = {
    Field.MODEL: (
        "model", "model_name", "model_id", "llm_model", "llm", "model_slug", "engine",
        "deployment", "model_version", "modelname", "snapshot_id",
    ),
    Field.PROVIDER: ("provider", "provider_name", "vendor", "model_provider", "provider_id"),
    Field.INPUT: (
        "input_tokens", "prompt_tokens", "input_token_count", "prompt_token_count", "tokens_in",
        "in_tokens", "tokens_input", "tokens_prompt", "context_tokens", "n_context_tokens",
        "request_tokens", "inputtokens", "prompttokens", "input", "prompt", "input_token",
        "n_context_tokens_total",
    ),
    Field.OUTPUT: (
        "output_tokens", "completion_tokens", "output_token_count", "completion_token_count",
        "tokens_out", "out_tokens", "tokens_output", "tokens_completion", "generated_tokens",
        "n_generated_tokens", "response_tokens", "candidates_token_count", "outputtokens",
        "completiontokens", "output", "completion", "output_token", "n_generated_tokens_total",
    ),
    Field.CACHED: (
        "cached_tokens", "input_cached_tokens", "cached_input_tokens", "cache_read_tokens",
        "cache_read_input_tokens", "tokens_cached", "cached_prompt_tokens",
        "cached_content_token_count", "n_cached_context_tokens",
    ),
    Field.TOTAL: (
        "total_tokens", "tokens_total", "tokens", "token_count", "total_token_count", "n_tokens",
        "totaltokens", "tokens_used",
    ),
    Field.COST: (
        "cost", "total_cost", "cost_total", "spend", "total_spend", "price", "total_price",
        "amount", "amount_value", "charge", "charges", "billed", "total_amount", "totalcost",
        "request_cost", "cost_per_request", "api_cost", "usage_cost", "estimated_cost", "total",
        "",
    ),
    Field.INPUT_COST: ("input_cost", "prompt_cost", "cost_input", "cost_prompt", "input_price"),
    Field.OUTPUT_COST: (
        "output_cost", "completion_cost", "cost_output", "cost_completion", "output_price",
    ),
    Field.CURRENCY: ("currency", "currency_code", "amount_currency", "cost_currency"),
    Field.LATENCY: (
        "latency", "total_latency", "duration", "response_time", "request_duration", "elapsed",
        "elapsed_time", "generation_time", "request_time_taken", "time_taken", "took", "runtime",
        "processing_time", "responsetime", "request_latency", "api_latency", "total_time",
        "total_duration", "llm_latency", "time",
    ),
    Field.TIME: (
        "timestamp", "created_at", "datetime", "time", "date", "date_time", "created", "ts",
        "start_time", "started_at", "request_time", "requested_at", "logged_at", "event_time",
        "usage_date", "day", "request_timestamp", "created_time", "start", "usage_time",
    ),
    Field.USER: (
        "user", "user_email", "email", "user_name", "username", "user_id", "member", "customer",
        "customer_id", "end_user", "account", "userid", "actor",
    ),
    Field.PROJECT: (
        "project", "project_name", "project_id", "team", "workspace", "app", "application",
        "service", "feature", "department", "tag", "api_key_name", "key_name", "api_key_id",
        "app_name", "team_name", "product", "use_case", "endpoint",
    ),
    Field.REQUESTS: (
        "requests", "num_requests", "request_count", "num_model_requests", "n_requests", "calls",
        "call_count", "total_requests", "api_requests",
    ),
}  # fmt: skip

CURRENCIES: Mapping[str, tuple[str, Decimal, str]] = {
    "usd": ("USD", Decimal(1), "US dollars"),
    "dollar": ("USD", Decimal(1), "US dollars"),
    "dollars": ("USD", Decimal(1), "US dollars"),
    "$": ("USD", Decimal(1), "US dollars"),
    "cent": ("USD", Decimal("0.01"), "US cents"),
    "cents": ("USD", Decimal("0.01"), "US cents"),
    "¢": ("USD", Decimal("0.01"), "US cents"),
    "millicents": ("USD", Decimal("0.00001"), "thousandths of a US cent"),
    "micros": ("USD", Decimal("0.000001"), "millionths of a US dollar"),
    "microusd": ("USD", Decimal("0.000001"), "millionths of a US dollar"),
    "microdollars": ("USD", Decimal("0.000001"), "millionths of a US dollar"),
    "eur": ("EUR", Decimal(1), "euros"),
    "euro": ("EUR", Decimal(1), "euros"),
    "euros": ("EUR", Decimal(1), "euros"),
    "€": ("EUR", Decimal(1), "euros"),
    "gbp": ("GBP", Decimal(1), "pounds"),
    "£": ("GBP", Decimal(1), "pounds"),
}

# Word -> milliseconds in one unit, and how the unit is called.
DURATIONS: Mapping[str, tuple[Decimal, str]] = {
    "ms": (Decimal(1), "milliseconds"),
    "msec": (Decimal(1), "milliseconds"),
    "millis": (Decimal(1), "milliseconds"),
    "millisecond": (Decimal(1), "milliseconds"),
    "milliseconds": (Decimal(1), "milliseconds"),
    "s": (Decimal(1000), "seconds"),
    "sec": (Decimal(1000), "seconds"),
    "secs": (Decimal(1000), "seconds"),
    "second": (Decimal(1000), "seconds"),
    "seconds": (Decimal(1000), "seconds"),
    "us": (Decimal("0.001"), "microseconds"),
    "microseconds": (Decimal("0.001"), "microseconds"),
    "ns": (Decimal("0.000001"), "nanoseconds"),
    "nanoseconds": (Decimal("0.000001"), "nanoseconds"),
    "minutes": (Decimal(60_000), "minutes"),
}

# Words that change nothing about what a column means.
FILLERS = frozenset({"in", "the", "of", "utc", "gmt", "iso", "unix", "epoch", "usage", "metrics"})

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[$€£¢]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A recognised column; `unit_word` is the unit its header names, if any."""

    field: Field
    index: int
    header: str
    unit_word: str | None


def words_of(header: str) -> list[str]:
    """The lower-case words of a header, whatever its spelling (snake, camel, spaced, dotted)."""
    return [word.lower() for word in _WORDS.findall(header)]


def detect(headers: Sequence[str]) -> dict[Field, Column]:
    """The best column for each field; a header is used once, earlier aliases win."""
    found: dict[Field, tuple[int, Column]] = {}
    for index, header in enumerate(headers):
        match = _meaning(header)
        if match is None:
            continue
        rank, column_field, unit_word = match
        held = found.get(column_field)
        if held is None or rank < held[0]:
            column = Column(field=column_field, index=index, header=header, unit_word=unit_word)
            found[column_field] = (rank, column)
    return {column_field: column for column_field, (_, column) in found.items()}


def _meaning(header: str) -> tuple[int, Field, str | None] | None:
    words = words_of(header)
    # A nested name such as usage.prompt_tokens is tried whole, then by its last step.
    candidates = [words]
    if "." in header:
        candidates.append(words_of(header.rsplit(".", 1)[1]))
    for candidate in candidates:
        for column_field, units in _READINGS:
            unit_words = [word for word in candidate if word in units]
            rest = [word for word in candidate if word not in units and word not in FILLERS]
            rank = _RANKS[column_field].get("_".join(rest))
            if rank is not None and (
                unit_words or (column_field, "_".join(rest)) not in _NEEDS_UNIT
            ):
                return rank, column_field, unit_words[0] if unit_words else None
    return None


# Names that mean this only beside a unit: "time" alone is a moment, "time_ms" a duration.
_NEEDS_UNIT = frozenset({(Field.LATENCY, "time"), (Field.COST, ""), (Field.COST, "total")})
_RANKS = {
    field: {name: rank for rank, name in enumerate(names)} for field, names in ALIASES.items()
}
_MONEY = frozenset({Field.COST, Field.INPUT_COST, Field.OUTPUT_COST})
_NO_UNITS: frozenset[str] = frozenset()
_CLOCK_UNITS = frozenset({"ms", "s", "sec", "seconds", "us", "ns", "millis"})


def _units_of(column_field: Field) -> frozenset[str]:
    if column_field in _MONEY:
        return frozenset(CURRENCIES)
    if column_field is Field.LATENCY:
        return frozenset(DURATIONS)
    if column_field is Field.TIME:
        return _CLOCK_UNITS
    return _NO_UNITS


_READINGS = tuple((column_field, _units_of(column_field)) for column_field in Field)
