"""Everybody who may knock at a door, and what one of them has that nobody else may touch."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone

from accounts import impersonation
from accounts.models import TokenScope, User
from accounts.services import mark_verified
from billing import roles
from billing import services as billing
from billing.models import Grant
from chat import prompts, shares, uploads
from chat.models import Folder
from tests.chat.api_people import pays, program, token_of
from tests.chat.test_branches import answer, say

FORM: Final = "application/x-www-form-urlencoded"
PASSWORD: Final = "Correct-horse-7-battery"
STAFF: Final = ("staff", "support", "billing", "boss")
PROGRAMS: Final = ("reader", "writer", "unpaid")
PERSONS: Final = ("owner", "other", "unverified")
# `weak` is a superuser without the second factor that a deployment asks for; `looking` is support
# while it looks at the owner's account.
ROLES: Final = ("nobody", "suspended", *PROGRAMS, *PERSONS, *STAFF, "weak", "looking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One owner with one of everything, by the names that addresses call it by."""

    owner: User
    ids: dict[str, str]


def scene() -> Scene:
    owner = pays(person("owner"))
    posted = say(owner, "c1", "What only the owner may read.")
    answer(posted.run_id, "An answer.")
    file = uploads.store_file(user=owner, name="a.txt", content=ContentFile(b"own words\n"))
    prompt = prompts.make_prompt(user=owner, name="mine", text="own words")
    ids = {
        "thread_id": posted.thread_id,
        "message_id": posted.message_id,
        "run_id": posted.run_id,
        "file_id": file.public_id,
        "folder_id": Folder.objects.create(user=owner, name="Own").public_id,
        "prompt_id": prompt.prompt_id,
        "token": shares.share_thread(user=owner, thread_id=posted.thread_id).token,
        "call_id": "call-1",
        "connection_id": "conn_1_abcdef",
        "name": "extend_trial",
    }
    return Scene(owner=owner, ids=ids)


def person(name: str, *, is_verified: bool = True, **fields: Any) -> User:
    user = User.objects.create_user(f"{name}@example.com", PASSWORD, **fields)
    return mark_verified(user=user) if is_verified else user


def client_of(role: str, scene: Scene) -> Client:
    """A browser in which somebody of that role is signed in, or their program."""
    match role:
        case "nobody":
            return Client()
        case "reader":
            return program(token_of(scene.owner, TokenScope.READ))
        case "writer":
            return program(token_of(scene.owner))
        case "unpaid":
            return program(token_without_plan())
    return browser_of(role, scene)


def token_without_plan() -> str:
    """A token of whoever paid for the API once, and does no more."""
    user = pays(person("unpaid", is_verified=False))
    token = token_of(user)
    billing.revoke(grant=Grant.objects.get(user=user), reason="over", actor=None)
    return token


def browser_of(role: str, scene: Scene) -> Client:
    client = Client()
    match role:
        case "owner":
            user = scene.owner
        case "other":
            user = pays(person("other"))
        case "unverified":
            user = person("unverified", is_verified=False)
        case "suspended":
            user = person("suspended")
        case _:
            user = staff(role)
    client.force_login(user)
    # Signed in with a password just now, so that no page asks for it first.
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session.save()
    if role == "suspended":
        # Its session is left as it was: the row alone must close the doors.
        User.objects.filter(pk=user.pk).update(suspended_at=timezone.now())
    if role == "looking":
        impersonation.begin(
            user=scene.owner, actor=user, session=client.session, reason="asked for help"
        )
    return client


def staff(role: str) -> User:
    user = person(role, is_staff=True, is_superuser=role in ("boss", "weak"))
    group = roles.SUPPORT if role == "looking" else role
    if group in roles.ROLES:
        user.groups.add(Group.objects.get(name=group))
    if role != "weak":
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": ""})
    return User.objects.get(pk=user.pk)


def routes() -> Iterator[tuple[str, str, URLPattern]]:
    """Every route there is: its name with its namespaces, its address, and the pattern."""

    def walk(
        patterns: list[URLPattern | URLResolver], address: str, spaces: str
    ) -> Iterator[tuple[str, str, URLPattern]]:
        for one in patterns:
            here = address + str(one.pattern)
            if isinstance(one, URLResolver):
                inner = f"{spaces}{one.namespace}:" if one.namespace else spaces
                yield from walk(one.url_patterns, here, inner)
            else:
                yield f"{spaces}{one.name or here}", here, one

    return walk(get_resolver().url_patterns, "/", "")


def outcome(response: Any) -> str:
    """What a door did: let in, sent to sign in, refused, or said that there is nothing."""
    status = response.status_code
    assert status < HTTPStatus.INTERNAL_SERVER_ERROR, response.content
    if status == HTTPStatus.FOUND and "/login/" in response["Location"]:
        return "sign in"
    told = {401: "who are you", 403: "no", 404: "nothing", 405: "no such method"}
    return told.get(status, "in")


@contextmanager
def left_as_it_was(client: Client) -> Iterator[None]:
    """Leave nothing of a request behind, in the database or in the browser."""
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    # A door that signs out takes them away; the session is there again.
    client.cookies = cookies


def knock(client: Client, method: str, address: str) -> str:
    kind = "application/json" if address.startswith("/api/") else FORM
    with left_as_it_was(client):
        return outcome(client.generic(method, address, content_type=kind))
