"""Linking and unlinking identities, by whom and when, also at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import identities
from accounts.errors import LinkRefusal, LinkRefused
from accounts.evidence import Authority
from accounts.models import AuditKind, IdentityEvidence, User
from billing.models import Grant
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.accounts.people import PASSWORD, sign_in, verified
from tests.accounts.providers import (
    DOORS,
    EVERY,
    PAGE,
    Providers,
    ask,
    audited,
    come_by,
    consent,
    evidence,
    unlink,
    who,
)


@pytest.mark.django_db(transaction=True)
def test_linking_gives_the_grant_and_unlinking_takes_it(
    client: Client,
    providers: Providers,
) -> None:
    ada = verified("ada@gmail.com")
    sign_in(client, "ada@gmail.com")
    answer = come_by(client, "github", process="connect")
    assert answer.headers["Location"] == PAGE
    assert b"GitHub is linked" in client.get(PAGE).content
    assert entitlements_of(ada).base_tier is Tier.EARLY
    assert b"GitHub is unlinked" in unlink(client, "github").content
    assert entitlements_of(ada).base_tier is Tier.FREE
    assert [m.subject for m in mail.outbox] == [
        "GitHub was linked to your Netra account",
        "GitHub was unlinked from your Netra account",
    ]
    assert Grant.objects.get(kind="provider").revoke_reason == "github was unlinked"
    come_by(client, "github", process="connect")
    assert entitlements_of(ada).base_tier is Tier.EARLY
    kinds = [AuditKind.IDENTITY_LINKED, AuditKind.IDENTITY_UNLINKED]
    assert [len(audited(kind)) for kind in kinds] == [2, 1]


@pytest.mark.django_db
def test_linking_needs_somebody_signed_in(client: Client, providers: Providers) -> None:
    door = client.post(DOORS["github"], query_params={"process": "connect"})
    assert door.headers["Location"].startswith("/accounts/login/")
    assert client.get(PAGE).headers["Location"].startswith("/accounts/login/")


@pytest.mark.django_db
def test_linking_and_unlinking_need_a_fresh_sign_in(client: Client, providers: Providers) -> None:
    verified("ada@gmail.com")
    sign_in(client, "ada@gmail.com")
    come_by(client, "github", process="connect")
    stale = Client()
    stale.force_login(User.objects.get())
    for answer in (
        stale.post(DOORS["google"], query_params={"process": "connect"}),
        stale.post(PAGE, {"account": SocialAccount.objects.get().pk}),
    ):
        assert answer.headers["Location"].startswith("/accounts/reauthenticate/")
    assert IdentityEvidence.objects.get().unlinked_at is None
    stale.post("/accounts/reauthenticate/", {"password": PASSWORD})
    come_by(stale, "google", process="connect")
    assert IdentityEvidence.objects.count() == 2


@pytest.mark.django_db
def test_a_link_that_comes_back_too_late_is_refused(client: Client, providers: Providers) -> None:
    verified("ada@gmail.com")
    sign_in(client, "ada@gmail.com")
    back = consent(ask(client, "github", process="connect"))
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        answer = client.get(back)
    assert answer.status_code == 403
    assert b"That took too long" in answer.content
    assert not IdentityEvidence.objects.exists()


@pytest.mark.django_db
def test_who_has_no_password_signs_in_again_by_the_provider(
    client: Client, providers: Providers
) -> None:
    come_by(client, "google")
    stale = Client()
    stale.force_login(User.objects.get())
    answer = stale.post(DOORS["github"], query_params={"process": "connect"})
    assert answer.status_code == 403
    assert b"Sign in again" in answer.content
    assert come_by(stale, "google", next=PAGE).headers["Location"] == PAGE
    come_by(stale, "github", process="connect")
    assert IdentityEvidence.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ("/accounts/email/", {"email": "eve@gmail.com", "action_add": ""}),
        ("/accounts/password/set/", {"password1": PASSWORD, "password2": PASSWORD}),
    ],
)
def test_a_stale_session_without_a_password_changes_nothing_that_opens_the_account(
    client: Client, providers: Providers, place: str, fields: dict[str, str]
) -> None:
    come_by(client, "google")
    stale = Client()
    stale.force_login(User.objects.get())
    assert stale.post(place, fields).status_code == 403
    assert not User.objects.get().has_usable_password()
    assert mail.outbox == []
    assert client.post(place, fields).status_code == 302


@pytest.mark.django_db
@EVERY
def test_an_identity_of_another_account_is_not_linked(
    client: Client, providers: Providers, name: str
) -> None:
    come_by(Client(), name)
    eve = verified("eve@gmail.com")
    sign_in(client, "eve@gmail.com")
    answer = come_by(client, name, process="connect")
    assert answer.status_code == 409
    assert b"belongs to another Netra account" in answer.content
    assert b"ada@gmail.com" not in answer.content
    assert not eve.identities.exists()
    assert who(client) == eve


@pytest.mark.django_db
def test_an_identity_with_the_address_of_another_account_is_not_linked(
    client: Client, providers: Providers
) -> None:
    verified("ada@gmail.com")
    verified("eve@gmail.com")
    sign_in(client, "eve@gmail.com")
    assert come_by(client, "google", process="connect").status_code == 409
    assert not IdentityEvidence.objects.exists()


@pytest.mark.django_db
def test_the_last_way_in_is_not_unlinked(client: Client, providers: Providers) -> None:
    come_by(client, "google")
    assert b"your only way to sign in" in unlink(client, "google").content
    come_by(client, "github", process="connect")
    assert b"Google is unlinked" in unlink(client, "google").content
    assert b"your only way to sign in" in unlink(client, "github").content


@pytest.mark.django_db
@pytest.mark.parametrize("account", ["", "0", "-1", "x", "9" * 30, "1; DROP TABLE x", "٣"])
def test_only_an_identity_of_ones_own_is_unlinked(
    client: Client, providers: Providers, account: str
) -> None:
    come_by(Client(), "google")
    eve = verified("eve@gmail.com")
    sign_in(client, eve.email)
    theirs = SocialAccount.objects.get().pk
    for attempt in (account, str(theirs)):
        assert client.post(PAGE, {"account": attempt}).status_code == 302
    assert IdentityEvidence.objects.get().unlinked_at is None


@pytest.mark.django_db(transaction=True)
def test_of_two_identities_unlinked_at_once_one_stays() -> None:
    user = identities.arrive(evidence=evidence())
    other = identities.link(user=user, evidence=evidence(issuer="https://x.example"))
    mine = [IdentityEvidence.objects.exclude(pk=other.pk).get(), other]
    start = Barrier(2)

    def part(identity: IdentityEvidence) -> str:
        start.wait()
        try:
            identities.unlink(user=user, identity=identity)
        except LinkRefused as refusal:
            return refusal.reason.value
        finally:
            connection.close()
        return "unlinked"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(part, mine))
    assert outcomes == ["last_way_in", "unlinked"]


@pytest.mark.django_db(transaction=True)
def test_two_accounts_that_link_one_identity_at_once_do_not_both_get_it() -> None:
    users = [verified(f"user{n}@acme.org") for n in range(4)]
    start = Barrier(4)

    def link(user: User) -> str:
        start.wait()
        try:
            identities.link(
                user=user, evidence=evidence(address="", verified=False, authority=Authority.NONE)
            )
        except LinkRefused as refusal:
            return refusal.reason.value
        finally:
            connection.close()
        return "linked"

    with ThreadPoolExecutor(4) as pool:
        outcomes = Counter(pool.map(link, users))
    assert outcomes == {"linked": 1, LinkRefusal.OTHER_ACCOUNT.value: 3}
