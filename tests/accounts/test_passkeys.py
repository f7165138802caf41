"""Passkeys: added, used in place of a password and beside one, and refused when anything is off."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts import selectors, services
from accounts.models import AuditEvent, AuditKind, User
from accounts.passkeys import (
    CREDENTIAL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PASSKEYS_MAX,
    passkeys_of,
)
from tests.accounts.people import PASSWORD, sign_in, verified
from tests.accounts.providers import who
from tests.fakes.passkey_device import PRESENT, PasskeyDevice, decoded, encoded

pytestmark = pytest.mark.django_db

INDEX: Final = "/accounts/2fa/"
ADD: Final = f"{INDEX}passkeys/add/"
ENTER: Final = f"{INDEX}passkeys/sign-in/"
CONFIRM: Final = f"{INDEX}passkeys/confirm/"
AFTER_PASSWORD: Final = f"{INDEX}authenticate/"
CODES: Final = f"{INDEX}codes/"
REFUSED: Final = "This passkey was not accepted"


def visitor() -> Client:
    """A browser at an address that passkeys work at."""
    return Client(SERVER_NAME="localhost", headers={"User-Agent": "Firefox/140.0 (X11; Linux)"})


def post(client: Client, place: str, answer: object, **more: str) -> Any:
    fields = {"credential": answer if isinstance(answer, str) else json.dumps(answer), **more}
    return client.post(place, fields)


def add(client: Client, device: PasskeyDevice, name: str = "") -> Any:
    options = dict(client.get(ADD).context["options"])
    return post(client, ADD, device.create(options), name=name)


def options_of(client: Client) -> dict[str, Any]:
    options: dict[str, Any] = client.get(ENTER).json()
    return options


def enter(device: PasskeyDevice) -> Client:
    client = visitor()
    post(client, ENTER, device.get(options_of(client)))
    return client


def owner(email: str = "ada@acme.org") -> tuple[User, PasskeyDevice, Client]:
    """Somebody with one passkey, still signed in."""
    user, device, client = verified(email), PasskeyDevice(), visitor()
    sign_in(client, email)
    add(client, device)
    return user, device, client


@pytest.mark.django_db(transaction=True)
def test_a_passkey_is_added_and_then_signs_in_without_anything_else() -> None:
    user, device, client = verified(), PasskeyDevice(), visitor()
    sign_in(client, user.email)
    assert add(client, device).headers["Location"] == CODES
    assert mail.outbox[-1].subject == "A passkey was added"
    assert [one.wrap().name for one in passkeys_of(user)] == ["Firefox on Linux"]
    added = AuditEvent.objects.filter(kind=AuditKind.SECOND_FACTOR_ADDED, user=user)
    assert {event.details["factor"] for event in added} == {"webauthn", "recovery_codes"}
    assert add(client, PasskeyDevice(), "Desk").headers["Location"] == INDEX

    other = visitor()
    answer = post(other, ENTER, device.get(options_of(other)))
    assert answer.headers["Location"] == "/chat/"
    assert who(other) == user
    assert other.get("/accounts/email/").status_code == 200
    assert "last used" in other.get(INDEX).content.decode()


def test_after_the_password_a_passkey_or_a_recovery_code_is_asked_for() -> None:
    user, device, _ = owner()
    recovery = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    for answers in ("passkey", "code"):
        client = visitor()
        assert sign_in(client, user.email) == AFTER_PASSWORD
        page = client.get(AFTER_PASSWORD)
        assert "enter a recovery code" in page.content.decode()
        assert client.get("/accounts/email/").status_code == 302
        if answers == "passkey":
            options = page.context["js_data"]["request_options"]
            answer = post(client, AFTER_PASSWORD, device.get(options))
        else:
            code = recovery.wrap().get_unused_codes()[0]
            answer = client.post(AFTER_PASSWORD, {"code": code})
        assert answer.headers["Location"] == "/chat/"


def test_another_ones_passkey_does_not_follow_a_password() -> None:
    user, _, _ = owner()
    _, foreign, _ = owner("eve@acme.org")
    client = visitor()
    sign_in(client, user.email)
    options = client.get(AFTER_PASSWORD).context["js_data"]["request_options"]
    assert REFUSED in post(client, AFTER_PASSWORD, foreign.get(options)).content.decode()
    assert who(client) is None


Spoil = Callable[[PasskeyDevice, dict[str, Any]], dict[str, Any]]


def at(origin: str) -> Spoil:
    def spoil(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
        device.origin = origin
        return device.get(options)

    return spoil


def without_verification(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
    device.flags = PRESENT
    return device.get(options)


def of_another_challenge(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
    options["publicKey"]["challenge"] = encoded(bytes(32))
    return device.get(options)


def for_another_host(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
    options["publicKey"]["rpId"] = "evil.example"
    return device.get(options)


def with_another_signature(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
    answer = device.get(options)
    data = bytearray(decoded(answer["response"]["authenticatorData"]))
    data[-1] ^= 1
    answer["response"]["authenticatorData"] = encoded(bytes(data))
    return answer


def of_an_unknown_device(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
    return PasskeyDevice(user_handle=device.user_handle).get(options)


def of_nobody(device: PasskeyDevice, options: dict[str, Any]) -> dict[str, Any]:
    device.user_handle = encoded(b"999999999")
    return device.get(options)


@pytest.mark.parametrize(
    "spoil",
    [
        *(at("https://evil.example"), at("http://127.0.0.1"), at("https://localhost.evil.example")),
        *(without_verification, of_another_challenge, for_another_host, with_another_signature),
        *(of_an_unknown_device, of_nobody),
    ],
)
def test_an_answer_with_one_thing_wrong_signs_nobody_in_and_is_told(spoil: Spoil) -> None:
    _, device, _ = owner()
    client = visitor()
    answer = post(client, ENTER, spoil(device, options_of(client)))
    assert answer.headers["Location"] == "/accounts/login/"
    assert REFUSED in client.get("/accounts/login/").content.decode()
    assert who(client) is None


def test_an_answer_works_once_and_only_in_the_session_that_asked() -> None:
    user, device, _ = owner()
    first, second = visitor(), visitor()
    answer = device.get(options_of(first))
    options_of(second)
    post(second, ENTER, answer)
    assert who(second) is None
    post(first, ENTER, answer)
    assert who(first) == user
    first.post("/accounts/logout/")
    post(first, ENTER, answer)
    assert who(first) is None


def test_who_may_not_sign_in_may_not_by_passkey_either() -> None:
    user, device, _ = owner()
    services.suspend(user=user, actor=verified("op@acme.org"), reason="test")
    assert who(enter(device)) is None


def test_a_removed_passkey_opens_nothing_and_the_last_takes_the_recovery_codes() -> None:
    user, device, client = owner()
    number = passkeys_of(user).get().pk
    assert "opens your account no more" in client.get(f"{INDEX}passkeys/{number}/remove/").text
    client.post(f"{INDEX}passkeys/{number}/remove/")
    assert not Authenticator.objects.filter(user=user).exists()
    assert mail.outbox[-1].subject == "A passkey was removed"
    assert who(enter(device)) is None
    assert sign_in(visitor(), user.email) == "/chat/"


def test_a_passkey_is_renamed_and_only_by_its_owner() -> None:
    user, _, client = owner()
    _, _, stranger = owner("eve@acme.org")
    place = f"{INDEX}passkeys/{passkeys_of(user).get().pk}"
    for act in ("name", "remove"):
        assert stranger.post(f"{place}/{act}/", {"name": "Mine"}).status_code == 404
    client.post(f"{place}/name/", {"name": "x" * (NAME_CHARACTERS_MAX + 1)})
    client.post(f"{place}/name/", {"name": ""})
    assert passkeys_of(user).get().wrap().name == "Firefox on Linux"
    client.post(f"{place}/name/", {"name": "<b>Desk</b>"})
    assert "<strong>&lt;b&gt;Desk&lt;/b&gt;</strong>" in client.get(INDEX).content.decode()


def test_an_account_has_only_so_many() -> None:
    user, _, client = owner()
    row = passkeys_of(user).get()
    for _ in range(PASSKEYS_MAX - 1):
        Authenticator.objects.create(user=user, type=row.type, data=row.data)
    assert "as many passkeys as" in add(client, PasskeyDevice()).content.decode()
    assert passkeys_of(user).count() == PASSKEYS_MAX


def test_a_device_that_asks_nobody_is_not_added() -> None:
    user, client = verified(), visitor()
    sign_in(client, user.email)
    assert REFUSED in add(client, PasskeyDevice(flags=PRESENT)).content.decode()
    assert not selectors.has_second_factor(user)


def test_who_has_not_signed_in_just_now_confirms_by_passkey() -> None:
    user, device, client = owner()
    session = client.session
    for record in (records := session["account_authentication_methods"]):
        record["at"] -= 3600
    session["account_authentication_methods"] = records
    session.save()
    number = passkeys_of(user).get().pk
    for place in (ADD, f"{INDEX}passkeys/{number}/name/", f"{INDEX}passkeys/{number}/remove/"):
        assert client.get(place).headers["Location"].startswith("/accounts/reauthenticate/")
    page = client.get(CONFIRM, {"next": ADD})
    assert REFUSED in post(client, CONFIRM, PasskeyDevice().create(UNASKED)).content.decode()
    page = client.get(CONFIRM, {"next": ADD})
    options = page.context["js_data"]["request_options"]
    answer = post(client, CONFIRM, device.get(options), next=ADD)
    assert answer.headers["Location"] == ADD
    assert client.get(ADD).status_code == 200


UNASKED: Final = {
    "publicKey": {"user": {"id": "MQ"}, "rp": {"id": "localhost"}, "challenge": encoded(bytes(32))}
}


def test_staff_come_into_the_admin_with_a_passkey(settings: Settings) -> None:
    settings.ACCOUNTS_STAFF_SECOND_FACTOR = True
    user, device, _ = owner()
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    assert enter(device).get("/admin/accounts/user/").status_code == 200


def test_an_unconfirmed_address_has_no_passkeys() -> None:
    user, client = services.sign_up(email="ada@acme.org", password=PASSWORD), visitor()
    client.force_login(user)
    assert client.get(ADD).status_code == 302


RAW: Final = (
    *("", "null", "[]", "1", '"x"', "{", "{}", '{"response": []}', '{"id": "\\ud800"}'),
    *("[" * CREDENTIAL_CHARACTERS_MAX, '{"a":' * 3000 + "1" + "}" * 3000),
    f'"{"x" * CREDENTIAL_CHARACTERS_MAX}"',
)


def test_what_is_no_answer_of_a_browser_is_refused() -> None:
    user, _, client = owner()
    half = visitor()
    sign_in(half, user.email)
    for raw in RAW:
        for asker, place in ((client, ADD), (half, AFTER_PASSWORD), (client, CONFIRM)):
            asker.get(place)
            assert post(asker, place, raw).status_code == 200
        assert enter_with(raw).headers["Location"] == "/accounts/login/"
    assert passkeys_of(user).count() == 1


def enter_with(raw: str) -> Any:
    client = visitor()
    options_of(client)
    return post(client, ENTER, raw)


ASCII: Final = st.text("aA0-_=", max_size=20)
VALUES: Final = st.recursive(
    st.none() | st.integers() | ASCII | st.binary(max_size=80).map(encoded),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ASCII, inner, max_size=3),
    max_leaves=5,
)
PARTS: Final = (
    *("id", "rawId", "type", "clientExtensionResults", "response"),
    *("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"),
)


def test_a_made_up_part_of_an_answer_is_no_failure_of_ours() -> None:
    _, device, client = owner()

    @hypothesis_settings(max_examples=20)
    @given(part=st.sampled_from(PARTS), value=VALUES)
    def holds(part: str, value: Any) -> None:
        anybody = visitor()
        used = device.get(options_of(anybody))
        made = PasskeyDevice().create(dict(client.get(ADD).context["options"]))
        for answer in (used, made):
            (answer["response"] if part in answer["response"] else answer)[part] = value
        assert post(anybody, ENTER, used).status_code == 302
        assert post(client, ADD, made).status_code in (200, 302)

    holds()
