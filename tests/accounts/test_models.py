"""What the user table itself holds."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind, User
from netra.ids import UserID
from tests.accounts.people import PASSWORD

pytestmark = pytest.mark.django_db


def test_the_address_is_stored_in_lower_case_with_what_follows_from_it() -> None:
    user = User.objects.create_user("  Ada.B+news@GoogleMail.com ", PASSWORD)
    assert user.email == "ada.b+news@googlemail.com"
    assert (user.canonical_address, user.mailbox_kind) == ("adab@gmail.com", "consumer")


def test_what_follows_from_the_address_follows_a_change_of_the_address_alone() -> None:
    user = User.objects.create_user("ada@gmail.com")
    user.email = "Ada@Acme-Corp.com"
    user.save(update_fields=["email"])
    user.refresh_from_db()
    assert (user.email, user.canonical_address) == ("ada@acme-corp.com", "ada@acme-corp.com")
    assert user.mailbox_kind == "business"


def test_the_public_id_is_a_user_id_and_unguessable() -> None:
    one, two = (User.objects.create_user(f"{name}@acme.org") for name in ("ada", "bob"))
    assert UserID(one.public_id) != UserID(two.public_id)


def test_no_password_means_that_none_opens_it() -> None:
    assert not User.objects.create_user("ada@acme.org").has_usable_password()


def test_a_text_that_is_no_address_makes_no_user() -> None:
    with pytest.raises(ValueError, match="not an address"):
        User.objects.create_user("ada")


RAW = {
    "email = 'ADA@acme.org'": "user_email_lower_case",
    "email = 'BOB@acme.org'": "user_email",
    "canonical_address = ''": "user_canonical_address_known",
    "mailbox_kind = 'vip'": "user_mailbox_kind_known",
    "recommended_tier = 'enterprise'": "user_recommended_tier_below_enterprise",
    "joined_by = 'magic'": "user_joined_by_known",
}


@pytest.mark.parametrize(("assignment", "constraint"), RAW.items())
def test_the_database_refuses_what_code_would_not_write(assignment: str, constraint: str) -> None:
    ada = User.objects.create_user("ada@acme.org")
    User.objects.create_user("bob@acme.org")
    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE accounts_user SET {assignment} WHERE id = %s", [ada.pk])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET kind = 'x'",
        "DELETE FROM accounts_auditevent",
        "TRUNCATE accounts_auditevent",
    ],
)
def test_audit_events_are_append_only(statement: str) -> None:
    AuditEvent.objects.create(kind=AuditKind.SUSPENDED)
    with (
        pytest.raises(ProgrammingError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")
    assert AuditEvent.objects.count() == 1


def test_a_new_session_generation_ends_what_older_sessions_were_signed_by() -> None:
    user = User.objects.create_user("ada@acme.org", PASSWORD)
    before = user.get_session_auth_hash()
    user.session_generation += 1
    assert user.get_session_auth_hash() != before


@pytest.mark.parametrize(
    ("active", "suspended", "may"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_who_may_sign_in(active: bool, suspended: bool, may: bool) -> None:
    user = User(is_active=active, suspended_at=timezone.now() if suspended else None)
    assert user.may_sign_in is may
