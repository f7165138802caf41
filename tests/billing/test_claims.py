"""One trial for a person, whatever the person calls itself, and whoever asks at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from billing import services
from billing.claims import digests_of
from billing.errors import TrialRefusal, TrialRefused
from billing.models import Grant, TierChange, TrialClaim, TrialPolicy
from billing.selectors import entitlements_of
from billing.tiers import Tier
from billing.trials import DAY, ClaimKind
from tests.billing.conftest import MakeGrant, MakePerson

pytestmark = pytest.mark.django_db
# One mailbox, as a thrifty person writes it.
SPELLINGS = [
    "ann.lee@gmail.com",
    "annlee@gmail.com",
    "a.n.n.l.e.e@gmail.com",
    "annlee+one@gmail.com",
    "ann.lee+two@googlemail.com",
    "ANNLEE@GoogleMail.com",
]


def refusal(user: User) -> TrialRefusal:
    with pytest.raises(TrialRefused) as error, transaction.atomic():
        services.start_trial(user=user)
    assert not Grant.objects.filter(user=user, kind="trial").exists()
    return error.value.reason


def leave(user: User) -> None:
    """What deletion leaves of an account: its row, its history, and no address."""
    for grant in Grant.objects.filter(user=user, revoked_at=None):
        services.revoke(grant=grant, reason="account deleted", actor=None)
    user.email, user.is_active, user.verified_at = f"{user.public_id}@deleted.invalid", False, None
    user.save()


@pytest.mark.parametrize("spelling", SPELLINGS[1:])
def test_one_mailbox_has_one_trial(make_person: MakePerson, spelling: str) -> None:
    services.start_trial(user=make_person(SPELLINGS[0]))
    assert refusal(make_person(spelling)) is TrialRefusal.ALREADY_USED


def test_whoever_deletes_an_account_and_returns_has_had_it(make_person: MakePerson) -> None:
    first = make_person("ann@gmail.com")
    services.start_trial(user=first)
    leave(first)
    assert refusal(make_person("ann@gmail.com")) is TrialRefusal.ALREADY_USED
    assert refusal(make_person("a.nn+new@googlemail.com")) is TrialRefusal.ALREADY_USED
    assert entitlements_of(first).tier is Tier.FREE


def came_by(user: User, subject: str = "1") -> None:
    services.remember_identity(user=user, issuer="https://provider.example", subject=subject)


def test_another_provider_with_the_same_mailbox_gives_none(make_person: MakePerson) -> None:
    services.start_trial(user=make_person("ann@gmail.com"))
    by_google = make_person("an.n@gmail.com")
    came_by(by_google)
    assert refusal(by_google) is TrialRefusal.ALREADY_USED


@pytest.mark.parametrize("linked", ["before", "after"])
def test_the_same_identity_with_another_mailbox_gives_none(
    make_person: MakePerson, linked: str
) -> None:
    first, second = make_person("ann@gmail.com"), make_person("bob@gmail.com")
    if linked == "before":
        came_by(first)
    services.start_trial(user=first)
    if linked == "after":
        came_by(first)
    leave(first)
    came_by(second)
    assert refusal(second) is TrialRefusal.ALREADY_USED


def test_another_identity_is_another_person(make_person: MakePerson) -> None:
    first, second = make_person("ann@gmail.com"), make_person("bob@gmail.com")
    came_by(first, "1")
    came_by(first, "1")
    came_by(second, "2")
    assert services.start_trial(user=first).pk != services.start_trial(user=second).pk


def test_an_address_that_was_changed_to_is_used_up_as_well(make_person: MakePerson) -> None:
    person = make_person("ann@gmail.com")
    services.start_trial(user=person)
    person.email = "bob@gmail.com"
    person.save(update_fields=["email"])
    assert services.start_trial_of_verified(user=person) is None
    leave(person)
    assert refusal(make_person("bob@gmail.com")) is TrialRefusal.ALREADY_USED


def test_a_strangers_address_is_not_used_up_by_typing_it(
    make_person: MakePerson, give: MakeGrant
) -> None:
    thief = make_person("ann@gmail.com", verified=False)
    give(thief, Tier.EARLY, kind="trial", days=5)
    assert services.start_trial(user=make_person("ann@gmail.com".replace("a", "a.", 1)))


def test_a_refused_trial_uses_nothing_up(make_person: MakePerson, give: MakeGrant) -> None:
    person = make_person("ann@gmail.com")
    give(person, Tier.EARLY, kind="subscription", days=10)
    assert refusal(person) is TrialRefusal.BASE_TIER
    assert not TrialClaim.objects.exists()
    with time_machine.travel(timezone.now() + 11 * DAY):
        services.start_trial(user=person)


def test_colleagues_have_a_trial_each(make_person: MakePerson) -> None:
    for name in ("ann", "bob", "eve"):
        services.start_trial(user=make_person(f"{name}@acme-corp.com"))
    places = TrialClaim.objects.filter(kind="organisation").order_by("place")
    assert list(places.values_list("place", flat=True)) == [1, 2, 3]


def test_a_policy_may_bound_the_trials_of_an_organisation(make_person: MakePerson) -> None:
    TrialPolicy.objects.filter(mailbox_kind="business").update(trials_per_organisation=2)
    services.start_trial(user=make_person("ann@acme-corp.com"))
    services.start_trial(user=make_person("bob@mail.acme-corp.com"))
    assert refusal(make_person("eve@acme-corp.com")) is TrialRefusal.ORGANISATION
    services.start_trial(user=make_person("eve@other-corp.com"))
    assert TrialClaim.objects.filter(kind="organisation").count() == 3


def test_no_address_and_no_identity_is_stored(make_person: MakePerson) -> None:
    person = make_person("ann@acme-corp.com")
    came_by(person)
    services.start_trial(user=person)
    claims = TrialClaim.objects.order_by("kind").values_list("kind", "digest")
    assert [kind for kind, _ in claims] == ["identity", "mailbox", "organisation"]
    assert all(len(digest) == 64 and int(digest, 16) for _, digest in claims)


def test_a_key_that_was_replaced_still_knows_whoever_had_one(
    make_person: MakePerson, settings: Settings
) -> None:
    TrialPolicy.objects.filter(mailbox_kind="business").update(trials_per_organisation=1)
    ann, eve = make_person("ann@acme-corp.com"), make_person("eve@gmail.com")
    came_by(ann)
    services.start_trial(user=ann)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, that has come into use after the first trial was started"
    assert len(digests_of(ClaimKind.MAILBOX, "ann@acme-corp.com")) == 2
    assert refusal(make_person("ann+2@acme-corp.com")) is TrialRefusal.ALREADY_USED
    assert refusal(make_person("bob@acme-corp.com")) is TrialRefusal.ORGANISATION
    came_by(eve)
    assert refusal(eve) is TrialRefusal.ALREADY_USED


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM billing_trialclaim",
        "UPDATE billing_trialclaim SET digest = 'x'",
        "TRUNCATE billing_trialclaim",
    ],
)
def test_a_claim_is_never_undone(make_person: MakePerson, statement: str) -> None:
    services.start_trial(user=make_person("ann@gmail.com"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
    assert TrialClaim.objects.filter(kind="mailbox").count() == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({}, "trial_claim_once"),
        ({"kind": "shoe size", "digest": "b"}, "trial_claim_kind_known"),
        ({"place": 2}, "trial_claim_person_has_one"),
        ({"kind": "organisation", "place": 0}, "trial_claim_person_has_one"),
    ],
)
def test_no_such_claim(user: User, fields: dict[str, object], constraint: str) -> None:
    whole = {"kind": "mailbox", "digest": "a", "tier": Tier.EARLY, "user": user}
    TrialClaim.objects.create(**whole)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        TrialClaim.objects.create(**(whole | fields))


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    """What each of them gave or refused, when all begin in the same moment."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        try:
            start.wait(timeout=30)
            return act()
        except TrialRefused as refused:
            return refused.reason
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


@pytest.mark.django_db(transaction=True)
def test_thirty_two_starts_of_one_account_at_once_give_one_trial(make_person: MakePerson) -> None:
    person = make_person("ann@gmail.com")
    answers = at_once([lambda: services.start_trial(user=person)] * 32)
    [trial] = [answer for answer in answers if isinstance(answer, Grant)]
    assert answers.count(TrialRefusal.ALREADY_USED) == 31
    assert list(Grant.objects.filter(kind="trial")) == [trial]
    assert [row.after for row in TierChange.objects.filter(user=person)] == [Tier.EARLY]


@pytest.mark.django_db(transaction=True)
def test_thirty_two_accounts_of_one_mailbox_at_once_give_one_trial(
    make_person: MakePerson,
) -> None:
    people = [make_person(f"ann+{number}@gmail.com") for number in range(32)]
    for person in people[::2]:
        came_by(person)

    def starting(person: User) -> Callable[[], object]:
        return lambda: services.start_trial(user=person)

    answers = at_once([starting(person) for person in people])
    assert sum(isinstance(answer, Grant) for answer in answers) == 1
    assert answers.count(TrialRefusal.ALREADY_USED) == 31
    assert Grant.objects.filter(kind="trial").count() == 1
    assert TrialClaim.objects.filter(kind="mailbox").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_places_of_an_organisation_are_given_out_once(make_person: MakePerson) -> None:
    TrialPolicy.objects.filter(mailbox_kind="business").update(trials_per_organisation=5)
    people = [make_person(f"p{number}@acme-corp.com") for number in range(16)]

    def starting(person: User) -> Callable[[], object]:
        return lambda: services.start_trial(user=person)

    answers = at_once([starting(person) for person in people])
    assert sum(isinstance(answer, Grant) for answer in answers) == 5
    assert answers.count(TrialRefusal.ORGANISATION) == 11
    claims = TrialClaim.objects.filter(kind="mailbox").count()
    assert claims == 5


@pytest.mark.django_db(transaction=True)
def test_extensions_at_once_never_pass_thirty_days(make_person: MakePerson) -> None:
    person = make_person("ann@gmail.com")
    trial = services.start_trial(user=person)
    answers = at_once(
        [lambda: services.extend_trial(user=person, days=5, reason="x", actor=None)] * 8
    )
    assert answers.count(TrialRefusal.DAYS_OF_TRIAL) == 5
    trial.refresh_from_db()
    assert trial.ends_at == trial.starts_at + 29 * DAY
