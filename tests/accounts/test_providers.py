"""The three flows against real servers: what is asked, who comes back, and what is refused."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEvent, AuditKind, IdentityEvidence, User
from billing.models import Grant
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.accounts.providers import DOORS, Providers, ask, asked, come_by, consent, who
from tests.fakes.oauth_provider import CLIENT_ID, Spoil
from tests.minutes import begin_within_a_minute

pytestmark = pytest.mark.django_db

EVERY = pytest.mark.parametrize("name", list(DOORS))


def nothing_happened(client: Client) -> bool:
    return who(client) is None and not (
        User.objects.exists() or IdentityEvidence.objects.exists() or Grant.objects.exists()
    )


def refusals() -> list[str]:
    rows = AuditEvent.objects.filter(kind=AuditKind.PROVIDER_REFUSED)
    return [row.details["reason"] for row in rows]


@EVERY
def test_a_new_person_is_signed_in_verified_and_has_one_identity(
    client: Client, providers: Providers, name: str
) -> None:
    answer = come_by(client, name)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/chat/")
    assert client.get("/chat/").status_code == 200
    user, identity = User.objects.get(), IdentityEvidence.objects.get()
    assert who(client) == user == identity.user
    assert (user.email, user.joined_by) == ("ada@gmail.com", "provider")
    assert user.verified_at is not None
    assert not user.has_usable_password()
    assert (identity.provider, identity.verified) == (name, True)
    assert identity.issuer == providers[name].base_url


@EVERY
def test_who_comes_again_is_the_same_user(client: Client, providers: Providers, name: str) -> None:
    come_by(client, name)
    other = Client()
    come_by(other, name)
    assert who(other) == who(client) == User.objects.get()
    assert IdentityEvidence.objects.count() == Grant.objects.filter(kind="provider").count() == 1


def test_what_each_provider_is_asked(client: Client, providers: Providers) -> None:
    sent = {name: asked(ask(client, name)) for name in DOORS}
    for name, query in sent.items():
        assert query["client_id"] == CLIENT_ID
        assert query["redirect_uri"] == f"http://testserver{DOORS[name]}callback/"
        assert len(query["state"]) >= 16
    assert {name for name in sent if sent[name].get("code_challenge_method") == "S256"} == {
        "google",
        "github",
    }
    assert {name for name in sent if "nonce" in sent[name]} == {"google"}
    assert {name: set(query["scope"].split()) for name, query in sent.items()} == {
        "google": {"openid", "email"},
        "github": {"user:email"},
        "linkedin": {"openid", "email"},
    }


BAD_TOKENS = [spoil for spoil in Spoil if spoil not in (Spoil.NOTHING, Spoil.NONCE, Spoil.NO_NONCE)]


@pytest.mark.parametrize("spoil", BAD_TOKENS)
@pytest.mark.parametrize("name", ["google", "linkedin"])
def test_a_token_that_is_not_right_in_every_way_is_refused(
    client: Client, providers: Providers, name: str, spoil: Spoil
) -> None:
    come_by(Client(), name)
    providers[name].spoil = spoil
    providers.is_now(name, "eve@gmail.com", subject="666")
    answer = come_by(client, name)
    assert answer.status_code == 401
    assert who(client) is None
    assert User.objects.count() == 1
    assert len(refusals()) == 1


@pytest.mark.parametrize("spoil", [Spoil.NONCE, Spoil.NO_NONCE])
def test_googles_token_must_carry_the_nonce_of_this_request(
    client: Client, providers: Providers, spoil: Spoil
) -> None:
    providers.google.spoil = spoil
    assert come_by(client, "google").status_code == 401
    assert nothing_happened(client)
    assert refusals() == ["nonce"]


def test_a_new_key_is_fetched_when_a_token_names_it(client: Client, providers: Providers) -> None:
    come_by(Client(), "google")
    providers.google.key_id = "rotated"
    come_by(client, "google")
    assert who(client) is not None


STATES = ["", "wrong", "x" * 10_000, "'; DROP TABLE accounts_user; --", "\x00"]


@EVERY
@pytest.mark.parametrize("state", STATES)
def test_a_state_that_is_not_ours_is_refused(
    client: Client, providers: Providers, name: str, state: str
) -> None:
    ask(client, name)
    answer = client.get(f"{DOORS[name]}callback/", {"code": "code", "state": state})
    assert answer.status_code == 401
    assert nothing_happened(client)
    assert refusals() == ["state"]


@EVERY
def test_a_state_of_another_browser_is_refused(
    client: Client, providers: Providers, name: str
) -> None:
    back = consent(ask(client, name))
    stranger = Client()
    ask(stranger, name)
    assert stranger.get(back).status_code == 401
    assert nothing_happened(stranger)
    assert refusals() == ["state"]


@pytest.mark.parametrize("other", ["github", "linkedin"])
def test_a_state_of_another_provider_is_refused(
    client: Client, providers: Providers, other: str
) -> None:
    back = consent(ask(client, "google")).replace(DOORS["google"], DOORS[other])
    assert client.get(back).status_code == 401
    assert nothing_happened(client)
    assert refusals() == ["state"]


@EVERY
def test_state_and_code_work_once(client: Client, providers: Providers, name: str) -> None:
    back = consent(ask(client, name))
    client.get(back)
    client.logout()
    assert client.get(back).status_code == 401
    assert who(client) is None
    # The code alone, under a state that is good.
    place = consent(ask(client, name))
    code, state = asked(back)["code"], asked(place)["state"]
    again = client.get(f"{DOORS[name]}callback/", {"code": code, "state": state})
    assert again.status_code == 401
    assert who(client) is None
    assert len(refusals()) == 2


@EVERY
@pytest.mark.parametrize(("minutes", "signed_in"), [(9, True), (11, False)])
def test_a_state_lives_for_ten_minutes(
    client: Client, providers: Providers, name: str, minutes: int, signed_in: bool
) -> None:
    place = ask(client, name)
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True):
        client.get(consent(place))
        assert (who(client) is not None) == signed_in
    assert refusals() == ([] if signed_in else ["state"])


@EVERY
def test_a_stolen_code_is_worth_nothing_in_another_browser(
    client: Client, providers: Providers, name: str
) -> None:
    stolen = asked(consent(ask(Client(), name)))["code"]
    mine = asked(consent(ask(client, name)))["state"]
    answer = client.get(f"{DOORS[name]}callback/", {"code": stolen, "state": mine})
    if name == "linkedin":  # no PKCE there: the code is bound to the client alone
        return
    assert answer.status_code == 401
    assert nothing_happened(client)


@EVERY
@pytest.mark.parametrize(
    "parameter",
    ["scope", "auth_params", "redirect_uri", "action", "state", "client_id", "tier", "prompt"],
)
def test_parameters_that_would_rewrite_the_request_are_refused(
    client: Client, providers: Providers, name: str, parameter: str
) -> None:
    for answer in (
        client.post(DOORS[name], query_params={parameter: "x"}),
        client.post(DOORS[name], {parameter: "x"}),
        client.get(DOORS[name], {parameter: "x"}),
    ):
        assert answer.status_code == 400
    assert refusals() == ["parameters"] * 3


@pytest.mark.parametrize("process", ["redirect", "admin", ""])
def test_a_process_of_no_kind_of_ours_is_refused(
    client: Client, providers: Providers, process: str
) -> None:
    answer = client.post(DOORS["google"], query_params={"process": process})
    assert answer.status_code == 400


@EVERY
def test_who_says_no_at_the_provider_is_not_a_refusal(
    client: Client, providers: Providers, name: str
) -> None:
    state = asked(ask(client, name))["state"]
    answer = client.get(f"{DOORS[name]}callback/", {"error": "access_denied", "state": state})
    assert answer.headers["Location"] == "/accounts/3rdparty/login/cancelled/"
    assert b"You changed your mind" in client.get(answer.headers["Location"]).content
    assert refusals() == []


ANSWERS = [
    {},
    [],
    "text",
    1,
    {"access_token": ""},
    {"access_token": None},
    {"access_token": 1},
    {"access_token": "x" * 10_000},
    {"access_token": "a\r\nHost: evil", "id_token": "x"},
    {"access_token": "unknown", "id_token": {"a": 1}, "expires_in": "soon"},
]


@EVERY
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_the_token_endpoint_that_is_none_is_refused(
    client: Client, providers: Providers, name: str, answer: object
) -> None:
    providers[name].token_answer = answer
    assert come_by(client, name).status_code == 401
    assert nothing_happened(client)
    assert len(refusals()) == 1


BROKEN = [
    ("google", "/token"),
    ("google", "/jwks"),
    ("github", "/login/oauth/access_token"),
    ("github", "/api/v3/user"),
    ("github", "/api/v3/user/emails"),
    ("linkedin", "/token"),
    ("linkedin", "/jwks"),
    ("linkedin", "/me"),
]


@pytest.mark.parametrize(("name", "path"), BROKEN)
def test_a_provider_that_fails_half_way_signs_nobody_in(
    client: Client, providers: Providers, name: str, path: str
) -> None:
    providers[name].broken[path] = 500
    assert come_by(client, name).status_code == 401
    assert nothing_happened(client)
    assert len(refusals()) == 1


def test_linkedin_that_cannot_be_asked_is_said_at_the_door(
    client: Client, providers: Providers
) -> None:
    providers.linkedin.broken["/.well-known/openid-configuration"] = 503
    assert client.post(DOORS["linkedin"]).status_code == 401
    assert refusals() == ["TokenRefused: provider_away"]


BAD_SUBJECTS = [None, "", "1" * 10_000, 10**400, -1, True, "1\x00", {"a": 1}]


@EVERY
@pytest.mark.parametrize("subject", BAD_SUBJECTS, ids=[str(n) for n in range(8)])
def test_what_is_no_subject_signs_nobody_in(
    client: Client, providers: Providers, name: str, subject: object
) -> None:
    providers.is_now(name, "ada@gmail.com", subject=subject)
    assert come_by(client, name).status_code == 401
    assert nothing_happened(client)


@EVERY
@pytest.mark.parametrize(
    "email", [None, "", "'; DROP TABLE accounts_user; --", "a" * 10_000 + "@acme.org", 1]
)
def test_without_an_address_there_is_no_account(
    client: Client, providers: Providers, name: str, email: object
) -> None:
    providers.is_now(name, email)
    answer = come_by(client, name)
    assert answer.status_code == 403
    assert b"gave us no address" in answer.content
    assert nothing_happened(client)


@EVERY
@pytest.mark.parametrize("verified", ["true", "false", 1, 0, None, False, [True]])
def test_only_the_boolean_true_verifies(
    client: Client, providers: Providers, name: str, verified: object
) -> None:
    providers.is_now(name, "ada@gmail.com", verified=verified)
    assert come_by(client, name).status_code == 302
    user = User.objects.get()
    assert user.verified_at is None
    assert entitlements_of(user).base_tier is Tier.FREE
    assert not Grant.objects.exists()


@EVERY
def test_a_provider_without_a_client_has_no_door(client: Client, name: str) -> None:
    assert client.get(DOORS[name]).status_code == 404
    assert client.get(f"{DOORS[name]}callback/").status_code == 404
    assert b"Continue with" not in client.get("/accounts/login/").content


def test_doors_that_allauth_would_open_are_not_served(client: Client, providers: Providers) -> None:
    for place in ("google/login/token/", "oidc/other/login/", "3rdparty/signup/"):
        assert client.get(f"/accounts/{place}").status_code == 404
        assert client.post(f"/accounts/{place}", {"credential": "x"}).status_code == 404


def test_a_form_for_a_provider_is_protected_against_other_sites(providers: Providers) -> None:
    assert Client(enforce_csrf_checks=True).post(DOORS["google"]).status_code == 403


@pytest.mark.parametrize(
    ("place", "leads_to"),
    [("/accounts/email/", "/accounts/email/"), ("https://evil.example/", "/chat/")],
)
def test_only_a_named_route_of_ours_is_a_next(
    client: Client, providers: Providers, place: str, leads_to: str
) -> None:
    assert come_by(client, "google", next=place).headers["Location"] == leads_to


@EVERY
def test_the_doors_of_a_network_are_limited(
    client: Client, providers: Providers, settings: Settings, name: str
) -> None:
    settings.ACCOUNTS_LIMITS = {**settings.ACCOUNTS_LIMITS, "provider": (2, 60)}
    begin_within_a_minute(5)
    come_by(client, name)
    for refused in (client.post(DOORS[name]), client.get(f"{DOORS[name]}callback/")):
        assert refused.status_code == 429
        assert refused.headers["Retry-After"]
    assert refusals() == []
