"""Nobody among the staff makes themselves, or a friend, more than they are: every page tried."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls.resolvers import URLPattern, URLResolver

from accounts import seeds
from accounts.models import User
from billing.roles import SUPPORT
from tests.accounts.people import PASSWORD, sign_in, verified

pytestmark = pytest.mark.django_db

# The parts of the admin that are about people and their ways in.
PEOPLES = ("account", "accounts", "auth", "mfa", "socialaccount")
RIGHTS = ("email", "password", "is_staff", "is_superuser", "is_active", "suspended_at")


@pytest.fixture(params=["the group of support", "every permission there is"])
def staff(request: pytest.FixtureRequest) -> User:
    user = User.objects.create_user("support@acme.org", PASSWORD, is_staff=True)
    if request.param == "the group of support":
        user.groups.add(Group.objects.get(name=SUPPORT))
    else:
        user.user_permissions.set(Permission.objects.all())
    return user


@pytest.fixture
def others() -> list[User]:
    """Those whose rights would be worth having, and one who has none."""
    root = User.objects.create_superuser("root@acme.org", PASSWORD)
    colleague = User.objects.create_user("billing@acme.org", PASSWORD, is_staff=True)
    colleague.groups.add(Group.objects.get_or_create(name="billing")[0])
    left = User.objects.create_user("left@acme.org", PASSWORD, is_staff=True)
    User.objects.filter(pk=left.pk).update(suspended_at=left.date_joined)
    for user in (root, colleague):
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": ""})
    return [root, colleague, left]


def rights() -> dict[str, Any]:
    """Everything that makes somebody more than others, and every way in of staff."""
    powerful = User.objects.filter(is_staff=True)
    return {
        "staff": list(powerful.order_by("pk").values_list("pk", *RIGHTS)),
        "superusers": list(User.objects.filter(is_superuser=True).values_list("pk", flat=True)),
        "members": sorted(User.groups.through.objects.values_list("user", "group")),
        "own": sorted(User.user_permissions.through.objects.values_list("user", "permission")),
        "groups": sorted(Group.permissions.through.objects.values_list("group", "permission")),
        "names": sorted(Group.objects.values_list("name", flat=True)),
        "addresses": sorted(EmailAddress.objects.values_list("user", "email", "verified")),
        "factors": sorted(Authenticator.objects.values_list("user", "type")),
    }


def tempting() -> dict[str, Any]:
    """A form that asks for everything at once, under every name that a form of Django has."""
    every = list(Permission.objects.values_list("pk", flat=True))
    groups = list(Group.objects.values_list("pk", flat=True))
    more = dict.fromkeys(("is_staff", "is_superuser", "is_active", "verified", "primary"), "on")
    passwords = dict.fromkeys(("password", "password1", "password2", "new_password1"), "Mine-99-x")
    return {
        **more,
        **passwords,
        "email": "mine@acme.org",
        "name": "support",
        "groups": groups,
        "permissions": every,
        "user_permissions": every,
        "post": "yes",
        "reason": "because",
    }


def addresses(keys: list[int]) -> set[str]:
    """Every page of the admin; those of one person or group for each of the keys."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for one in patterns:
            here = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, here)
            else:
                yield here.replace("^", "").replace("$", "")

    found = set()
    for route in walk(admin.site.get_urls(), "/admin/"):
        parts = route.split("/")
        for key in keys if parts[3:4] in (["user"], ["group"]) else keys[:1]:
            found.add("/".join(str(key) if part.startswith("<") else part for part in parts))
    return {place for place in found if "(" not in place and "logout" not in place}


def test_no_form_of_the_admin_gives_rights_away(
    client: Client, staff: User, others: list[User]
) -> None:
    friend = verified("friend@acme.org")
    sign_in(client, staff.email)
    client.raise_request_exception = False
    before, form = rights(), tempting()
    groups = list(Group.objects.values_list("pk", flat=True))
    places = addresses([friend.pk, staff.pk, *[one.pk for one in others], *groups])
    if not staff.groups.exists():  # the pages of other rooms are tried by the other role
        places = {place for place in places if place.split("/")[2] in PEOPLES}
    assert len(places) > 60
    for place in sorted(places):
        client.post(place, form)
    assert rights() == before
    assert client.get("/admin/accounts/user/").status_code == 200


def test_no_action_of_the_admin_touches_staff(
    client: Client, staff: User, others: list[User]
) -> None:
    sign_in(client, staff.email)
    before, tried = rights(), 0
    for model, its_admin in admin.site._registry.items():
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        names = {getattr(one, "__name__", one) for one in its_admin.actions or ()}
        keys = [one.pk for one in (*others, staff)]
        for name in {*names, "delete_selected"}:
            fields = {"action": name, "_selected_action": keys, "reason": "because", "post": "yes"}
            assert client.post(place, fields).status_code in (200, 302, 403, 404, 405), place
            tried += 1
    assert tried > 20
    assert rights() == before


def test_the_group_of_support_is_made_once_and_keeps_what_operators_gave_it() -> None:
    group = Group.objects.get(name=SUPPORT)
    held = set(group.permissions.values_list("codename", flat=True))
    assert held >= seeds.SUPPORT_MAY
    group.permissions.add(Permission.objects.get(codename="view_session"))
    seeds.sow(using="default")
    again = set(Group.objects.get(name=SUPPORT).permissions.values_list("codename", flat=True))
    assert again == held | {"view_session"}
