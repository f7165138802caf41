"""The prompt library: named texts of a user, kept to be asked with again."""

from typing import Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from msgspec import Struct

from accounts.models import User
from chat.errors import PromptNameTaken, PromptNotFound, TooManyPrompts
from chat.models import Prompt, public_id
from chat.protocol.events import timestamp
from netra.ids import PromptID

PROMPTS_MAX: Final = 100


class PromptRow(Struct, frozen=True, kw_only=True):
    """A prompt as a client sees it."""

    prompt_id: str
    name: str
    text: str
    updated_at: str


def prompts_of(user: User) -> list[PromptRow]:
    """The user's prompts, by name."""
    return [_row(one) for one in Prompt.objects.filter(user=user).order_by(Lower("name"), "pk")]


def make_prompt(*, user: User, name: str, text: str) -> PromptRow:
    """A new prompt; raises PromptNameTaken, TooManyPrompts."""
    try:
        with transaction.atomic():
            # Of two that are made at once the second counts the first.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if Prompt.objects.filter(user=user).count() >= PROMPTS_MAX:
                raise TooManyPrompts
            return _row(Prompt.objects.create(user=user, name=name, text=text))
    except IntegrityError as error:
        raise _refusal(error) from None


def change_prompt(
    *, user: User, prompt_id: str, name: str | None = None, text: str | None = None
) -> PromptRow:
    """Another name or text, what is None stays; raises PromptNotFound, PromptNameTaken."""
    try:
        with transaction.atomic():
            prompt = _held(user, prompt_id)
            prompt.name = prompt.name if name is None else name
            prompt.text = prompt.text if text is None else text
            prompt.updated_at = timezone.now()
            prompt.save(update_fields=["name", "text", "updated_at"])
            return _row(prompt)
    except IntegrityError as error:
        raise _refusal(error) from None


def delete_prompt(*, user: User, prompt_id: str) -> None:
    """Remove a prompt; raises PromptNotFound."""
    with transaction.atomic():
        _held(user, prompt_id).delete()


def _held(user: User, prompt_id: str) -> Prompt:
    known = public_id(PromptID, prompt_id)
    mine = Prompt.objects.select_for_update().filter(public_id=known, user=user)
    prompt = mine.first() if known else None
    if prompt is None:
        raise PromptNotFound
    return prompt


def _row(prompt: Prompt) -> PromptRow:
    return PromptRow(
        prompt_id=prompt.public_id,
        name=prompt.name,
        text=prompt.text,
        updated_at=timestamp(prompt.updated_at),
    )


def _refusal(error: IntegrityError) -> Exception:
    return PromptNameTaken() if "prompt_name_once" in str(error) else error
