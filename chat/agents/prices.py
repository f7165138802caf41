"""The only door to genai-prices: list prices of models, per million tokens, in US dollars."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

# Loaded with this module: half a second at start rather than in the middle of a run.
_SNAPSHOT = data_snapshot.get_snapshot()

MILLION = Decimal(1_000_000)
# How providers name the condition under which their batch interface is billed.
BATCH = {"processing": "batch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A price per million tokens; a request with more input tokens than a tier's start pays its."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        rate = self.base
        for start, tier_rate in self.tiers:
            if input_tokens > start:
                rate = tier_rate
        return rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs; `cached` and the batch rates are None where none are listed."""

    input: Rate
    output: Rate
    cached: Rate | None
    batch_input: Rate | None
    batch_output: Rate | None

    def of(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Decimal:
        """The list price of one request, exactly; cached tokens are part of the input tokens."""
        cached = min(cached_tokens, input_tokens) if self.cached is not None else 0
        cost = (input_tokens - cached) * self.input.at(input_tokens)
        cost += output_tokens * self.output.at(input_tokens)
        if self.cached is not None:
            cost += cached * self.cached.at(input_tokens)
        return cost / MILLION


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A model of the price list."""

    provider: Provider
    model: ModelInfo

    @property
    def name(self) -> str:
        return self.model.id

    @property
    def provider_name(self) -> str:
        return self.provider.name

    @property
    def context_window(self) -> int | None:
        return self.model.context_window

    @property
    def steady(self) -> bool:
        """Whether the price is one for all times."""
        return isinstance(self.model.prices, ModelPrice)

    def price(self, at: datetime) -> Price | None:
        """The price at a moment; None for a model that is not billed by tokens."""
        standard = self.model.get_prices(at)
        input_rate, output_rate = _rate(standard, "input_mtok"), _rate(standard, "output_mtok")
        if input_rate is None or output_rate is None:
            return None
        has_batch = any(variant.when == BATCH for variant in self.model.price_variants or ())
        batch = self.model.get_prices(at, BATCH) if has_batch else None
        return Price(
            input=input_rate,
            output=output_rate,
            cached=_rate(standard, "cache_read_mtok"),
            batch_input=_rate(batch, "input_mtok") if batch else None,
            batch_output=_rate(batch, "output_mtok") if batch else None,
        )


def _rate(price: ModelPrice, key: str) -> Rate | None:
    value = getattr(price, key)
    if isinstance(value, TieredPrices):
        return Rate(base=value.base, tiers=tuple((tier.start, tier.price) for tier in value.tiers))
    return Rate(base=value) if isinstance(value, Decimal) else None


@lru_cache(maxsize=4096)
def find_model(name: str, provider: str = "") -> Listed | None:
    """The listed model that an export's or a user's spelling means; None if there is none."""
    for candidate, provider_id in _spellings(name.strip().lower(), provider.strip().lower()):
        try:
            listed = _SNAPSHOT.find_provider_model(candidate, None, provider_id, None)
        except LookupError:
            continue
        return Listed(*listed)
    return None


def _spellings(name: str, provider: str) -> Sequence[tuple[str, str | None]]:
    """The name itself, then without the prefixes that gateways and clouds put before it."""
    spellings: list[tuple[str, str | None]] = []
    if provider:
        spellings.append((name, provider))
    spellings.append((name, None))
    if "/" in name:
        prefix, _, rest = name.partition("/")
        spellings += [(rest, prefix), (name.rsplit("/", 1)[1], None), (name, "openrouter")]
    # Amazon Bedrock: us.anthropic.claude-3-5-sonnet-20241022-v2:0
    bedrock = re.fullmatch(r"(?:[a-z]{2,6}\.)?[a-z0-9]+\.([a-z][\w.-]+?)(?:-v\d+)?(?::\d+)?", name)
    if bedrock:
        spellings += [(name, "aws"), (bedrock[1], None)]
    return spellings


# From an expensive model to the next smaller one of its family, in order of preference.
SMALLER: Sequence[tuple[str, str]] = (
    (r"^(gpt-4o|gpt-4\.1|gpt-5|gpt-5\.4)$", r"\1-mini"),
    (r"^gpt-5(\.\d)?(-pro|-codex)?$", "gpt-5-mini"),
    (r"^gpt-4o-2024-05-13$", "gpt-4o-mini"),
    (r"^(gpt-4\.1|gpt-5|gpt-5\.4)-mini$", r"\1-nano"),
    (r"^gpt-4(-turbo|-32k|-vision-preview|\.5-preview)?$", "gpt-4.1"),
    (r"^gpt-3\.5.*$", "gpt-4o-mini"),
    (r"^o1(-preview|-pro)?$", "o4-mini"),
    (r"^o3(-pro)?$", "o4-mini"),
    (r"^claude-3-5-sonnet.*$", "claude-3-5-haiku-latest"),
    (r"^claude-3-opus.*$", "claude-sonnet-4-5"),
    (r"^(.*)opus(.*)$", r"\1sonnet\2"),
    (r"^claude-opus.*$", "claude-sonnet-4-5"),
    (r"^(.*)sonnet(.*)$", r"\1haiku\2"),
    (r"^claude.*sonnet.*$", "claude-haiku-4-5"),
    (r"^(gemini-[\d.]+)-pro.*$", r"\1-flash"),
    (r"^(gemini-[\d.]+)-flash$", r"\1-flash-lite"),
    (r"^mistral-large.*$", "mistral-medium-latest"),
    (r"^mistral-medium.*$", "mistral-small-latest"),
    (r"^grok-3$", "grok-3-mini"),
    (r"^deepseek-reasoner$", "deepseek-chat"),
)


def smaller_model(listed: Listed) -> Listed | None:
    """The next smaller model of the same family and provider; None where none is known."""
    for pattern, replacement in SMALLER:
        match = re.fullmatch(pattern, listed.name)
        if match is None:
            continue
        found = find_model(match.expand(replacement), listed.provider.id)
        if found is not None and found.name != listed.name:
            return found
    return None


FAMILIES = frozenset({
    "gpt", "claude", "gemini", "mistral", "llama", "deepseek", "grok", "o1", "o3", "o4", "command",
    "codestral", "mixtral", "qwen", "gemma", "sonnet", "opus", "haiku", "phi", "nova",
})  # fmt: skip
QUALIFIERS = frozenset({
    "sonnet", "opus", "haiku", "mini", "nano", "pro", "flash", "lite", "turbo", "large", "small",
    "medium", "chat", "reasoner", "latest", "fast", "oss", "codex", "preview", "instruct",
})  # fmt: skip
# A look-up that misses takes a millisecond, and this runs on the event loop.
SENTENCE_CHARS_MAX = 400
_VERSION = re.compile(r"v?\d+(\.\d+)*[a-z]?")
_FAMILY_START = re.compile(rf"(?:{'|'.join(sorted(FAMILIES))})(?:[-.\d].*)?")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9./:-]*[a-z0-9]|[a-z0-9]")


def models_in(text: str) -> list[Listed]:
    """The listed models that a sentence names, in its order, each once."""
    words = _TOKEN.findall(text[:SENTENCE_CHARS_MAX].lower())
    found: dict[str, Listed] = {}
    position = 0
    while position < len(words):
        listed, used = _model_at(words, position)
        if listed is not None:
            found.setdefault(f"{listed.provider.id}/{listed.name}", listed)
        position += used
    return list(found.values())


def _model_at(words: Sequence[str], position: int) -> tuple[Listed | None, int]:
    """The model named from `position` on, longest reading first, and how many words it takes."""
    if not _FAMILY_START.fullmatch(words[position].rsplit("/", 1)[-1]):
        return None, 1
    end = position + 1
    while end < len(words) and (words[end] in QUALIFIERS or _VERSION.fullmatch(words[end])):
        end += 1
    for stop in range(end, position, -1):
        listed = _spelled(words[position:stop])
        if listed is not None:
            return listed, stop - position
    return None, 1


def _spelled(words: Sequence[str]) -> Listed | None:
    joined = "-".join(words)
    # A family alone ("claude") names no model, though a price list may match it loosely.
    if joined in FAMILIES and not joined[-1].isdigit():
        return None
    names = [joined, joined.replace(".", "-")]
    if words[0] in {"sonnet", "opus", "haiku"}:
        names = [f"claude-{name}" for name in names]
    # "Claude Sonnet 4.5" is claude-sonnet-4-5, and "Claude 3.5 Sonnet" claude-3-5-sonnet.
    return next((listed for name in names if (listed := find_model(name)) is not None), None)
