"""What would save money, with the arithmetic shown."""

from decimal import Decimal

from chat.agents.answers.text import cell, count, money, ratio
from chat.agents.usage.report import Batching, Caching, Savings, Switch, UsageReport


def savings(report: UsageReport) -> str:
    """Switching, caching and batching; each with its assumption and its sum."""
    found = report.savings
    if found is None:
        return "The costs are not in US dollars, and list prices are: I compute no savings."
    if not (found.switches or found.caching or found.batching):
        return (
            "I see no saving that I can compute: that takes input and output tokens of models with "
            "a known list price and a cheaper alternative."
        )
    blocks = [_switching(found), _caching(found), _batching(found), _off_list(found)]
    note = (
        f"At list prices of {found.priced_at}, per million tokens. The savings do not add up: each "
        "is for all the tokens. Whether a smaller model is good enough, only a trial on your own "
        "prompts can tell."
    )
    return "\n\n".join([*(block for block in blocks if block), note])


def _switching(found: Savings) -> str:
    if not found.switches:
        return ""
    return "\n".join(["**Switching** to a smaller model:", *map(_switch, found.switches)])


def _switch(it: Switch) -> str:
    return (
        f"- `{cell(it.model)}` → `{it.to}`: {count(it.input_tokens)} input × "
        f"{money(it.input_price)}/M + {count(it.output_tokens)} output × "
        f"{money(it.output_price)}/M = {money(it.then)} instead of {money(it.now)}: "
        f"**saves {money(it.saves)}** ({ratio(it.saves, it.now)})."
    )


def _caching(found: Savings) -> str:
    if not found.caching:
        return ""
    share = found.caching[0].share
    total = sum((it.saves for it in found.caching), Decimal(0))
    head = (
        f"**Prompt caching**, if {share} % of the uncached input tokens repeat: **saves "
        f"{money(total)}**."
    )
    return "\n".join([head, *map(_cached, found.caching)])


def _cached(it: Caching) -> str:
    return (
        f"- `{cell(it.model)}`: {it.share} % × {count(it.uncached_tokens)} × "
        f"({money(it.input_price)} − {money(it.cached_price)})/M = {money(it.saves)}"
    )


def _batching(found: Savings) -> str:
    if not found.batching:
        return ""
    share = found.batching[0].share
    total = sum((it.saves for it in found.batching), Decimal(0))
    head = (
        f"**Batching**, if {share} % of the requests can wait for a batch: "
        f"**saves {money(total)}**."
    )
    return "\n".join([head, *map(_batched, found.batching)])


def _batched(it: Batching) -> str:
    return (
        f"- `{cell(it.model)}`: {money(it.at_list)} at list price − {money(it.at_batch)} in "
        f"batches = {money(it.saves)}"
    )


def _off_list(found: Savings) -> str:
    if not found.off_list:
        return ""
    names = ", ".join(f"`{cell(name)}`" for name in found.off_list[:5])
    return (
        f"No caching or batching is computed for {names}: the data states far less than list price."
    )
