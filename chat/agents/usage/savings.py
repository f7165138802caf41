"""What the same tokens would cost otherwise, at list prices: switching, caching, batching."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from chat.agents.prices import MILLION, Price, find_model, smaller_model
from chat.agents.usage.report import Batching, Caching, Group, Savings, Switch, Totals

# Assumptions, stated in every answer that uses them.
CACHED_SHARE = 50
BATCHED_SHARE = 30
MODELS_MAX = 5
# Costs this far below list price are somebody's discount, or not for these tokens.
OFF_LIST_TIMES = Decimal("1.5")


def find_savings(models: Sequence[Group], providers: Mapping[str, str], now: datetime) -> Savings:
    """Savings for the models with the most spend; those without a list price are left out."""
    switches: list[Switch] = []
    caching: list[Caching] = []
    batching: list[Batching] = []
    off_list: list[str] = []
    for group in models:
        listed = find_model(group.name, providers.get(group.name, ""))
        price = listed.price(now) if listed is not None else None
        if listed is None or price is None or not group.totals.input_tokens:
            continue
        smaller = smaller_model(listed)
        smaller_price = smaller.price(now) if smaller is not None else None
        if smaller is not None and smaller_price is not None:
            switches += _switch(group, smaller.name, smaller_price)
        if _is_off_list(group, price):
            off_list.append(group.name)
            continue
        caching += _caching(group, price)
        batching += _batching(group, price)
    return Savings(
        switches=_largest(switches),
        caching=_largest(caching),
        batching=_largest(batching),
        off_list=off_list,
        priced_at=now.date(),
    )


Saving = TypeVar("Saving", Switch, Caching, Batching)


def _largest(savings: list[Saving]) -> list[Saving]:
    return sorted(savings, key=lambda saving: saving.saves, reverse=True)[:MODELS_MAX]


def _at_base(totals: Totals, input_rate: Decimal, output_rate: Decimal) -> Decimal:
    """Totals are many requests: the base rates hold, whatever tiers long prompts have."""
    return (totals.input_tokens * input_rate + totals.output_tokens * output_rate) / MILLION


def _is_off_list(group: Group, price: Price) -> bool:
    cost = group.totals.cost
    return (
        cost is not None
        and _at_base(group.totals, price.input.base, price.output.base) > cost * OFF_LIST_TIMES
    )


def _switch(group: Group, name: str, price: Price) -> Sequence[Switch]:
    totals = group.totals
    if totals.cost is None:
        return ()
    then = _at_base(totals, price.input.base, price.output.base)
    if then >= totals.cost:
        return ()
    switch = Switch(
        model=group.name,
        to=name,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        input_price=price.input.base,
        output_price=price.output.base,
        now=totals.cost,
        then=then,
        saves=totals.cost - then,
    )
    return (switch,)


def _caching(group: Group, price: Price) -> Sequence[Caching]:
    uncached = group.totals.input_tokens - group.totals.cached_tokens
    if price.cached is None or uncached <= 0 or price.cached.base >= price.input.base:
        return ()
    saves = uncached * CACHED_SHARE * (price.input.base - price.cached.base) / (100 * MILLION)
    caching = Caching(
        model=group.name,
        uncached_tokens=uncached,
        share=CACHED_SHARE,
        input_price=price.input.base,
        cached_price=price.cached.base,
        saves=saves,
    )
    return (caching,)


def _batching(group: Group, price: Price) -> Sequence[Batching]:
    if price.batch_input is None or price.batch_output is None:
        return ()
    at_list = _at_base(group.totals, price.input.base, price.output.base)
    at_batch = _at_base(group.totals, price.batch_input.base, price.batch_output.base)
    if at_batch >= at_list:
        return ()
    scale = Decimal(BATCHED_SHARE) / 100
    batching = Batching(
        model=group.name,
        share=BATCHED_SHARE,
        at_list=at_list * scale,
        at_batch=at_batch * scale,
        saves=(at_list - at_batch) * scale,
    )
    return (batching,)
