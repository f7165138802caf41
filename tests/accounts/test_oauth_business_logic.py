"""What signing in by a provider is worth, and that nobody gets more than that by any trick."""

import json
from itertools import product

import pytest
from django.test import Client

from accounts import identities, selectors, services
from accounts.mailbox import classify
from accounts.models import AuditEvent, AuditKind, DomainPolicy, ProviderTier, User
from accounts.policy import one_step_up
from billing import services as billing
from billing.errors import GrantRefused
from billing.models import Grant
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified
from tests.accounts.providers import DOORS, Providers, ask, come_by, consent, who

pytestmark = pytest.mark.django_db

# One address of each kind of mailbox.
ADDRESSES = {
    "consumer": "ada@gmail.com",
    "relay": "42+ada@users.noreply.github.com",
    "disposable": "ada@mailinator.com",
    "education": "ada@princeton.edu",
    "business": "ada@acme-corp.com",
    "reserved": "ada@example.com",
    "unknown": "ada@incognito.com",
}
TIERS = {"google": Tier.FREE, "github": Tier.EARLY, "linkedin": Tier.MID}
ANYBODYS = {"consumer", "relay", "disposable"}


def base(user: User) -> Tier:
    return entitlements_of(user).base_tier


def test_each_address_is_of_its_kind() -> None:
    assert {kind: classify(address).kind.value for kind, address in ADDRESSES.items()} == {
        kind: kind for kind in ADDRESSES
    }


@pytest.mark.parametrize(("name", "kind"), [*product(TIERS, ADDRESSES)])
def test_the_tier_of_every_provider_for_every_kind_of_mailbox(
    client: Client, providers: Providers, name: str, kind: str
) -> None:
    providers.is_now(name, ADDRESSES[kind])
    come_by(client, name)
    user = who(client)
    assert user is not None
    personal = name == "linkedin" and kind in ANYBODYS
    tier = Tier.FREE if personal else TIERS[name]
    assert base(user) is tier
    assert Grant.objects.get(user=user, kind="provider").tier is tier
    expected = one_step_up(tier) if kind == "business" else None
    assert selectors.recommended_tier(user) is expected


@pytest.mark.parametrize("kind", ADDRESSES)
def test_mail_alone_is_free_and_business_mail_recommends_early(kind: str) -> None:
    user = verified(ADDRESSES[kind])
    assert base(user) is Tier.FREE
    assert selectors.recommended_tier(user) is (Tier.EARLY if kind == "business" else None)


@pytest.mark.parametrize(("name", "kind"), [*product(TIERS, ADDRESSES)])
def test_an_unverified_address_is_worth_nothing(
    client: Client, providers: Providers, name: str, kind: str
) -> None:
    providers.is_now(name, ADDRESSES[kind], verified=False)
    come_by(client, name)
    user = who(client)
    assert user is not None
    assert (base(user), entitlements_of(user).trial) == (Tier.FREE, None)
    assert not Grant.objects.exists()
    assert selectors.recommended_tier(user) is None


def test_the_trial_is_of_what_is_recommended_and_above_what_is_granted(
    client: Client, providers: Providers
) -> None:
    providers.is_now("github", "ada@acme-corp.com")
    come_by(client, "github")
    user = who(client)
    assert user is not None
    trial = entitlements_of(user).trial
    assert trial is not None
    assert (trial.tier, entitlements_of(user).base_tier) == (Tier.MID, Tier.EARLY)


def test_a_domain_whose_policy_grants_gives_early_to_who_has_proven_it(
    providers: Providers,
) -> None:
    DomainPolicy.objects.create(domain="incognito.com", grants=True)
    assert base(verified("mail@incognito.com")) is Tier.EARLY
    by_hand = Client()
    providers.is_now("google", "hd@incognito.com", hosted_domain="incognito.com")
    come_by(by_hand, "google")
    found = who(by_hand)
    assert found is not None
    assert base(found) is Tier.EARLY
    assert Grant.objects.get(user=found, kind="domain").source == "domain:incognito.com"


@pytest.mark.parametrize(
    ("email", "hosted_domain"),
    [
        ("ada@incognito.com", None),
        ("ada@incognito.com", "other.com"),
        ("ada@gmail.com", "incognito.com"),
    ],
)
def test_a_domain_that_is_not_proven_is_not_granted(
    client: Client, providers: Providers, email: str, hosted_domain: str | None
) -> None:
    DomainPolicy.objects.create(domain="incognito.com", grants=True)
    providers.is_now("google", email, hosted_domain=hosted_domain)
    come_by(client, "google")
    user = who(client)
    assert user is not None
    assert base(user) is Tier.FREE


def test_a_policy_for_anybodys_mail_counts_for_nobody() -> None:
    DomainPolicy.objects.create(domain="gmail.com", grants=True)
    user = verified("ada@gmail.com")
    assert (base(user), selectors.recommended_tier(user)) == (Tier.FREE, None)


def test_a_domain_of_its_own_policy_is_not_recommended_where_that_says_no() -> None:
    DomainPolicy.objects.create(domain="acme-corp.com", recommends=False)
    assert selectors.recommended_tier(verified("ada@acme-corp.com")) is None


def test_a_domain_grant_ends_with_the_address(client: Client) -> None:
    DomainPolicy.objects.create(domain="incognito.com", grants=True)
    user = verified("ada@incognito.com")
    sign_in(client, user.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", {"email": "ada@gmail.com", "action_add": ""})
    client.post("/accounts/email/leave/", {"code": mailed_code()})
    client.post("/accounts/confirm-email/", {"code": mailed_code()})
    user.refresh_from_db()
    assert (user.email, base(user)) == ("ada@gmail.com", Tier.FREE)


def test_rows_decide_and_an_unknown_provider_is_free(
    providers: Providers,
) -> None:
    ProviderTier.objects.filter(provider="google").update(tier=Tier.MID)
    ProviderTier.objects.filter(provider="github").delete()
    come_by(Client(), "google")
    assert base(User.objects.get()) is Tier.MID
    providers.is_now("github", "bob@gmail.com")
    come_by(Client(), "github")
    assert base(User.objects.get(email="bob@gmail.com")) is Tier.FREE


def test_an_edit_of_a_row_takes_nothing_from_who_has_it(
    client: Client, providers: Providers
) -> None:
    come_by(client, "github")
    ProviderTier.objects.filter(provider="github").update(tier=Tier.FREE)
    come_by(client, "github")
    assert base(User.objects.get()) is Tier.EARLY


def test_the_highest_identity_counts_and_falls_away_with_it(
    client: Client, providers: Providers
) -> None:
    for name in DOORS:
        providers.is_now(name, "ada@acme-corp.com")
    come_by(client, "google")
    seen = [base(User.objects.get())]
    for name in ("github", "linkedin"):
        come_by(client, name, process="connect")
        seen.append(base(User.objects.get()))
    assert seen == [Tier.FREE, Tier.EARLY, Tier.MID]
    user = User.objects.get()
    for name in ("linkedin", "github"):
        identity = user.identities.get(provider=name)
        identities.unlink(user=user, identity=identity)
        seen.append(base(user))
    assert seen[3:] == [Tier.EARLY, Tier.FREE]


CLAIMS: list[dict[str, str]] = [
    {"tier": "enterprise"},
    {"plan": "mid"},
    {"role": "admin"},
    {"is_staff": "true"},
    {"is_superuser": "1"},
    {"trial_days": "365"},
    {"email_verified": "true"},
    {"uid": "1"},
    {"user[tier]": "enterprise"},
]


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("name", DOORS)
def test_a_hidden_field_at_the_door_or_at_the_way_back_gives_nothing(
    client: Client, providers: Providers, name: str, claim: dict[str, str]
) -> None:
    assert client.post(DOORS[name], claim).status_code == 400
    back = consent(ask(client, name))
    client.get(f"{back}&{'&'.join(f'{key}={value}' for key, value in claim.items())}")
    user = who(client)
    assert user is not None
    assert (user.is_staff, user.is_superuser) == (False, False)
    plain = {"google": Tier.FREE, "github": Tier.EARLY, "linkedin": Tier.FREE}
    assert base(user) is plain[name]


@pytest.mark.parametrize("name", DOORS)
def test_what_a_provider_says_besides_gives_nothing(
    client: Client, providers: Providers, name: str
) -> None:
    more = {"tier": "enterprise", "is_staff": True, "groups": ["admin"], "hd": "acme-corp.com"}
    providers.is_now(name, "ada@gmail.com", userinfo=more)
    come_by(client, name)
    user = who(client)
    assert user is not None
    assert (user.is_staff, base(user) < Tier.MID) == (False, True)


def test_a_door_takes_no_json(client: Client, providers: Providers) -> None:
    body = json.dumps({"tier": "enterprise", "process": "connect"})
    answer = client.post(DOORS["google"], body, content_type="application/json")
    assert answer.status_code in (302, 400)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "place",
    [
        "/_allauth/browser/v1/auth/provider/token",
        "/_allauth/app/v1/auth/provider/signup",
        "/accounts/google/login/token/",
        "/accounts/3rdparty/signup/",
        "/accounts/social/signup/",
    ],
)
def test_no_other_door_is_served(client: Client, providers: Providers, place: str) -> None:
    body = json.dumps({"provider": "google", "process": "login", "token": {"id_token": "x"}})
    answer = client.post(place, body, content_type="application/json")
    assert answer.status_code == 404
    assert not User.objects.exists()


def test_enterprise_is_no_providers_to_give() -> None:
    user = verified("ada@acme-corp.com")
    with pytest.raises(GrantRefused):
        billing.grant(
            user=user,
            kind="provider",
            tier=Tier.ENTERPRISE,
            starts_at=user.date_joined,
            ends_at=None,
            reason="trick",
            actor=None,
        )
    assert base(user) is Tier.FREE


def test_an_evicted_squatter_keeps_nothing_and_can_begin_anew(providers: Providers) -> None:
    squatter = services.sign_up(email="ada@gmail.com", password=PASSWORD)
    owner = Client()
    come_by(owner, "github")
    squatter.refresh_from_db()
    assert (base(squatter), squatter.may_sign_in) == (Tier.FREE, False)
    services.sign_up(email="squatter@gmail.com", password=PASSWORD)


def test_every_arrival_leaves_its_rows_in_the_audit(client: Client, providers: Providers) -> None:
    come_by(client, "github")
    kinds = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == [AuditKind.SIGNED_UP, AuditKind.IDENTITY_LINKED, AuditKind.VERIFIED]
    assert set(AuditEvent.objects.values_list("network", flat=True)) == {"127.0.0.1"}
