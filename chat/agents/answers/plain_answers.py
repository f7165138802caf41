"""The short answers: prices, arithmetic, plan, help, and what the assistant is."""

from chat.agents.answers.text import cell, count, money, table
from chat.agents.tools.calculate import Value
from chat.agents.tools.compare_prices import ModelPrices, PriceComparison
from chat.agents.tools.show_account import Account, LimitState, ModelUse

WHAT_I_AM = (
    "I'm Netra's built-in assistant. I'm not a language model: I follow fixed rules, and I can do "
    "a few things exactly."
)
WHAT_I_DO = """\
- **Analyse LLM usage**: attach or paste a CSV, TSV, JSON or JSON lines export (model, tokens, \
cost, latency, time) and ask where the money goes. Follow-ups such as “and by user?”, “only \
gpt-4o” or “what about latency?” work.
- **Read attached files**: “what is in this file?”, “page 3”, “read on”: text and PDF, quoted.
- **Compare model prices**: “price of gpt-4o vs claude-sonnet-4-5 for 3M input tokens”.
- **Calculate**: “17.5 % of 2,340” or “(1200 * 0.15 + 3) / 7”.
- **Search your own threads**: “search my threads for invoices”.
- **Tell your plan and usage**: “what is my plan?”
- **Explain Netra** from its documentation, with sources: “how long is a trial?”
- **/tools** lists the tools that there are.
- **/demo** shows every kind of event in about ten seconds."""
CONNECT = "For open conversation, an operator can connect a language model to Netra."

INTRODUCTION = f"{WHAT_I_AM}\n\n{WHAT_I_DO}\n\n{CONNECT}"
NOT_UNDERSTOOD = f"I can't answer that. {WHAT_I_AM} What I can do:\n\n{WHAT_I_DO}\n\n{CONNECT}"
THANKS = "You're welcome. Attach another export or ask on about this one whenever you like."
ASK_FOR_DATA = """\
There is no usage data in this thread yet. Attach a CSV, TSV, JSON or JSON lines export with the \
paper-clip, or paste some lines, for example:

```csv
timestamp,model,input_tokens,output_tokens,cost_usd,latency_ms
2026-11-01T09:00:00Z,gpt-4o,1200,340,0.0064,820
2026-11-01T09:01:00Z,gpt-4o-mini,900,210,0.000261,410
```

Then I tell you the spend by model and day, latency percentiles, anomalies and possible savings."""

LIMIT_NAMES = {
    "runs_month": "Runs a month",
    "messages_minute": "Messages a minute",
    "concurrent_runs": "Runs at once",
    "concurrent_connections": "Connections at once",
    "session_idle_hours": "Idle hours until sign-out",
    "retention_days": "Days events are kept at least",
}


def calculation(value: Value) -> str:
    """The result of arithmetic."""
    return f"`{value.expression}` = **{value.value}**"


def prices(found: PriceComparison) -> str:
    """Prices side by side, cheapest first."""
    unknown = ""
    if found.unknown:
        names = ", ".join(f"`{cell(name)}`" for name in found.unknown)
        unknown = f"\n\nI know no list price for {names}."
    if not found.models:
        return f"I found no price.{unknown}"
    amount = f"{count(found.input_tokens)} input and {count(found.output_tokens)} output tokens"
    cheapest, dearest = found.models[0], found.models[-1]
    lead = f"For {amount}, **`{cheapest.name}`** costs **{money(cheapest.cost)}**."
    if len(found.models) > 1 and cheapest.cost > 0:
        lead = (
            f"For {amount}, **`{cheapest.name}` is the cheapest** at {money(cheapest.cost)}; "
            f"`{dearest.name}` costs {money(dearest.cost)}, {dearest.cost / cheapest.cost:.1f} "
            "times as much."
        )
    headers = ["Model", "Provider", "Input /M", "Output /M", "Cached /M", "Context", "Cost"]
    rows = [_price_row(model) for model in found.models]
    tiers = (
        " Some have higher tiers for very long prompts; these are the base rates."
        if any(model.tiered for model in found.models)
        else ""
    )
    note = f"List prices in US dollars as of {found.priced_at}, from genai-prices.{tiers}"
    return f"{lead}\n\n{table(headers, rows, left=(0, 1))}\n\n{note}{unknown}"


def _price_row(model: ModelPrices) -> list[str]:
    return [
        f"`{model.name}`",
        model.provider,
        money(model.input),
        money(model.output),
        money(model.cached_input),
        count(model.context_window) if model.context_window else "–",
        money(model.cost),
    ]


def account(found: Account) -> str:
    """Plan, limits and use."""
    lead = f"You are on the **{found.tier}** plan."
    if found.trial_ends_at is not None:
        lead += f" It is a trial that ends on {found.trial_ends_at:%Y-%m-%d %H:%M} UTC."
    if found.why:
        lead += f" {found.why}"
    rows = [_limit_row(limit) for limit in found.limits]
    resets = (
        f"\n\nMonthly counts start again on {found.resets_at:%Y-%m-%d}." if found.resets_at else ""
    )
    return f"{lead}\n\n{table(['Limit', 'Used', 'Of'], rows)}{resets}{_use(found)}"


def _use(found: Account) -> str:
    """What answers that have ended used today and this month, by model."""
    if not found.this_month:
        return ""
    headers = ["Model", "Answers", "Input tokens", "Output tokens", "Cost"]
    parts = [
        f"\n\n**{title}**\n\n{table(headers, [_use_row(one) for one in used])}"
        for title, used in (("Today", found.today), ("This month", found.this_month))
        if used
    ]
    note = "Answers that have ended, by UTC days. Costs are list prices in US dollars."
    unpriced = sum(one.unpriced_requests for one in found.this_month)
    if unpriced:
        left_out = "request has" if unpriced == 1 else "requests have"
        note += f" {count(unpriced)} model {left_out} no known cost and is left out of them."
    return f"{''.join(parts)}\n\n{note}"


def _use_row(used: ModelUse) -> list[str]:
    return [
        f"`{cell(used.model)}`",
        count(used.runs),
        count(used.input_tokens) if used.requests else "–",
        count(used.output_tokens) if used.requests else "–",
        "–" if used.cost_usd is None else money(used.cost_usd),
    ]


def _limit_row(state: LimitState) -> list[str]:
    return [
        LIMIT_NAMES.get(state.name, state.name.replace("_", " ").capitalize()),
        "–" if state.used is None else count(state.used),
        "unlimited" if state.limit is None else count(state.limit),
    ]
