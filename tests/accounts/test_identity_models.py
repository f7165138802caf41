"""What the tables of identities and policies refuse, whoever writes."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import DomainPolicy, IdentityEvidence, ProviderTier, User

pytestmark = pytest.mark.django_db


def identity(user: User, **changes: Any) -> IdentityEvidence:
    fields: dict[str, Any] = {
        "provider": "google",
        "issuer": "https://google.example",
        "subject": "1042",
        "address": "ada@gmail.com",
        "verified": True,
        "authority": "mailbox",
    }
    return IdentityEvidence.objects.create(user=user, **fields | changes)


def test_a_linked_identity_opens_one_account_and_an_unlinked_one_may_be_linked_anew() -> None:
    ada, bob = User.objects.create_user("ada@acme.org"), User.objects.create_user("bob@acme.org")
    first = identity(ada)
    with pytest.raises(IntegrityError, match="identity_opens_one_account"), transaction.atomic():
        identity(bob)
    identity(bob, issuer="https://other.example")
    first.unlinked_at = first.last_seen_at
    first.save()
    identity(bob)


RAW = {
    ("accounts_identityevidence", "subject = ''"): "identity_named",
    ("accounts_identityevidence", "authority = 'pope'"): "identity_authority_known",
    ("accounts_identityevidence", "authority = 'none'"): "identity_authority_if_verified",
    ("accounts_identityevidence", "verified = false"): "identity_authority_if_verified",
    ("accounts_identityevidence", "address = ''"): "identity_verified_has_address",
    ("accounts_identityevidence", "last_seen_at = '2000-01-01'"): "identity_seen_in_order",
    ("accounts_identityevidence", "unlinked_at = '2000-01-01'"): "identity_unlinked_after_seen",
    ("accounts_providertier", "tier = 'enterprise'"): "provider_tier_below_enterprise",
    ("accounts_providertier", "provider = 'GitHub'"): "provider_tier_named_in_lower_case",
    ("accounts_domainpolicy", "domain = 'Acme.org'"): "domain_policy_lower_case",
    (
        "accounts_domainpolicy",
        "recommends = false, grants = true",
    ): "domain_policy_grants_what_it_recommends",
}


@pytest.mark.parametrize(("change", "constraint"), RAW.items())
def test_the_database_refuses_what_code_would_not_write(
    change: tuple[str, str], constraint: str
) -> None:
    identity(User.objects.create_user("ada@acme.org"))
    table, assignment = change
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE {table} SET {assignment}")


def test_rows_say_what_they_are() -> None:
    ada = User.objects.create_user("ada@acme.org")
    assert str(identity(ada)) == "google ada@gmail.com"
    assert str(ProviderTier.objects.get(provider="github")) == "github: early"
    assert str(DomainPolicy.objects.get()) == "every business domain"
