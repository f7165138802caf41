"""The profile: a name and a language, and nothing else by this form."""

import pytest
from django.test import Client

from accounts import services
from accounts.archive import tables_of
from accounts.models import User
from tests.accounts.people import verified

PAGE = "/accounts/profile/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client) -> User:
    user = verified("ada@acme.org")
    client.force_login(user)
    return user


def test_a_name_and_a_language_are_kept_and_shown(client: Client, ada: User) -> None:
    answer = client.post(PAGE, {"name": "  Ada   Lovelace ", "language": "en"})
    assert answer.headers["Location"] == PAGE
    ada.refresh_from_db()
    assert (ada.name, ada.language) == ("Ada Lovelace", "en")
    assert b'value="Ada Lovelace"' in client.get(PAGE).content


def test_no_other_field_is_taken(client: Client, ada: User) -> None:
    fields = {"email": "eve@acme.org", "is_staff": "on", "recommended_tier": "mid"}
    client.post(PAGE, {"name": "Ada", "language": "", **fields})
    changed = User.objects.get()
    assert (changed.email, changed.is_staff) == ("ada@acme.org", False)
    assert (changed.recommended_tier, changed.name) == (ada.recommended_tier, "Ada")


@pytest.mark.parametrize(
    "fields", [{"name": "x" * 81}, {"name": "A\0da"}, {"name": "Ada", "language": "xx"}]
)
def test_what_cannot_be_kept_is_said_and_changes_nothing(
    client: Client, ada: User, fields: dict[str, str]
) -> None:
    answer = client.post(PAGE, fields)
    assert answer.status_code == 200
    assert b"field__error" in answer.content
    ada.refresh_from_db()
    assert (ada.name, ada.language) == ("", "")


def test_a_name_is_markup_nowhere(client: Client, ada: User) -> None:
    client.post(PAGE, {"name": "<script>alert(1)</script>"})
    assert b"<script>alert" not in client.get(PAGE).content


def test_it_leaves_with_an_export_and_goes_with_the_account(client: Client, ada: User) -> None:
    client.post(PAGE, {"name": "Ada", "language": "en"})
    row = next(iter(tables_of(ada)["account"]))
    assert (row["name"], row["language"]) == ("Ada", "en")
    services.delete_account(user=ada, reason="the user asked for it")
    ada.refresh_from_db()
    assert (ada.name, ada.language) == ("", "")
