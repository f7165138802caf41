"""The models that operators connect: where they are, who may use them, who stands in for whom."""

from typing import ClassVar, Final

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from billing.tiers import Tier
from netra.env import Secret
from netra.ids import ModelID
from netra.sealed import unseal

NO_KEY: Final = Secret("")
# Known to the web process by its name alone.
TEST_TASK: Final = "chat.runs.tasks.test_model"


def new_model_id() -> str:
    return ModelID.new()


class Protocol(models.TextChoices):
    """What a model's provider speaks."""

    OPENAI = "openai", "OpenAI-compatible"
    ANTHROPIC = "anthropic", "Anthropic"


class AgentModel(models.Model):
    """A connected model; `place` is its turn to stand in for one that fails."""

    public_id = models.CharField(max_length=48, unique=True, default=new_model_id, editable=False)
    name = models.CharField(max_length=64, help_text="What users see.")
    protocol = models.CharField(max_length=16, choices=Protocol, default=Protocol.OPENAI)
    url = models.CharField(
        "address",
        max_length=500,
        blank=True,
        help_text="Up to the version, such as https://api.openai.com/v1. Anthropic's own may "
        "stay empty.",
    )
    model_id = models.CharField("model", max_length=128, help_text="As its provider names it.")
    sealed_key = models.TextField(blank=True, editable=False)
    lowest_tier = models.CharField(
        max_length=16,
        choices=[(tier.value, tier.value) for tier in Tier],
        default=Tier.FREE.value,
        help_text="Users of this plan and of higher ones may choose it.",
    )
    is_default = models.BooleanField(
        "default", default=False, help_text="It answers where nothing else was chosen."
    )
    place = models.PositiveSmallIntegerField(
        default=0, help_text="Models with a lower one stand in first for a model that fails."
    )
    is_enabled = models.BooleanField("enabled", default=True)
    thinks = models.BooleanField(
        "shows thoughts",
        default=False,
        help_text="Asks for its thoughts; only for models that can give them.",
    )
    takes_images = models.BooleanField(
        "takes images",
        default=False,
        db_default=False,
        help_text="It is shown the images that users attach; only for models that can see.",
    )
    context_tokens = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1000)],
        help_text="How much it reads at most. Empty: as the price list says, if it knows the "
        "model.",
    )
    tested_at = models.DateTimeField(null=True, editable=False)
    has_passed = models.BooleanField("works", null=True, editable=False)
    test_told = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        verbose_name = "model"
        ordering: ClassVar[list[str]] = ["place", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("name"),
                name="agent_model_name_once",
                violation_error_message="Another model has this name.",
            ),
            models.UniqueConstraint(
                "is_default",
                condition=models.Q(is_default=True),
                name="agent_model_one_default",
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(is_enabled=True),
                name="agent_model_default_is_enabled",
                violation_error_message="The default model must be enabled.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> Secret:
        """Raises netra.sealed.Unreadable."""
        return unseal(self.sealed_key) if self.sealed_key else NO_KEY
