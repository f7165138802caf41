"""Every page, every operation of the API and every part of the admin, by everybody who may knock.

A route without a row here fails. What an act of staff changes is in `tests/billing/test_roles.py`
and `tests/accounts/test_roles.py`; frames of the socket are in `test_authorisation_frames.py`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from chat.api.routes import api
from tests.chat.test_api import call
from tests.netra.knocking import (
    PERSONS,
    PROGRAMS,
    ROLES,
    STAFF,
    Scene,
    client_of,
    knock,
    left_as_it_was,
    outcome,
    routes,
    scene,
    staff,
)

pytestmark = pytest.mark.django_db
# The rest of them cost half a minute, and differ from these in what other files test.
SOON: Final = ("nobody", "suspended", "other")
SIGNED_IN: Final = (*PERSONS, *STAFF, "weak", "looking")

# For all; for all that are signed in; for the owner of what the address names; for nobody.
ALL, OWN, OWNED, NONE = "all", "own", "owned", "nothing"
# Who is signed in is told that there is nothing, or no such method; others sign in first.
OWN_NONE, OWN_NO_METHOD = "own: nothing", "own: no such method"
NO_METHOD, AWAY, UNKNOWN = "no such method", "sign in", "who are you"
_READ, _FORM, _DOOR = (ALL, NO_METHOD), (OWN, OWN), (NONE, NONE)

# What GET and what POST is for.
PAGES: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("health_live", "robots", "web_manifest", "home", "guide", "share"), _READ),
    **dict.fromkeys(("account_deleted", "account_inactive"), _READ),
    **dict.fromkeys(("account_password_reset_completed", "socialaccount_login_cancelled"), _READ),
    **dict.fromkeys(("account_login", "account_signup", "account_reset_password"), (ALL, ALL)),
    **dict.fromkeys(("account_complete_password_reset", "api:openapi-json"), (ALL, ALL)),
    **dict.fromkeys(("account_profile", "account_email", "account_leave_address"), _FORM),
    **dict.fromkeys(("account_set_password", "account_change_password"), _FORM),
    **dict.fromkeys(("account_reauthenticate", "account_email_verification_sent"), _FORM),
    **dict.fromkeys(("account_confirm_login_code", "account_delete", "account_export"), _FORM),
    **dict.fromkeys(("account_sessions", "account_tokens", "socialaccount_connections"), _FORM),
    **dict.fromkeys(("mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp"), _FORM),
    **dict.fromkeys(("mfa_deactivate_totp", "mfa_view_recovery_codes"), _FORM),
    **dict.fromkeys(("mfa_generate_recovery_codes", "mfa_download_recovery_codes"), _FORM),
    **dict.fromkeys(("mfa_add_webauthn", "mfa_edit_webauthn", "mfa_remove_webauthn"), _FORM),
    "mfa_reauthenticate_webauthn": _FORM,
    "mfa_login_webauthn": (ALL, OWN),
    **dict.fromkeys(("mfa_index", "account_security"), (OWN, OWN_NO_METHOD)),
    **dict.fromkeys(("plan", "plan_paid", "chat", "api_reference"), (OWN, NO_METHOD)),
    "thread": (OWNED, NO_METHOD),
    "account_logout": (OWN, AWAY),
    "account_confirm_password_reset_code": (AWAY, AWAY),
    "impersonation_end": (OWN_NO_METHOD, OWN),
    "plan_checkout": (NO_METHOD, OWN_NONE),
    "plan_portal": (NO_METHOD, OWN),
    "policy_report": (NO_METHOD, ALL),
    "stripe_webhook": (NO_METHOD, NONE),  # without a signature
    "socialaccount_login_error": (UNKNOWN, NO_METHOD),
    # Providers without a client, and what is no route of the API.
    **dict.fromkeys(("google_login", "github_login", "openid_connect_login"), _DOOR),
    **dict.fromkeys(("google_callback", "github_callback"), (NONE, NO_METHOD)),
    "openid_connect_callback": (NONE, NO_METHOD),
    "api:api-root": _DOOR,
}
# The first closes database connections, which would end the transaction of these tests: it is in
# test_health.py. The others are asynchronous: test_authorisation_frames.py.
ELSEWHERE: Final = {"health_ready", "open_socket", "send_frames"}
WITHOUT_CSRF: Final = {"policy_report", "stripe_webhook"}
OWN_DOORS: Final = {"account_logout", "impersonation_end"}

# Reads at another level of isolation, for which no transaction may have begun; see test_api.py.
WHOLE_TRANSACTION: Final = {"GET /api/threads/{thread_id}/messages"}
OPERATIONS: Final[Mapping[str, str]] = {
    "GET /api/threads": OWN,
    "GET /api/threads/{thread_id}": OWNED,
    "PATCH /api/threads/{thread_id}": OWNED,
    "DELETE /api/threads/{thread_id}": OWNED,
    "POST /api/threads/{thread_id}/restore": NONE,  # it is not in the bin
    "GET /api/threads/{thread_id}/messages": OWNED,
    "GET /api/threads/{thread_id}/events": OWNED,
    "GET /api/threads/{thread_id}/export": OWNED,
    "GET /api/threads/{thread_id}/share": OWNED,
    "POST /api/threads/{thread_id}/share": OWNED,
    "DELETE /api/threads/{thread_id}/share": OWNED,
    "GET /api/folders": OWN,
    "POST /api/folders": OWN,
    "PATCH /api/folders/{folder_id}": OWNED,
    "DELETE /api/folders/{folder_id}": OWNED,
    "GET /api/search": OWN,
    "GET /api/prompts": OWN,
    "POST /api/prompts": OWN,
    "PATCH /api/prompts/{prompt_id}": OWNED,
    "DELETE /api/prompts/{prompt_id}": OWNED,
    "POST /api/messages": OWNED,
    "POST /api/agui/run": OWNED,
    "GET /api/runs/{run_id}": OWNED,
    "POST /api/runs/{run_id}/stop": OWNED,
    "POST /api/runs/{run_id}/calls/{call_id}/decision": NONE,  # nothing waits
    "PUT /api/runs/{run_id}/feedback": OWNED,
    "DELETE /api/runs/{run_id}/feedback": OWNED,
    "GET /api/files": OWN,
    "POST /api/files": OWN,
    "GET /api/files/{file_id}": OWNED,
    "GET /api/files/{file_id}/content": OWNED,
    "GET /api/models": OWN,
    "GET /api/entitlements": OWN,
    "GET /api/usage": OWN,
}

# What support, billing and superusers may: view, edit, add, delete; staff without a group nothing.
_SEEN, _SEEN_BY_BOSS = ("v", "v", "v"), ("", "", "v")
_BOSS_ALONE = ("", "", "vead")
MODELS: Final[Mapping[str, tuple[str, str, str]]] = {
    "accounts.auditevent": ("v", "", "v"),
    "accounts.domainpolicy": _BOSS_ALONE,
    "accounts.identityevidence": ("v", "", "v"),
    "accounts.loginfailure": ("v", "", "vd"),
    "accounts.providertier": _BOSS_ALONE,
    "accounts.user": ("ve", "v", "vea"),
    "auth.group": _BOSS_ALONE,
    "billing.dashboard": ("", "v", "v"),
    **dict.fromkeys(("billing.account", "billing.bulkaction", "billing.customer"), _SEEN),
    **dict.fromkeys(("billing.reservation", "billing.subscription", "billing.tierchange"), _SEEN),
    **dict.fromkeys(("billing.trialclaim", "billing.trialextension"), _SEEN),
    **dict.fromkeys(("billing.trialreminder", "billing.usagecounter"), _SEEN),
    **dict.fromkeys(("billing.usagewarning", "billing.webhookevent"), _SEEN),
    **dict.fromkeys(("billing.feature", "billing.trialpolicy"), ("v", "v", "vea")),
    **dict.fromkeys(("billing.featureoverride", "billing.grant"), ("v", "va", "va")),
    "billing.price": ("v", "v", "va"),
    "billing.tierlimit": ("v", "v", "ve"),
    **dict.fromkeys(("chat.agentmodel", "chat.mcpserver"), _BOSS_ALONE),
    **dict.fromkeys(("chat.connections", "chat.dailyusage", "chat.deadletter"), _SEEN_BY_BOSS),
    **dict.fromkeys(("chat.feedback", "chat.file", "chat.message"), _SEEN_BY_BOSS),
    **dict.fromkeys(("chat.run", "chat.thread", "procrastinate.procrastinatejob"), _SEEN_BY_BOSS),
}
_LOOKS_AFTER_PEOPLE: Final = "evict_claim look reinstate remove_second_factor suspend"
_PLANS: Final = "extend_trial grant override revoke_kind"
# The same three; for a model that is not here nobody has any but the deleting of rows.
ACTIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    "accounts.user": (_LOOKS_AFTER_PEOPLE, "", _LOOKS_AFTER_PEOPLE),
    "billing.account": ("extend_trial", _PLANS, _PLANS),
    "billing.customer": ("", "read", "read"),
    "billing.featureoverride": ("", "end", "end"),
    "billing.grant": ("extend", "approve extend revoke", "approve extend revoke"),
    "billing.webhookevent": ("", "retry", "retry"),
    "chat.deadletter": ("", "", "discard replay"),
    "procrastinate.procrastinatejob": ("", "", "abort cancel retry"),
}
# Pages of the admin that are not a model's own: who of those four may GET, and who may POST.
_ANY: Final = frozenset(STAFF)
_GIVERS, _BOSS = frozenset({"billing", "boss"}), frozenset({"boss"})
_NOBODY: Final = frozenset[str]()
ADMIN_PAGES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "admin:index": (_ANY, _ANY),
    "admin:jsi18n": (_ANY, _NOBODY),
    "admin:password_change_done": (_ANY, _NOBODY),
    "admin:autocomplete": (_NOBODY, _NOBODY),  # no field that it could complete is named
    "admin:billing_account_export": (_GIVERS, _GIVERS),
    "admin:billing_account_bulk": (_NOBODY, _NOBODY),  # nobody was chosen
    "admin:chat_connections_fail": (_BOSS, _BOSS),
    "admin:chat_agentmodel_test": (_NOBODY, _NOBODY),  # no such model
    "admin:chat_mcpserver_check": (_NOBODY, _NOBODY),  # no such server
    "admin:view_on_site": (_NOBODY, _NOBODY),  # no such row
}
# The last leads everybody to the page of their own account.
OWN_LOGIN: Final = {"admin:login", "admin:logout", "admin:password_change"}
# The pages of a model, and which right opens each.
SUFFIXES: Final = {"changelist": "v", "change": "v", "history": "v", "add": "a", "delete": "d"}
ONLY_LISTED: Final = {"chat.connections", "billing.dashboard"}


@pytest.fixture
def world(settings: Settings) -> Scene:
    settings.ACCOUNTS_STAFF_SECOND_FACTOR = True
    return scene()


def expected(verdict: str, name: str, method: str, role: str) -> str:
    """What a door does with somebody of that role."""
    if role == "looking" and name not in OWN_DOORS and not is_shown(name, method):
        return "no"
    if role in PROGRAMS and method != "GET" and name not in WITHOUT_CSRF:
        return "no"  # pages ask everybody for their CSRF token
    told = {ALL: "in", AWAY: "sign in", NONE: "nothing"}
    if verdict in (ALL, AWAY, NONE, NO_METHOD, UNKNOWN):
        return told.get(verdict, verdict)
    if role not in SIGNED_IN:
        return "sign in"
    owns = verdict != OWNED or role in ("owner", "looking")
    return {OWN_NONE: "nothing", OWN_NO_METHOD: NO_METHOD}.get(verdict, "in" if owns else "nothing")


def is_shown(name: str, method: str) -> bool:
    return method == "GET" and name in settings.ACCOUNTS_IMPERSONATION_SHOWS


def expected_of_api(verdict: str, name: str, method: str, role: str) -> str:
    if role in ("nobody", "suspended"):
        return "who are you"
    if role == "unpaid" or (role == "reader" and method != "GET"):
        return "no"
    if role == "looking" and not is_shown(name, method):
        return "no"
    owns = verdict == OWN or (verdict == OWNED and role in ("owner", "reader", "writer", "looking"))
    return "in" if owns else "nothing"


def address_of(route: str, ids: Mapping[str, str]) -> str:
    address = route.replace("(?P<provider_id>linkedin)", "linkedin")
    address = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: ids.get(part[1], "1"), address)
    return address.translate({ord("^"): None, ord("$"): None})


def test_every_route_has_its_row(world: Scene) -> None:
    names = {name for name, _route, _pattern in routes()}
    of_models = {f"admin:{model.replace('.', '_')}_{what}" for model in MODELS for what in SUFFIXES}
    rows = {*PAGES, *ELSEWHERE, *ADMIN_PAGES, *OWN_LOGIN, *of_models}
    unnamed = {"admin:/admin/(?P<url>.*)$", "admin:app_list", "/admin/password_change/"}
    left = {
        name
        for name in names - rows - unnamed
        if not name.startswith("api:") and not name.endswith("/<path:object_id>/")
    }
    assert left == set()
    assert set(PAGES) <= names
    assert set(ADMIN_PAGES) <= names
    assert {str(model._meta) for model in admin.site._registry} == set(MODELS)
    assert set(operation_names()) == set(OPERATIONS)


def operation_names() -> dict[str, str]:
    """The route of each operation of the API's document, by its method and path."""
    names = [name for name, _route, _pattern in routes() if name.startswith("api:")]
    found = {
        f"{method.upper()} {path}": operation["operationId"]
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method, operation in methods.items()
    }
    # An id is the module and the function; the function's name is the route's.
    return {
        told: next(name for name in names if made.endswith(f"_{name.removeprefix('api:')}"))
        for told, made in found.items()
    }


def pages_found(world: Scene, roles: Iterable[str]) -> dict[tuple[str, str, str], str]:
    at = {name: address_of(route, world.ids) for name, route, _pattern in routes()}
    return {
        (name, method, role): knock(client, method, at[name])
        for role in roles
        for client in [client_of(role, world)]
        for name in PAGES
        for method in ("GET", "POST")
    }


def assert_pages_are_for(world: Scene, roles: Iterable[str]) -> None:
    found = pages_found(world, roles)
    assert found == {
        (name, method, role): expected(PAGES[name][method == "POST"], name, method, role)
        for name, method, role in found
    }


def assert_operations_are_for(world: Scene, roles: Iterable[str]) -> None:
    names = operation_names()
    for role in roles:
        client = client_of(role, world)
        for told, verdict in OPERATIONS.items():
            want = expected_of_api(verdict, names[told], told.partition(" ")[0], role)
            if want == "in" and told in WHOLE_TRANSACTION:
                continue
            method, path = told.split(" ")
            with left_as_it_was(client):
                answer = call(client, method, path, world.ids)
            assert (told, role, outcome(answer)) == (told, role, want)


def test_each_page_is_for_whom_it_is_for(world: Scene) -> None:
    assert_pages_are_for(world, SOON)


@pytest.mark.chaos
def test_each_page_by_everybody(world: Scene) -> None:
    assert_pages_are_for(world, [role for role in ROLES if role not in SOON])


def test_each_operation_is_for_whom_it_is_for(world: Scene) -> None:
    assert_operations_are_for(world, SOON)


@pytest.mark.chaos
def test_each_operation_by_everybody(world: Scene) -> None:
    assert_operations_are_for(world, [role for role in ROLES if role not in SOON])


def test_staff_have_the_rights_of_their_group_and_no_others(world: Scene) -> None:
    for role in STAFF:
        request = RequestFactory().get("/admin/")
        request.user = User.objects.get(pk=staff(role).pk)
        column = STAFF.index(role) - 1
        for model, its_admin in admin.site._registry.items():
            name = str(model._meta)
            may = {
                "v": its_admin.has_view_permission(request),
                "e": its_admin.has_change_permission(request),
                "a": its_admin.has_add_permission(request),
                "d": its_admin.has_delete_permission(request),
            }
            wanted = MODELS[name][column] if column >= 0 else ""
            found = "".join(letter for letter, holds in may.items() if holds)
            assert (role, name, set(found)) == (role, name, set(wanted))
            # An action is reached through the list alone.
            acts = set(its_admin.get_actions(request)) if may["v"] else set()
            offered = set(ACTIONS.get(name, ("", "", ""))[column].split()) if column >= 0 else set()
            assert (role, name, acts - {"delete_selected"}) == (role, name, offered)


def admin_addresses(ids: Mapping[str, str]) -> dict[str, str]:
    return {
        name: address_of(route, ids)
        for name, route, _pattern in routes()
        if name.startswith("admin:") and "(" not in route and name not in OWN_LOGIN
    }


@pytest.mark.parametrize("role", ["nobody", pytest.param("other", marks=pytest.mark.chaos)])
def test_the_admin_is_closed_to_whoever_is_no_staff(world: Scene, role: str) -> None:
    client = client_of(role, world)
    for name, address in admin_addresses(world.ids).items():
        assert (name, knock(client, "GET", address)) == (name, "sign in")


@pytest.mark.parametrize(
    "role",
    ["staff", "weak", *(pytest.param(role, marks=pytest.mark.chaos) for role in STAFF[1:])],
)
def test_pages_of_the_admin_besides_are_for_whom_they_are_for(world: Scene, role: str) -> None:
    at, client = admin_addresses(world.ids), client_of(role, world)
    for name, who in ADMIN_PAGES.items():
        for method, may in zip(("GET", "POST"), who, strict=True):
            found = knock(client, method, at[name])
            assert (name, method, found == "in") == (name, method, role in may)


@pytest.mark.chaos
@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_every_model(world: Scene, role: str) -> None:
    client = client_of(role, world)
    column = STAFF.index(role) - 1 if role in STAFF else -1
    closed = "no" if role in (*STAFF, "looking") else "sign in"
    for model in admin.site._registry:
        name = str(model._meta)
        row = first_of(model)
        for what, right in SUFFIXES.items():
            of_a_row = what in ("change", "history", "delete")
            if (of_a_row and row is None) or (name in ONLY_LISTED and what != "changelist"):
                continue
            place = f"admin:{name.replace('.', '_')}_{what}"
            holds = column >= 0 and right in MODELS[name][column]
            found = knock(client, "GET", reverse(place, args=[row.pk] if of_a_row and row else []))
            assert (place, role, found) == (place, role, "in" if holds else closed)


def first_of(model: type[Model]) -> Model | None:
    is_stored = model._meta.db_table in connection.introspection.table_names()
    return model._default_manager.order_by("pk").first() if is_stored else None
