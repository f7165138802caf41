"""What a newcomer may ask with one click: what is sure to be answered well by who answers."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct


class Example(Struct, frozen=True, kw_only=True):
    """`with_sample` sends the sample data along."""

    title: str | Promise
    text: str
    with_sample: bool = False


# The assistant understands English; only what stands above a question is translated.
OF_THE_ASSISTANT: Final = (
    Example(
        title=_("Where does our money go?"),
        text="Where does the money go in this usage export?",
        with_sample=True,
    ),
    Example(
        title=_("Which model is slow?"),
        text="Which model is the slowest, and how bad is its tail?",
        with_sample=True,
    ),
    Example(
        title=_("Compare prices"),
        text="What would 10 million input and 2 million output tokens cost on gpt-4o "
        "and on gpt-4o-mini?",
    ),
    Example(title=_("Calculate"), text="What is 18.5% of 12,480?"),
    Example(title=_("How it works"), text="What happens to my answer when a worker crashes?"),
    Example(title=_("See everything once"), text="/demo"),
)
OF_A_MODEL: Final = (
    Example(
        title=_("Where does our money go?"),
        text="Where does the money go in this usage export, and what would you change first?",
        with_sample=True,
    ),
    Example(
        title=_("Explain"),
        text="Explain prompt caching to somebody who pays for it, with a small example.",
    ),
    Example(
        title=_("Weigh up"),
        text="Compare streaming and batch processing for nightly reports in a table.",
    ),
    Example(
        title=_("Draft"),
        text="Draft a short mail to our team: from Monday on a smaller model answers by default.",
    ),
)
