"""The tool that tells users their plan and usage."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from chat.agents.tools.registry import ToolCall, tool


class AccountQuestion(BaseModel):
    """Nothing to ask: it is about the user of this conversation."""

    model_config = ConfigDict(extra="forbid")


class LimitState(BaseModel):
    """One limit of the plan; None is unlimited."""

    name: str
    limit: int | None
    used: int | None


class Account(BaseModel):
    """Plan and usage as they are now."""

    tier: str
    why: str
    limits: list[LimitState]
    trial_ends_at: datetime | None
    resets_at: datetime | None


@tool(replayable=True, timeout_s=10)
async def show_account(call: ToolCall, question: AccountQuestion) -> Account:
    """Show the plan (tier) of this conversation's user, its limits and what is used of them."""
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
    )
