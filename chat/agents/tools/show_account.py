"""The tool that tells users their plan and usage."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from chat.agents.tools.registry import ToolCall, tool

if TYPE_CHECKING:
    from chat.usage import ModelUsage


class AccountQuestion(BaseModel):
    """Nothing to ask: it is about the user of this conversation."""

    model_config = ConfigDict(extra="forbid")


class LimitState(BaseModel):
    """One limit of the plan; None is unlimited."""

    name: str
    limit: int | None
    used: int | None


class ModelUse(BaseModel):
    """What a model's answers used; tokens as its provider told them, 0 of the built-in assistant.

    `cost_usd` is by list price and leaves out `unpriced_requests`; None where no price is known.
    """

    model: str
    runs: int
    requests: int
    unpriced_requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    elapsed_ms: int


class Account(BaseModel):
    """Plan and usage as they are now; the use by model is of answers that have ended, in UTC."""

    tier: str
    why: str
    limits: list[LimitState]
    trial_ends_at: datetime | None
    resets_at: datetime | None
    today: list[ModelUse]
    this_month: list[ModelUse]


@tool(replayable=True, timeout_s=10)
async def show_account(call: ToolCall, question: AccountQuestion) -> Account:
    """Show this conversation's user their plan (tier), its limits and what is used of them.

    Also tokens, cost and number of answers of today and of this month, by model.
    """
    facts = await call.context.account()
    return Account(
        tier=facts.tier,
        why=facts.why,
        limits=[
            LimitState(name=name, limit=limit, used=facts.used.get(name))
            for name, limit in facts.limits.items()
        ],
        trial_ends_at=facts.trial_ends_at,
        resets_at=facts.resets_at,
        today=_uses(facts.today),
        this_month=_uses(facts.this_month),
    )


def _uses(models: "Sequence[ModelUsage]") -> list[ModelUse]:
    return [
        ModelUse(
            model=one.model,
            runs=one.runs,
            requests=one.usage.requests,
            unpriced_requests=one.usage.unpriced_requests,
            input_tokens=one.usage.input_tokens,
            output_tokens=one.usage.output_tokens,
            cost_usd=one.usage.cost_usd,
            elapsed_ms=one.usage.elapsed_ms,
        )
        for one in models
    ]
