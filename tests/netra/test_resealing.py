"""A secret key that is replaced: whoever was signed in stays so, and every secret opens."""

from http import HTTPStatus
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.second_factor import SecondFactorAdapter
from accounts.services import mark_verified
from billing.claims import digests_of
from billing.trials import ClaimKind
from chat import shares
from chat.mcp_rows import McpServer
from chat.model_rows import AgentModel
from netra.sealed import Unreadable, seal
from tests.chat.test_branches import answer, say

pytestmark = pytest.mark.django_db
NEW = "the second secret key of this deployment, which nothing was signed with before"


@pytest.fixture
def user() -> User:
    user = User.objects.create_user("ada@example.com", "Correct-horse-7-battery")
    mark_verified(user=user)
    return user


def second_factors_of(user: User, secret: str) -> None:
    encrypt = SecondFactorAdapter().encrypt
    for kind, data in (
        (Authenticator.Type.TOTP, {"secret": encrypt(secret)}),
        (Authenticator.Type.RECOVERY_CODES, {"seed": encrypt("seed"), "used_mask": 0}),
    ):
        Authenticator.objects.create(user=user, type=kind, data=data)


def test_a_new_key_takes_over_step_by_step(user: User, settings: Settings) -> None:
    client = Client()
    client.force_login(user)
    posted = say(user, "c1", "q1")
    answer(posted.run_id, "a1")
    link = shares.share_thread(user=user, thread_id=posted.thread_id).token
    model = AgentModel.objects.create(name="One", model_id="one", sealed_key=seal("sk-1"))
    server = McpServer.objects.create(
        name="tools", url="https://tools.example", sealed_headers=seal("Authorization: Bearer t")
    )
    secret = generate_totp_secret()
    second_factors_of(user, secret)
    known = digests_of(ClaimKind.IDENTITY, "ada@example.com")

    # First step: the new key signs and seals, the old one still opens.
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW
    assert client.get("/chat/").status_code == HTTPStatus.OK
    assert Client().get(f"/share/{link}/").status_code == HTTPStatus.OK
    assert model.key.reveal() == "sk-1"
    assert known[0] in digests_of(ClaimKind.IDENTITY, "ada@example.com")

    # Second step: what rows hold is sealed anew; again it finds nothing to do.
    told = StringIO()
    call_command("reseal", stdout=told)
    call_command("reseal", stdout=told)
    assert told.getvalue() == "4 of 4 were sealed anew.\n0 of 4 were sealed anew.\n"

    # Third step: without the old key everything that rows hold opens all the same.
    settings.SECRET_KEY_FALLBACKS = []
    model.refresh_from_db()
    server.refresh_from_db()
    assert model.key.reveal() == "sk-1"
    assert server.headers.reveal() == "Authorization: Bearer t"
    factor = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    assert SecondFactorAdapter().decrypt(factor.data["secret"]) == secret
    codes = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    assert SecondFactorAdapter().decrypt(codes.data["seed"]) == "seed"
    # A session that was used meanwhile was signed anew; an old link was not.
    assert client.get("/chat/").status_code == HTTPStatus.OK
    assert Client().get(f"/share/{link}/").status_code == HTTPStatus.NOT_FOUND
    # Which is why the documents say to keep it.
    assert known[0] not in digests_of(ClaimKind.IDENTITY, "ada@example.com")


def test_what_no_key_opens_is_named_and_left_alone(settings: Settings) -> None:
    sealed = seal("sk-1")
    AgentModel.objects.create(name="One", model_id="one", sealed_key=sealed)
    settings.SECRET_KEY = NEW
    with pytest.raises(CommandError, match="model One"):
        call_command("reseal", stdout=StringIO())
    row = AgentModel.objects.get()
    assert row.sealed_key == sealed
    with pytest.raises(Unreadable):
        _ = row.key
