"""What one run has used, read from the model messages that it made over all its attempts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from pydantic_ai.messages import ModelMessage, ModelResponse

from chat.usage import Usage

# More than any model reads or writes; what a provider tells beyond that is nonsense, and would not
# fit into the sums of a day.
TOKENS_A_REQUEST_MAX: Final = 100_000_000
COST_A_REQUEST_MAX_USD: Final = Decimal(10_000)
# Prices are given per million tokens, to the millionth of a dollar.
COST_STEP: Final = Decimal(1).scaleb(-12)


def usage_of(messages: Sequence[ModelMessage], *, elapsed_ms: int) -> Usage:
    """What a run used whose own messages these are, unfinished steps of lost attempts left out."""
    responses = [message for message in messages if isinstance(message, ModelResponse)]
    costs = [cost for response in responses if (cost := _cost(response)) is not None]
    return Usage(
        requests=len(responses),
        unpriced_requests=len(responses) - len(costs),
        input_tokens=sum(_tokens(response.usage.input_tokens) for response in responses),
        cached_tokens=sum(_tokens(response.usage.cache_read_tokens) for response in responses),
        output_tokens=sum(_tokens(response.usage.output_tokens) for response in responses),
        elapsed_ms=elapsed_ms,
        cost_usd=sum(costs, Decimal(0)) if costs else None,
    )


def _tokens(told: int) -> int:
    return min(max(told, 0), TOKENS_A_REQUEST_MAX)


def _cost(response: ModelResponse) -> Decimal | None:
    """By list price, where provider and model are listed and the provider told the tokens."""
    told = response.usage.input_tokens or response.usage.output_tokens
    if not (told and response.model_name):
        return None
    try:
        cost = response.cost().total_price
    except (LookupError, ValueError):
        return None
    return cost.quantize(COST_STEP) if 0 <= cost <= COST_A_REQUEST_MAX_USD else None
