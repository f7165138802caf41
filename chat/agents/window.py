"""How much of a conversation a model is shown: whole turns, the newest first, and told so."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic_ai.messages import (
    ImageUrl,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    UserPromptPart,
)

# English has about four bytes of UTF-8 a token, other writing fewer: this errs towards too many.
BYTES_A_TOKEN = 3
# An image that fills what models look at.
IMAGE_TOKENS = 1600
# Instructions, the tools' schemas, their results and the answer itself need room, too.
RESERVED_TOKENS = 16_000
RESERVED_SHARE = 0.5
# A question and its answer.
MESSAGES_A_TURN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The earlier messages that a model is shown, and how many of the thread's it is not."""

    messages: list[ModelMessage] = field(default_factory=list)
    left_out: int

    @property
    def note(self) -> str:
        """What its user is told; empty where nothing is missing."""
        if not self.left_out:
            return ""
        return (
            f"The first {self.left_out} messages of this conversation were left out: together "
            "they are more than the model reads."
        )


def fitted(shown: Shown, *, tokens_max: int | None, beside_tokens: int) -> Shown:
    """Without the oldest turns that a model of this size has no room for, beside the rest."""
    if tokens_max is None or not shown.messages:
        return shown
    room = tokens_max - min(RESERVED_TOKENS, int(tokens_max * RESERVED_SHARE))
    room -= beside_tokens
    turns = _turns(shown.messages)
    kept: list[list[ModelMessage]] = []
    for turn in reversed(turns):
        room -= tokens_of(turn)
        if room < 0:
            break
        kept.insert(0, turn)
    return _with(shown, kept, without=len(turns) - len(kept))


def halved(shown: Shown) -> Shown:
    """Without the older half of its turns, at least one: the provider has found them too many."""
    turns = _turns(shown.messages)
    without = (len(turns) + 1) // 2
    return _with(shown, turns[without:], without=without)


def tokens_of(messages: Sequence[ModelMessage]) -> int:
    """About how many tokens they are, rather too many than too few."""
    written = len(ModelMessagesTypeAdapter.dump_json(list(messages))) // BYTES_A_TOKEN
    return written + sum(map(_images_in, messages)) * IMAGE_TOKENS


def _with(shown: Shown, turns: Sequence[list[ModelMessage]], *, without: int) -> Shown:
    messages = [message for turn in turns for message in turn]
    return Shown(messages=messages, left_out=shown.left_out + without * MESSAGES_A_TURN)


def _images_in(message: ModelMessage) -> int:
    prompts = [part for part in message.parts if isinstance(part, UserPromptPart)]
    return sum(isinstance(item, ImageUrl) for part in prompts for item in part.content)


def _turns(messages: Sequence[ModelMessage]) -> list[list[ModelMessage]]:
    """Each begins with what the user asked; a tool's return never stands without its call."""
    turns: list[list[ModelMessage]] = []
    for message in messages:
        asks = isinstance(message, ModelRequest) and any(
            isinstance(part, UserPromptPart) for part in message.parts
        )
        if asks or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns
