"""Journeys over several requests: linking an identity, and what stands in its way."""

import time
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts import identities, services
from accounts.errors import LinkRefusal, LinkRefused
from accounts.evidence import PROVIDER_NAMES, Authority, Evidence
from accounts.models import AuditKind, User
from accounts.providers import Arrival

WAITING_SESSION_KEY: Final = "accounts_waiting_link"
# As long as a mailed code counts: who must reset a password first can still be in time.
WAITS_S: Final = 15 * 60
STATUS: Final = {
    LinkRefusal.NO_ADDRESS: HTTPStatus.FORBIDDEN,
    LinkRefusal.ADDRESS_TAKEN: HTTPStatus.CONFLICT,
    LinkRefusal.ADDRESS_UNPROVEN: HTTPStatus.CONFLICT,
    LinkRefusal.OTHER_ACCOUNT: HTTPStatus.CONFLICT,
    LinkRefusal.LAST_WAY_IN: HTTPStatus.CONFLICT,
    LinkRefusal.NOT_FRESH: HTTPStatus.FORBIDDEN,
    LinkRefusal.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
}


def is_fresh(request: HttpRequest) -> bool:
    """Has the person proven who they are within the last minutes, by whatever method?"""
    records = get_authentication_records(request, request.user)
    newest = max((float(record["at"]) for record in records), default=0.0)
    return request.user.is_authenticated and time.time() - newest < REAUTHENTICATION_TIMEOUT


def require_fresh(request: HttpRequest, *, back: str = "socialaccount_connections") -> None:
    """Ask who has a password or a second factor for it, and send others through their provider.

    `back` names the page of ours that they come back to.
    """
    if is_fresh(request):
        return
    if get_adapter().get_reauthentication_methods(request.user):
        raise ReauthenticationRequired
    shown = {"back": reverse(back)}
    page = render(request, "accounts/sign_in_again.html", shown, status=HTTPStatus.FORBIDDEN)
    raise ImmediateHttpResponse(page)


def require_fresh_without_password(request: HttpRequest) -> None:
    """Ask who has no password that allauth's own pages could ask for."""
    if request.user.is_authenticated and not request.user.has_usable_password():
        require_fresh(request)


def link_to_signed_in(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    """Link what arrived to whoever asked for that, and is still signed in and fresh."""
    user = request.user
    if not isinstance(user, User):
        return redirect("account_login")
    try:
        if not is_fresh(request):
            raise LinkRefused(LinkRefusal.NOT_FRESH)
        _link(request, user, arrival.evidence)
    except LinkRefused as refusal:
        return _refuse(request, arrival.evidence, refusal, user=user)
    return redirect(arrival.get_redirect_url(request) or "socialaccount_connections")


def refuse_arrival(request: HttpRequest, arrival: Arrival, refusal: LinkRefused) -> HttpResponse:
    """Say why nobody is signed in; who owns the address may sign in otherwise and then links."""
    if refusal.owner is not None:
        request.session[WAITING_SESSION_KEY] = {
            "evidence": asdict(arrival.evidence),
            "at": time.time(),
        }
    return _refuse(request, arrival.evidence, refusal, user=None)


def link_what_waited(request: HttpRequest, user: User) -> None:
    """After signing in: link the identity that found its own address taken, if it is theirs."""
    waiting = request.session.pop(WAITING_SESSION_KEY, None)
    if waiting is None or time.time() - waiting["at"] > WAITS_S:
        return
    evidence = _evidence(waiting["evidence"])
    if evidence.address != user.email:
        return
    try:
        _link(request, user, evidence)
    except LinkRefused as refusal:
        _note_refusal(evidence, refusal, user=user)
        messages.error(request, f"{PROVIDER_NAMES[evidence.provider]} could not be linked.")


def _link(request: HttpRequest, user: User, evidence: Evidence) -> None:
    identities.link(user=user, evidence=evidence)
    messages.success(
        request, f"{PROVIDER_NAMES[evidence.provider]} is linked: you can sign in with it."
    )


def _refuse(
    request: HttpRequest, evidence: Evidence, refusal: LinkRefused, *, user: User | None
) -> HttpResponse:
    _note_refusal(evidence, refusal, user=user)
    owner = refusal.owner
    shown = {
        "reason": refusal.reason.value,
        "provider": PROVIDER_NAMES[evidence.provider],
        "address": evidence.address,
        "by_password": owner is not None and owner.has_usable_password(),
        "by_providers": [] if owner is None else _providers_of(owner),
    }
    return render(request, "accounts/link_refused.html", shown, status=STATUS[refusal.reason])


def _note_refusal(evidence: Evidence, refusal: LinkRefused, *, user: User | None) -> None:
    services.audit(
        AuditKind.LINK_REFUSED,
        user=user or refusal.owner,
        actor=user,
        provider=evidence.provider,
        reason=refusal.reason.value,
    )


def _providers_of(user: User) -> list[str]:
    linked = user.identities.filter(unlinked_at=None).values_list("provider", flat=True)
    return sorted({PROVIDER_NAMES.get(provider, provider) for provider in linked})


def _evidence(stored: dict[str, Any]) -> Evidence:
    return Evidence(**stored | {"authority": Authority(stored["authority"])})
