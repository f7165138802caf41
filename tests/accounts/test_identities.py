"""Arriving: whose account an identity opens, also when many come at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import identities, services
from accounts.errors import LinkRefused
from accounts.models import AuditKind, IdentityEvidence, User
from billing.models import Grant
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.accounts.people import PASSWORD, sign_in, verified
from tests.accounts.providers import (
    DOORS,
    EVERY,
    Providers,
    ask,
    audited,
    come_by,
    consent,
    who,
)


@pytest.mark.django_db(transaction=True)
@EVERY
def test_sixteen_parallel_first_sign_ins_make_one_user_identity_and_grant(
    providers: Providers, name: str
) -> None:
    clients = [Client() for _ in range(16)]
    backs = [consent(ask(client, name)) for client in clients]
    start = Barrier(16)

    def arrive(n: int) -> tuple[int, str]:
        start.wait()
        try:
            answer = clients[n].get(backs[n])
            return answer.status_code, answer.headers.get("Location", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(arrive, range(16)))
    assert outcomes == {(302, "/chat/"): 16}
    user = User.objects.get()
    assert {who(client) for client in clients} == {user}
    for rows in (IdentityEvidence, SocialAccount, EmailAddress):
        assert rows.objects.count() == 1
    assert Grant.objects.filter(kind="provider").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_address_by_three_providers_and_by_mail_at_once_is_one_account(
    providers: Providers,
) -> None:
    clients = {name: Client() for name in DOORS}
    backs = {name: consent(ask(client, name)) for name, client in clients.items()}
    start = Barrier(4)

    def arrive(name: str) -> int:
        start.wait()
        try:
            if name == "mail":
                fields = {"email": "ada@gmail.com", "password1": PASSWORD}
                return Client().post("/accounts/signup/", fields).status_code
            return int(clients[name].get(backs[name]).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(arrive, [*DOORS, "mail"]))
    assert set(statuses) <= {302, 409, 503}
    assert sum(who(client) is not None for client in clients.values()) == 1
    assert User.objects.filter(email="ada@gmail.com").count() == 1


@pytest.mark.django_db
@EVERY
def test_a_taken_address_names_the_method_and_links_after_it(
    client: Client, providers: Providers, name: str
) -> None:
    ada = verified("ada@gmail.com")
    page = come_by(client, name)
    assert page.status_code == 409
    assert b"your password" in page.content
    assert who(client) is None
    assert not IdentityEvidence.objects.exists()
    assert audited(AuditKind.LINK_REFUSED) == [{"provider": name, "reason": "address_taken"}]
    assert sign_in(client, "ada@gmail.com") == "/chat/"
    assert IdentityEvidence.objects.get().user == ada
    other = Client()
    come_by(other, name)
    assert who(other) == ada


@pytest.mark.django_db
def test_the_method_may_be_another_provider(client: Client, providers: Providers) -> None:
    come_by(Client(), "google")
    page = come_by(client, "github")
    assert b"<strong>Google</strong>" in page.content
    assert b"your password" not in page.content
    come_by(client, "google")
    assert set(IdentityEvidence.objects.values_list("provider", flat=True)) == {"google", "github"}
    assert entitlements_of(User.objects.get()).base_tier is Tier.EARLY


@pytest.mark.django_db
def test_what_waits_is_not_linked_to_somebody_else_nor_after_a_quarter_of_an_hour(
    client: Client, providers: Providers
) -> None:
    verified("ada@gmail.com")
    verified("bob@gmail.com")
    come_by(client, "github")
    sign_in(client, "bob@gmail.com")
    assert not IdentityEvidence.objects.exists()
    late = Client()
    come_by(late, "github")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert sign_in(late, "ada@gmail.com") == "/chat/"
    assert not IdentityEvidence.objects.exists()


@pytest.mark.django_db
@EVERY
def test_an_unverified_address_opens_no_account_that_exists(
    client: Client, providers: Providers, name: str
) -> None:
    verified("ada@gmail.com")
    providers.is_now(name, "ada@gmail.com", verified=False)
    page = come_by(client, name)
    assert page.status_code == 409
    assert b"did not confirm" in page.content
    assert b"password" not in page.content
    sign_in(client, "ada@gmail.com")
    assert not IdentityEvidence.objects.exists()


@pytest.mark.django_db(transaction=True)
@EVERY
def test_an_unverified_squatter_is_evicted_with_its_sessions_when_the_owner_comes(
    client: Client, providers: Providers, name: str, ended: list[str]
) -> None:
    squatter = services.sign_up(email="ada@gmail.com", password=PASSWORD)
    inside = Client()
    inside.force_login(squatter)
    assert inside.get("/chat/").status_code == 200
    come_by(client, name)
    owner = User.objects.get(email="ada@gmail.com")
    assert who(client) == owner != squatter
    assert owner.verified_at is not None
    assert set(ended) == {squatter.public_id}
    assert inside.get("/chat/").status_code != 200
    assert sign_in(Client(), "ada@gmail.com") == ""
    squatter.refresh_from_db()
    assert (squatter.is_active, squatter.has_usable_password()) == (False, False)
    assert squatter.email.endswith("@evicted.invalid")
    assert len(audited(AuditKind.CLAIM_EVICTED)) == 1


@pytest.mark.django_db
def test_a_squatter_with_an_identity_loses_it_with_the_account(
    client: Client, providers: Providers
) -> None:
    providers.is_now("github", "ada@gmail.com", verified=False, subject=666)
    squatter = Client()
    come_by(squatter, "github")
    come_by(client, "google")
    assert who(squatter) != who(client)
    assert IdentityEvidence.objects.get(unlinked_at=None).provider == "google"
    again = Client()
    assert come_by(again, "github").status_code == 409
    assert who(again) is None


@pytest.mark.django_db
def test_an_account_that_staff_prepared_and_nobody_entered_is_handed_over(
    client: Client, providers: Providers
) -> None:
    prepared = User.objects.create_user("ada@gmail.com")
    come_by(client, "google")
    assert who(client) == prepared
    prepared.refresh_from_db()
    assert prepared.verified_at is not None


@pytest.mark.django_db
@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
def test_an_account_with_rights_is_never_evicted_nor_taken(
    client: Client, providers: Providers, rights: dict[str, Any]
) -> None:
    User.objects.create_user("ada@gmail.com", **rights)
    assert come_by(client, "google").status_code == 409
    assert who(client) is None
    with pytest.raises(LinkRefused):
        identities.evict_claim(user=User.objects.get(), actor=None, reason="test")


@pytest.mark.django_db
def test_a_verified_account_is_not_evicted() -> None:
    with pytest.raises(LinkRefused):
        identities.evict_claim(user=verified(), actor=None, reason="test")


@pytest.mark.django_db(transaction=True)
@EVERY
def test_the_same_subject_with_another_address_signs_its_own_user_in_and_changes_nothing(
    client: Client,
    providers: Providers,
    name: str,
) -> None:
    come_by(Client(), name)
    ada = User.objects.get()
    before = entitlements_of(ada).base_tier
    victim = verified("victim@acme-corp.com")
    for _ in range(2):
        providers.is_now(name, "victim@acme-corp.com")
        come_by(client, name)
        assert who(client) == ada
    ada.refresh_from_db()
    assert (ada.email, entitlements_of(ada).base_tier) == ("ada@gmail.com", before)
    assert IdentityEvidence.objects.get().address == "ada@gmail.com"
    assert not victim.identities.exists()
    assert len(audited(AuditKind.IDENTITY_CONFLICT)) == 1
    told = [message for message in mail.outbox if "another address" in message.subject]
    assert [message.to for message in told] == [["ada@gmail.com"]]


@pytest.mark.django_db
@EVERY
def test_who_hides_their_address_afterwards_is_no_conflict(
    client: Client, providers: Providers, name: str
) -> None:
    come_by(Client(), name)
    providers.is_now(name, None)
    come_by(client, name)
    assert who(client) == User.objects.get()
    assert audited(AuditKind.IDENTITY_CONFLICT) == []


@pytest.mark.django_db
@EVERY
@pytest.mark.parametrize("how", ["suspended", "deactivated"])
def test_who_is_kept_out_stays_out(
    client: Client, providers: Providers, name: str, how: str
) -> None:
    come_by(Client(), name)
    user = User.objects.get()
    if how == "suspended":
        root = User.objects.create_superuser("root@acme.org")
        services.suspend(user=user, actor=root, reason="spam")
    else:
        User.objects.filter(pk=user.pk).update(is_active=False)
    answer = come_by(client, name)
    assert answer.headers["Location"] == "/accounts/inactive/"
    assert who(client) is None


@pytest.mark.django_db
def test_an_address_that_is_verified_later_brings_its_grant(
    client: Client, providers: Providers
) -> None:
    providers.is_now("github", "ada@gmail.com", verified=False)
    come_by(client, "github")
    user = User.objects.get()
    assert (user.verified_at, entitlements_of(user).base_tier) == (None, Tier.FREE)
    providers.is_now("github", "ada@gmail.com")
    come_by(client, "github")
    user.refresh_from_db()
    assert user.verified_at is not None
    assert entitlements_of(user).base_tier is Tier.EARLY
