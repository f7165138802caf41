"""A change of address: both mailboxes agree, or nothing is changed."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, AuditKind, User
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified

OLD, NEW = "ada@acme.org", "ada@lovelace.example"
EMAIL, LEAVE, CONFIRM = "/accounts/email/", "/accounts/email/leave/", "/accounts/confirm-email/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client) -> User:
    """Signed in, just now asked for her password, and wanting another address."""
    user = verified(OLD)
    sign_in(client, OLD)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    mail.outbox.clear()
    return user


def wants(client: Client, address: str = NEW) -> str:
    answer = client.post(EMAIL, {"email": address, "action_add": ""})
    return answer.headers.get("Location", "")


def receivers() -> list[str]:
    return [to for message in mail.outbox for to in message.to]


def test_the_present_mailbox_agrees_then_the_new_one_and_the_old_one_is_told(
    client: Client, ada: User
) -> None:
    assert wants(client) == LEAVE
    assert receivers() == [OLD]
    assert NEW in str(mail.outbox[0].body)
    assert client.post(LEAVE, {"code": mailed_code()}).headers["Location"] == CONFIRM
    assert receivers() == [OLD, NEW]
    assert User.objects.get().email == OLD
    client.post(CONFIRM, {"code": mailed_code()})
    assert User.objects.get().email == NEW
    assert receivers() == [OLD, NEW, OLD]
    assert AuditEvent.objects.filter(user=ada, kind=AuditKind.ADDRESS_CHANGED).count() == 1


def test_without_the_first_code_no_other_step_leads_to_the_new_address(
    client: Client, ada: User
) -> None:
    assert client.get(LEAVE).headers["Location"] == EMAIL
    wants(client)
    code = mailed_code()
    assert client.post(CONFIRM, {"code": code}).headers["Location"] == EMAIL
    for action in ("action_send", "action_primary", "action_remove"):
        client.post(EMAIL, {"email": NEW, action: ""})
    assert client.post(LEAVE, {"code": "AAAA-AAAA"}).status_code == 200
    assert (User.objects.get().email, receivers()) == (OLD, [OLD])


def test_three_wrong_codes_end_the_change(client: Client, ada: User) -> None:
    wants(client)
    code = mailed_code()
    answers = [client.post(LEAVE, {"code": "AAAA-AAAA"}).status_code for _ in range(3)]
    assert answers == [200, 200, 302]
    assert b"Too many wrong codes" in client.get(EMAIL).content
    assert client.post(LEAVE, {"code": code}).headers["Location"] == EMAIL
    assert receivers() == [OLD]


def test_a_code_counts_for_a_quarter_of_an_hour_in_its_own_session(
    client: Client, ada: User
) -> None:
    wants(client)
    code = mailed_code()
    other = Client()
    other.force_login(ada)
    assert other.post(LEAVE, {"code": code}).headers["Location"] == EMAIL
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert client.post(LEAVE, {"code": code}).headers["Location"] == EMAIL
    assert receivers() == [OLD]


def test_a_new_code_takes_the_place_of_the_old_one_and_there_are_three(
    client: Client, ada: User
) -> None:
    wants(client)
    first = mailed_code()
    for _ in range(5):
        client.post(LEAVE, {"action": "resend"})
    assert receivers() == [OLD] * 4
    assert client.post(LEAVE, {"code": first}).status_code == 200
    assert client.post(LEAVE, {"code": mailed_code()}).headers["Location"] == CONFIRM


def test_a_code_of_the_second_factor_stands_in_for_a_lost_mailbox(
    client: Client, ada: User
) -> None:
    wants(client)
    assert b"With <a" in client.get(LEAVE).content
    RecoveryCodes.activate(ada)
    assert b"Use this code instead" in client.get(LEAVE).content
    codes = Authenticator.objects.get(user=ada).wrap().get_unused_codes()
    assert client.post(LEAVE, {"factor": "12345678"}).status_code == 200
    assert client.post(LEAVE, {"factor": codes[0]}).headers["Location"] == CONFIRM
    client.post(CONFIRM, {"code": mailed_code()})
    assert User.objects.get().email == NEW


def test_a_passkey_alone_gives_no_code_to_type(client: Client, ada: User) -> None:
    Authenticator.objects.create(user=ada, type=Authenticator.Type.WEBAUTHN, data={})
    wants(client)
    assert b"Use this code instead" not in client.get(LEAVE).content


def test_somebody_elses_address_looks_free_and_is_never_had(client: Client, ada: User) -> None:
    verified(NEW)
    assert wants(client) == LEAVE
    client.post(LEAVE, {"code": mailed_code()})
    answer = client.post(CONFIRM, {"code": mailed_code()})
    assert b"field__error" in answer.content
    assert User.objects.get(pk=ada.pk).email == OLD


def test_a_mailbox_that_was_never_proven_is_not_asked(client: Client) -> None:
    user = User.objects.create_user(OLD, PASSWORD)
    client.force_login(user)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert wants(client) == CONFIRM
    assert receivers() == [NEW]


def test_who_has_not_proven_themselves_lately_is_asked_first(client: Client) -> None:
    client.force_login(verified(OLD))
    assert wants(client).startswith("/accounts/reauthenticate/")
    assert receivers() == []
