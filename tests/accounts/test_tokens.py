"""API tokens: made by their owner, shown once, and good for nothing once revoked."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import own_tokens, security_log, sessions, tokens
from accounts.errors import TokenRefused
from accounts.models import ApiToken, TokenScope, User
from accounts.services import delete_account, mark_verified
from accounts.signals import access_ended
from billing import services as billing
from billing.tiers import Tier
from tests.accounts.people import PASSWORD, sign_in, verified

PAGE = "/accounts/tokens/"


@pytest.fixture
def user(db: None) -> User:
    user = User.objects.create_user("ada@example.com", PASSWORD)
    return mark_verified(user=user)


@pytest.fixture
def owner(user: User) -> User:
    billing.grant(
        user=user,
        kind="subscription",
        tier=Tier.EARLY,
        starts_at=timezone.now(),
        ends_at=None,
        reason="paid",
        actor=None,
    )
    return user


def made(owner: User, *, days: int | None = None) -> tuple[ApiToken, str]:
    return own_tokens.create_token(user=owner, name="laptop", scope=TokenScope.READ, days=days)


def key_of(text: str) -> str:
    return tokens.key_in(f"Bearer {text}")


def test_a_token_opens_the_account_of_its_owner_and_its_text_is_kept_nowhere(owner: User) -> None:
    token, text = made(owner)

    assert tokens.bearers([key_of(text)])[key_of(text)].user == owner
    assert len(text) == len("nt_") + 43
    assert text not in repr(list(ApiToken.objects.filter(pk=token.pk).values()))
    assert [entry.what for entry in security_log.entries_of(owner)][:1] == [
        "The API token “laptop” was made"
    ]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nt_short", "Basic nt_" + "a" * 43, "Bearer nt_" + "=" * 43]
)
def test_what_is_no_token_has_no_key(header: str) -> None:
    assert tokens.key_in(header) == ""
    assert tokens.bearers([""]) == {}


def test_a_revoked_or_expired_token_opens_nothing(owner: User) -> None:
    revoked, text = made(owner)
    expired, other = made(owner, days=30)
    ApiToken.objects.filter(pk=expired.pk).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now()
    )

    assert own_tokens.revoke_token(user=owner, number=revoked.pk)
    assert not own_tokens.revoke_token(user=owner, number=revoked.pk)

    keys = [key_of(text), key_of(other)]
    assert tokens.bearers(keys) == {}
    assert sessions.ended([*keys, key_of(made(owner)[1])]) == set(keys)


@pytest.mark.django_db(transaction=True)
def test_revoking_tells_the_sockets_of_that_token_alone(owner: User) -> None:
    token, text = made(owner)
    told: list[str | None] = []

    def hear(*, session_key: str | None, **_: object) -> None:
        told.append(session_key)

    access_ended.connect(hear)
    own_tokens.revoke_token(user=owner, number=token.pk)
    access_ended.disconnect(hear)

    assert told == [key_of(text)]


def test_use_is_noted_at_most_once_a_minute(owner: User) -> None:
    token, text = made(owner)

    tokens.bearers([key_of(text)])
    token.refresh_from_db()
    first = token.used_at
    tokens.bearers([key_of(text)])
    token.refresh_from_db()

    assert first is not None
    assert token.used_at == first


def test_a_plan_without_api_access_gets_no_token(user: User) -> None:
    with pytest.raises(TokenRefused, match="not_in_plan"):
        made(user)


def test_nobody_has_more_than_so_many(owner: User) -> None:
    for _ in range(own_tokens.TOKENS_MAX):
        made(owner)

    with pytest.raises(TokenRefused, match="too_many"):
        made(owner)


def test_the_database_refuses_an_unknown_scope(owner: User) -> None:
    token, _text = made(owner)

    with pytest.raises(IntegrityError, match="api_token_scope_known"), transaction.atomic():
        ApiToken.objects.filter(pk=token.pk).update(scope="all")


def test_a_deleted_account_has_no_tokens(owner: User) -> None:
    _token, text = made(owner)

    delete_account(user=owner, reason="asked")

    assert tokens.bearers([key_of(text)]) == {}
    assert not ApiToken.objects.filter(user=owner).exists()


def test_the_page_makes_a_token_and_shows_it_once(owner: User, client: Client) -> None:
    sign_in(client, owner.email)

    page = client.post(PAGE, {"name": "<b>laptop</b>", "scope": "write", "days": "90"})
    [token] = own_tokens.tokens_of(owner)

    text = page.context["fresh"]
    assert tokens.bearers([key_of(text)])[key_of(text)].may_write
    assert text.encode() in page.content
    assert b"<b>laptop</b>" not in page.content
    assert "no-store" in page["Cache-Control"]
    assert text.encode() not in client.get(PAGE).content
    assert token.expires_at is not None


def test_the_page_revokes_ones_own_tokens_only(owner: User, client: Client) -> None:
    token, _text = made(owner)

    client.force_login(verified("eve@acme.org"))
    client.post(PAGE, {"revoke": str(token.pk)})
    assert own_tokens.tokens_of(owner) == [token]

    client.force_login(owner)
    for number in ("x", "9" * 40, str(token.pk)):
        assert client.post(PAGE, {"revoke": number}).status_code == 302
    assert own_tokens.tokens_of(owner) == []


def test_a_stale_session_makes_no_token(owner: User, client: Client) -> None:
    client.force_login(owner)

    client.post(PAGE, {"name": "laptop", "scope": "write", "days": ""})

    assert own_tokens.tokens_of(owner) == []


def test_a_plan_without_api_access_is_told_where_it_begins(user: User, client: Client) -> None:
    sign_in(client, user.email)

    assert b"it begins with Early" in client.get(PAGE).content
    refused = client.post(PAGE, {"name": "laptop", "scope": "read", "days": ""})
    assert b"Make the token" not in refused.content
    assert own_tokens.tokens_of(user) == []
