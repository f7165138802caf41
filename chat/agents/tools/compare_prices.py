"""The tool that compares list prices of models."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.prices import find_model
from chat.agents.tools.registry import ToolCall, tool

MODELS_MAX = 8


class PriceQuestion(BaseModel):
    """Which models, and for how many tokens."""

    model_config = ConfigDict(extra="forbid")

    models: list[str] = Field(min_length=1, max_length=MODELS_MAX, description="Model names.")
    input_tokens: int = Field(default=1_000_000, ge=0, le=10**15)
    output_tokens: int = Field(default=1_000_000, ge=0, le=10**15)


class ModelPrices(BaseModel):
    """List prices in US dollars per million tokens, and the cost of the tokens asked about."""

    name: str
    provider: str
    input: Decimal
    output: Decimal
    cached_input: Decimal | None
    context_window: int | None
    tiered: bool
    cost: Decimal


class PriceComparison(BaseModel):
    """Cheapest first; `unknown` names are not on the price list."""

    input_tokens: int
    output_tokens: int
    models: list[ModelPrices]
    unknown: list[str]
    priced_at: date


@tool(replayable=True, timeout_s=10)
async def compare_prices(call: ToolCall, question: PriceQuestion) -> PriceComparison:
    """Compare the list prices (US dollars per million tokens) of language models, and estimate
    what a number of input and output tokens costs with each.
    """
    now = call.context.now
    found: dict[tuple[str, str], ModelPrices] = {}
    unknown: list[str] = []
    for name in question.models:
        listed = find_model(name)
        price = listed.price(now) if listed is not None else None
        if listed is None or price is None:
            unknown.append(name[:80])
            continue
        # At the base rate: a volume is many requests, none of which need pass a tier.
        cost = price.input.base * question.input_tokens + price.output.base * question.output_tokens
        found[listed.provider.id, listed.name] = ModelPrices(
            name=listed.name,
            provider=listed.provider_name,
            input=price.input.base,
            output=price.output.base,
            cached_input=price.cached.base if price.cached is not None else None,
            context_window=listed.context_window,
            tiered=bool(price.input.tiers or price.output.tiers),
            cost=cost / 1_000_000,
        )
    return PriceComparison(
        input_tokens=question.input_tokens,
        output_tokens=question.output_tokens,
        models=sorted(found.values(), key=lambda model: model.cost),
        unknown=unknown,
        priced_at=now.date(),
    )
