"""Programs with tokens, for the tests of the API."""

from typing import Any

from django.test import Client
from django.utils import timezone

from accounts import own_tokens
from accounts.models import TokenScope, User
from billing import services as billing
from billing.tiers import Tier


def pays(user: User) -> User:
    """The user, with a plan that has API access."""
    billing.grant(
        user=user,
        kind="subscription",
        tier=Tier.MID,
        starts_at=timezone.now(),
        ends_at=None,
        reason="paid",
        actor=None,
    )
    return user


def token_of(user: User, scope: TokenScope = TokenScope.WRITE) -> str:
    return own_tokens.create_token(user=user, name="test", scope=scope)[1]


def program(token: str) -> Client:
    """Calls with that token; the CSRF check is on, as for everybody."""
    return Client(headers={"Authorization": f"Bearer {token}"}, enforce_csrf_checks=True)


def sent(client: Client, text: str = "hello", **more: Any) -> dict[str, Any]:
    """The answer to a message that was sent."""
    body = {"client_id": f"c{timezone.now().timestamp()}", "text": text, **more}
    response = client.post("/api/messages", body, content_type="application/json")
    assert response.status_code == 201, response.content
    ack: dict[str, Any] = response.json()
    return ack
