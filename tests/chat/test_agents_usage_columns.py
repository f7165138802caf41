"""Headers as they stand in real exports, and what they are taken for."""

import pytest

from chat.agents.usage.columns import Field, detect

HEADERS = [
    ("model", Field.MODEL, None),
    ("Model Name", Field.MODEL, None),
    ("modelId", Field.MODEL, None),
    ("prompt_tokens", Field.INPUT, None),
    ("usage.prompt_tokens", Field.INPUT, None),
    ("Input Tokens", Field.INPUT, None),
    ("inputTokens", Field.INPUT, None),
    ("n_context_tokens_total", Field.INPUT, None),
    ("completion_tokens", Field.OUTPUT, None),
    ("n_generated_tokens_total", Field.OUTPUT, None),
    ("tokens_out", Field.OUTPUT, None),
    ("cache_read_input_tokens", Field.CACHED, None),
    ("input_cached_tokens", Field.CACHED, None),
    ("usage.prompt_tokens_details.cached_tokens", Field.CACHED, None),
    ("total_tokens", Field.TOTAL, None),
    ("Tokens", Field.TOTAL, None),
    ("cost", Field.COST, None),
    ("Cost (USD)", Field.COST, "usd"),
    ("costUSD", Field.COST, "usd"),
    ("total_cost_cents", Field.COST, "cents"),
    ("amount_eur", Field.COST, "eur"),
    ("Price in $", Field.COST, "$"),
    ("usd", Field.COST, "usd"),
    ("cost_micros", Field.COST, "micros"),
    ("input_cost", Field.INPUT_COST, None),
    ("output_cost_usd", Field.OUTPUT_COST, "usd"),
    ("currency", Field.CURRENCY, None),
    ("latency_ms", Field.LATENCY, "ms"),
    ("Latency (s)", Field.LATENCY, "s"),
    ("latencyMs", Field.LATENCY, "ms"),
    ("duration_seconds", Field.LATENCY, "seconds"),
    ("response_time", Field.LATENCY, None),
    ("time_ms", Field.LATENCY, "ms"),
    ("time", Field.TIME, None),
    ("timestamp", Field.TIME, None),
    ("Created At (UTC)", Field.TIME, None),
    ("start_time", Field.TIME, None),
    ("usage_date", Field.TIME, None),
    ("user_email", Field.USER, None),
    ("userId", Field.USER, None),
    ("project", Field.PROJECT, None),
    ("api_key_name", Field.PROJECT, None),
    ("num_model_requests", Field.REQUESTS, None),
    ("provider", Field.PROVIDER, None),
]


@pytest.mark.parametrize(("header", "field", "unit"), HEADERS)
def test_a_header_is_taken_for_its_field_and_unit(
    header: str, field: Field, unit: str | None
) -> None:
    column = detect([header])[field]

    assert column.unit_word == unit


@pytest.mark.parametrize(
    "header", ["", "id", "status", "comment", "ttft_ms", "temperature", "total", "what it costs us"]
)
def test_other_headers_are_left_alone(header: str) -> None:
    assert detect([header]) == {}


def test_the_most_particular_name_wins() -> None:
    found = detect(["total", "price", "cost", "date", "timestamp"])

    assert found[Field.COST].header == "cost"
    assert found[Field.TIME].header == "timestamp"
