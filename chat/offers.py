"""Which models a user may choose, in the order in which they answer and stand in."""

from typing import Final

from django.conf import settings
from msgspec import Struct

from accounts.models import User
from billing.selectors import entitlements_of
from billing.tiers import Tier
from chat.errors import ModelNotFound
from chat.models import AgentModel, Thread
from netra.ids import ModelID

# More would be no choice, and each may be asked in turn before a run gives up.
MODELS_MAX: Final = 20
# The model of the environment is a row that nobody can edit.
ENVIRONMENT: Final = "environment"


class Offer(Struct, frozen=True, kw_only=True):
    """A model to choose; `row` is None for the one of the environment."""

    model: str
    name: str
    row: AgentModel | None = None

    @property
    def is_default(self) -> bool:
        return self.row is not None and self.row.is_default


class LockedView(Struct, frozen=True, kw_only=True):
    """A model that a higher plan has, from `tier` on."""

    name: str
    tier: str


class OfferView(Struct, frozen=True, kw_only=True):
    """An offer as a client sees it; the first of a list is the default."""

    model: str
    name: str


def offers_for(user: User) -> list[Offer]:
    """What the user's plan allows, the default first; none where only the assistant answers."""
    rows = list(AgentModel.objects.filter(is_enabled=True)[:MODELS_MAX])
    # Most installations have no row, or rows for everybody: they ask no further.
    is_for_all = all(row.lowest_tier == Tier.FREE.value for row in rows)
    tier = Tier.FREE if is_for_all else entitlements_of(user).tier
    offers = [
        Offer(model=row.public_id, name=row.name, row=row)
        for row in rows
        if Tier(row.lowest_tier) <= tier
    ]
    if settings.NETRA_MODEL_URL:
        offers.insert(0, Offer(model=ENVIRONMENT, name=settings.NETRA_MODEL_NAME))
    return sorted(offers, key=lambda offer: not offer.is_default)


def offer_views(user: User) -> list[OfferView]:
    return [OfferView(model=offer.model, name=offer.name) for offer in offers_for(user)]


def locked_for(user: User) -> list[LockedView]:
    """The models that the user's plan lacks, for whoever thinks of another one."""
    rows = list(AgentModel.objects.filter(is_enabled=True)[:MODELS_MAX])
    if all(row.lowest_tier == Tier.FREE.value for row in rows):
        return []
    tier = entitlements_of(user).tier
    return [
        LockedView(name=row.name, tier=row.lowest_tier)
        for row in rows
        if Tier(row.lowest_tier) > tier
    ]


def choose(*, user: User, thread: Thread, model: str | None) -> None:
    """Let a thread be answered by this model from now on, None: as before; raises ModelNotFound."""
    if model is None or model == thread.model_choice:
        return
    if all(offer.model != model for offer in offers_for(user)):
        raise ModelNotFound
    Thread.objects.filter(pk=thread.pk).update(model_choice=model)


def name_of(model: str) -> str:
    """How a model was called that is not offered any more."""
    try:
        known = ModelID(model)
    except ValueError:
        return settings.NETRA_MODEL_NAME or "the model"
    names = AgentModel.objects.filter(public_id=known).values_list("name", flat=True)
    return names.first() or "the model"
