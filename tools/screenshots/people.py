"""Who is in the pictures: run by `manage.py shell` on the data that they are taken of."""

from django.utils import timezone

from accounts.models import User
from accounts.services import mark_verified, sign_up
from billing.services import consume, grant, override_feature
from billing.tiers import Tier
from chat.models import AgentModel
from tools.screenshots.shots import PASSWORD, Person

# Discard: nobody listens.
NOWHERE = "http://127.0.0.1:9/v1"


def make_people() -> None:
    made = {person: _made(person) for person in Person if person is not Person.STRANGER}
    operator, limited, unlucky = (
        made[each] for each in (Person.OPERATOR, Person.LIMITED, Person.UNLUCKY)
    )
    operator.is_staff = operator.is_superuser = True
    operator.save(update_fields=["is_staff", "is_superuser"])
    override_feature(
        user=limited,
        feature="runs_month",
        value=1,
        starts_at=timezone.now(),
        ends_at=None,
        reason="for a picture of a limit",
        actor=operator,
    )
    consume(user=limited, feature="runs_month", amount=1, key="picture")
    grant(
        user=unlucky,
        kind="manual",
        tier=Tier.MID,
        starts_at=timezone.now(),
        ends_at=None,
        reason="for a picture of a failure",
        actor=operator,
    )
    AgentModel.objects.create(
        name="A model that is away", url=NOWHERE, model_id="none", lowest_tier=Tier.MID.value
    )


def _made(person: Person) -> User:
    user = sign_up(email=person.address, password=PASSWORD)
    mark_verified(user=user)
    user.name = "Ada"
    user.save(update_fields=["name"])
    return user
