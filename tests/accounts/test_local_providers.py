"""The providers' flows against servers that others wrote, over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from accounts import endpoints, id_tokens, services
from accounts.models import AuditKind, User
from billing.selectors import entitlements_of
from billing.tiers import Tier
from netra import stand_ins
from tests.accounts.people import PASSWORD
from tests.accounts.providers import DOORS, ask, asked, audited, who
from tests.accounts.stand_ins import consent, running

pytestmark = pytest.mark.django_db

HOSTILE: Final = Path(__file__).resolve().parent.parent / "fakes" / "hostile_providers.mjs"


def clients(addresses: dict[str, str]) -> list[endpoints.Client]:
    return [
        endpoints.Client(
            provider=name,
            client_id=stand_ins.CLIENT_ID,
            secret=stand_ins.CLIENT_SECRET,
            base_url=address,
        )
        for name, address in addresses.items()
    ]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    log = tmp_path_factory.mktemp("providers") / "log"
    script, *arguments = stand_ins.arguments((0, 0, 0))
    with running(Path(script), *arguments, log=log, count=3) as found:
        yield found


@pytest.fixture
def local_providers(addresses: dict[str, str], settings: Settings) -> dict[str, str]:
    id_tokens.forget_documents()
    settings.SOCIALACCOUNT_PROVIDERS = endpoints.provider_settings(clients(addresses))
    return addresses


def visitor() -> Client:
    """A browser at the address that the stand-ins send back to."""
    return Client(SERVER_NAME="127.0.0.1")


@contextmanager
def new_here(person: str, name: str) -> Iterator[User]:
    """Somebody's first arrival, of whom nothing is left afterwards."""
    client = visitor()
    with transaction.atomic():
        come_as(person, name, client)
        user = who(client)
        assert user is not None, name
        yield user
        transaction.set_rollback(True)


def come_as(person: str, name: str, client: Client, **query: str) -> Any:
    return client.get(consent(ask(client, name, **query), person=person))


def test_one_person_signs_up_links_the_others_and_comes_back_by_each(
    local_providers: dict[str, str],
) -> None:
    client = visitor()
    assert come_as("ada", "google", client).headers["Location"] == "/chat/"
    user = who(client)
    assert user is not None
    for name in ("github", "linkedin"):
        come_as("ada", name, client, process="connect")
    assert set(user.identities.values_list("provider", flat=True)) == set(DOORS)
    for name in DOORS:
        again = visitor()
        come_as("ada", name, again)
        assert who(again) == user
    assert User.objects.count() == 1


PEOPLE: Final = {
    "ada": {"google": Tier.FREE, "github": Tier.EARLY, "linkedin": Tier.MID},
    "alan": {"google": Tier.FREE, "github": Tier.EARLY, "linkedin": Tier.FREE},
    "katherine": {"google": Tier.FREE, "github": Tier.FREE, "linkedin": Tier.FREE},
}


@pytest.mark.parametrize("person", PEOPLE)
def test_what_each_provider_says_of_a_person_is_worth_what_it_says(
    local_providers: dict[str, str], person: str
) -> None:
    found = {}
    for name in DOORS:
        with new_here(person, name) as user:
            found[name] = entitlements_of(user).base_tier
            assert (user.verified_at is None) == (person == "katherine")
    assert found == PEOPLE[person]


def test_a_hosted_domain_is_told_by_google_alone(local_providers: dict[str, str]) -> None:
    told = {}
    for name in DOORS:
        with new_here("grace", name) as user:
            told[name] = user.identities.get().hosted_domain
    assert told == {"google": "bright-harbour.com", "github": "", "linkedin": ""}


@pytest.mark.parametrize("name", DOORS)
def test_who_cancels_is_no_user_and_is_told_so(local_providers: dict[str, str], name: str) -> None:
    client = visitor()
    answer = client.get(consent(ask(client, name), person=""), follow=True)
    assert "You changed your mind" in answer.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["google", "github"])
def test_the_provider_itself_wants_the_proof_key_that_we_send(
    local_providers: dict[str, str], name: str
) -> None:
    place = ask(visitor(), name)
    assert asked(place)["code_challenge_method"] == "S256"
    without = place.replace("code_challenge=", "ignored=")
    assert "error=invalid_request" in consent(without, person="ada")


@pytest.fixture(scope="module")
def hostile_addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    log = tmp_path_factory.mktemp("hostile") / "log"
    with running(HOSTILE, log=log, count=1 + len(REFUSED)) as found:
        yield found


# What is wrong, at whom, and what our audit says of it.
REFUSED: Final = {
    "alg_none": ({"google", "linkedin"}, "InvalidAlgorithmError"),
    "public_key_as_secret": ({"google", "linkedin"}, "InvalidAlgorithmError"),
    "no_signature": ({"google", "linkedin"}, "InvalidSignatureError"),
    "rewritten": ({"google", "linkedin"}, "InvalidSignatureError"),
    "foreign_key": ({"google", "linkedin"}, "InvalidSignatureError"),
    "audience": ({"google", "linkedin"}, "InvalidAudienceError"),
    "issuer": ({"google", "linkedin"}, "InvalidIssuerError"),
    "expired": ({"google", "linkedin"}, "ExpiredSignatureError"),
    "not_yet": ({"google", "linkedin"}, "ImmatureSignatureError"),
    # LinkedIn sends no nonce back.
    "nonce": ({"google"}, "nonce"),
    "replayed": ({"google"}, "nonce"),
    "other_at_userinfo": ({"linkedin"}, "subject"),
    "verified_as_text": ({"google", "linkedin"}, "address_unproven"),
}

TOLD: Final = {
    401: (AuditKind.PROVIDER_REFUSED, "That did not work"),
    409: (AuditKind.LINK_REFUSED, "did not confirm your address"),
}


def point_at(address: str, settings: Settings) -> None:
    both = {"google": address, "linkedin": address}
    settings.SOCIALACCOUNT_PROVIDERS = endpoints.provider_settings(clients(both))


@pytest.mark.parametrize("name", ["google", "linkedin"])
def test_the_hostile_servers_are_believed_while_nothing_is_wrong(
    hostile_addresses: dict[str, str], settings: Settings, name: str
) -> None:
    point_at(hostile_addresses["nothing"], settings)
    client = visitor()
    come_as("", name, client)
    user = who(client)
    assert user is not None
    assert user.verified_at is not None


@pytest.mark.parametrize("spoil", REFUSED)
def test_a_token_with_one_thing_wrong_opens_nothing_and_is_told(
    hostile_addresses: dict[str, str], settings: Settings, spoil: str
) -> None:
    names, reason = REFUSED[spoil]
    point_at(hostile_addresses[spoil], settings)
    services.mark_verified(user=User.objects.create_user("ada@gmail.com", PASSWORD))
    for name in sorted(names):
        if spoil == "replayed":
            come_as("", name, visitor())  # the answer that is sent again
        client = visitor()
        answer = come_as("", name, client)
        kind, heading = TOLD[answer.status_code]
        assert heading in answer.content.decode()
        assert reason in audited(kind)[-1]["reason"]
        assert who(client) is None
    assert User.objects.count() == 1
