"""Texts that people keep to ask with again."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from netra.ids import PromptID


def new_prompt_id() -> str:
    return PromptID.new()


class Prompt(models.Model):
    """A text under a name that begins it; `{{…}}` in it is a place to be filled."""

    public_id = models.CharField(max_length=48, unique=True, default=new_prompt_id, editable=False)
    user = models.ForeignKey(
        # Its own index is the one of the names.
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="prompts", db_index=False,
    )  # fmt: skip
    name = models.CharField(max_length=60)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("user", Lower("name"), name="prompt_name_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="prompt_has_name"),
            models.CheckConstraint(condition=~models.Q(text=""), name="prompt_has_text"),
        ]

    def __str__(self) -> str:
        return self.name
