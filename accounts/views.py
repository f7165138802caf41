"""The doors of the providers, and the pages of one's own account."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from allauth.account import views as stock
from allauth.account.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base import AuthProcess, ProviderException
from allauth.socialaccount.providers.oauth2.views import (
    OAuth2Adapter,
    OAuth2CallbackView,
    OAuth2LoginView,
    OAuth2View,
)
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException

from accounts import flows, identities, impersonation, open_sessions, security_log, services
from accounts.errors import LinkRefused
from accounts.evidence import PROVIDER_NAMES
from accounts.forms import DeleteForm
from accounts.id_tokens import TokenRefused
from accounts.models import AuditKind, IdentityEvidence, User
from accounts.providers import GitHubAdapter, GoogleAdapter, LinkedInAdapter

# Everything else would travel on to the provider: scope, auth_params, redirect_uri, action, …
EXPECTED: Final = frozenset({"next", "process", "csrfmiddlewaretoken"})
PROCESSES: Final = frozenset({AuthProcess.LOGIN, AuthProcess.CONNECT})
UNEXPECTED_SHOWN_MAX: Final = 10
NAME_CHARACTERS_MAX: Final = 50


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to a provider, to sign in or to link."""
    adapter = _adapter(request, provider_id)
    get_adapter().take_turn("provider")
    names = {*request.GET, *request.POST}
    processes = {*request.GET.getlist("process"), *request.POST.getlist("process")}
    if names - EXPECTED or processes - PROCESSES or len(processes) > 1:
        return _refuse_parameters(request, provider_id, names - EXPECTED)
    if AuthProcess.CONNECT in processes:
        if not request.user.is_authenticated:
            return redirect("account_login")
        flows.require_fresh(request)
    return _answer(OAuth2LoginView, request, adapter)


@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the browser back from a provider."""
    adapter = _adapter(request, provider_id)
    get_adapter().take_turn("provider")
    return _answer(OAuth2CallbackView, request, adapter)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def connections(request: HttpRequest) -> HttpResponse:
    """What opens the account besides its password; a POST of `account` unlinks one."""
    assert isinstance(request.user, User)
    if request.method == "POST":
        flows.require_fresh(request)
        _unlink(request, request.user)
        return redirect("socialaccount_connections")
    return render(request, "socialaccount/connections.html", _linked(request.user))


@login_required
def set_password(request: HttpRequest) -> HttpResponse:
    """allauth's page, for which nobody is stale who has no password to be asked for."""
    if request.method == "POST":
        flows.require_fresh_without_password(request)
    response: HttpResponse = stock.password_set(request)
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """The open sessions; a POST of `session` ends that one, one of `others` all but this."""
    user = request.user
    assert isinstance(user, User)
    if request.method != "POST":
        found = open_sessions.sessions_of(user, this=request.session.session_key)
        return render(request, "accounts/sessions.html", {"sessions": found})
    if "others" in request.POST:
        ended = open_sessions.end_other_sessions(request, user=user)
        messages.success(request, _("Signed out everywhere else (%(count)s).") % {"count": ended})
        return redirect("account_sessions")
    number = _number(request.POST.get("session", ""))
    if number is not None and open_sessions.end_session(user=user, number=number):
        messages.success(request, _("That session is signed out."))
    return redirect("account_sessions")


@login_required
@require_http_methods(["GET", "HEAD"])
def security(request: HttpRequest) -> HttpResponse:
    """What was done to the account."""
    assert isinstance(request.user, User)
    entries = security_log.entries_of(request.user)
    return render(request, "accounts/security.html", {"entries": entries})


@login_required
@require_POST
def end_impersonation(request: HttpRequest) -> HttpResponse:
    """Show staff their own account again."""
    impersonation.leave(request.session, cause="ended")
    return redirect("admin:accounts_user_changelist" if request.user.is_staff else "home")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """What deleting the account means; a POST of its address as `email` does it."""
    user = request.user
    assert isinstance(user, User)
    flows.require_fresh(request, back="account_delete")
    form = DeleteForm(request.POST or None, user=user)
    if not form.is_valid():
        return render(request, "accounts/delete.html", {"form": form})
    address = user.email
    services.delete_account(user=user, reason="the user asked for it")
    logout(request)
    get_adapter().send_mail("accounts/email/account_deleted", address, {})
    return redirect("account_deleted")


@require_GET
def deleted(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/deleted.html")


def fresh_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page of the second factor, for who is signed in and has proven it just now."""

    @never_cache
    @login_required
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        flows.require_fresh(request, back="mfa_index")
        return view(request, *args, **kwargs)

    return answer


def _number(text: str) -> int | None:
    """The key of a row as a form sends it; None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _adapter(request: HttpRequest, provider_id: str) -> OAuth2Adapter:
    try:
        if provider_id == "linkedin":
            adapter: OAuth2Adapter = LinkedInAdapter(request, provider_id)
        else:
            adapter = {"google": GoogleAdapter, "github": GitHubAdapter}[provider_id](request)
        adapter.get_provider()
    except (KeyError, SocialApp.DoesNotExist):
        raise Http404 from None
    return adapter


def _answer(view: type[OAuth2View], request: HttpRequest, adapter: OAuth2Adapter) -> HttpResponse:
    try:
        response: HttpResponse = view.adapter_view(adapter)(request)
    except (TokenRefused, ProviderException, RequestException) as error:
        response = render_authentication_error(request, adapter.get_provider(), exception=error)
    return response


def _refuse_parameters(request: HttpRequest, provider_id: str, names: set[str]) -> HttpResponse:
    services.audit(
        AuditKind.PROVIDER_REFUSED,
        provider=provider_id,
        reason="parameters",
        names=[name[:NAME_CHARACTERS_MAX] for name in sorted(names)[:UNEXPECTED_SHOWN_MAX]],
    )
    return render(request, "socialaccount/authentication_error.html", status=HTTPStatus.BAD_REQUEST)


def _unlink(request: HttpRequest, user: User) -> None:
    account = _number(request.POST.get("account", ""))
    if account is None:
        return
    row = SocialAccount.objects.filter(pk=account, user=user).first()
    if row is None:
        return
    identity = IdentityEvidence.objects.filter(
        user=user, provider=row.provider, subject=row.uid, unlinked_at=None
    ).first()
    if identity is None:
        return
    name = PROVIDER_NAMES[identity.provider]
    try:
        identities.unlink(user=user, identity=identity)
    except LinkRefused:
        messages.error(
            request,
            _("%(name)s is your only way to sign in. Set a password first.") % {"name": name},
        )
        return
    messages.success(
        request, _("%(name)s is unlinked: it opens your account no more.") % {"name": name}
    )


def _linked(user: User) -> dict[str, Any]:
    keys = dict(SocialAccount.objects.filter(user=user).values_list("uid", "pk"))
    linked = list(user.identities.filter(unlinked_at=None))
    return {
        "linked": [
            {
                "account": keys.get(identity.subject),
                "name": PROVIDER_NAMES.get(identity.provider, identity.provider),
                "identity": identity,
                "is_last_way_in": len(linked) == 1 and not user.has_usable_password(),
            }
            for identity in linked
        ],
        "linked_providers": {identity.provider for identity in linked},
    }
