"""The pages of passkeys: add, rename, remove, sign in, confirm."""

from allauth.account.adapter import get_adapter
from allauth.account.models import Login
from allauth.mfa.internal.flows.add import redirect_if_add_not_allowed
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import views as stock
from allauth.mfa.webauthn.internal import flows
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import passkeys
from accounts.models import User
from accounts.second_factor import SecondFactorAdapter

_PAGE_METHODS = ["GET", "HEAD", "POST"]


@redirect_if_add_not_allowed  # type: ignore[untyped-decorator]  # allauth has no types
@require_http_methods(_PAGE_METHODS)
def add(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    form = passkeys.AddForm(request.POST or None, user=user)
    if form.is_valid():
        _, new_codes = flows.add_authenticator(
            request, name=form.cleaned_data["name"], credential=form.cleaned_data["credential"]
        )
        return redirect("mfa_index" if new_codes is None else "mfa_view_recovery_codes")
    shown = {"form": form, "options": passkeys.creation_options(user)}
    return render(request, "mfa/webauthn/add_form.html", shown)


@require_http_methods(_PAGE_METHODS)
def rename(request: HttpRequest, number: int) -> HttpResponse:
    passkey = _passkey(request, number)
    name = passkey.wrap().name
    form = passkeys.RenameForm(request.POST or None, initial={"name": name})
    if form.is_valid():
        flows.rename_authenticator(request, passkey, form.cleaned_data["name"])
        return redirect("mfa_index")
    shown = {"form": form, "name": name, "number": number}
    return render(request, "mfa/webauthn/edit_form.html", shown)


@require_http_methods(_PAGE_METHODS)
def remove(request: HttpRequest, number: int) -> HttpResponse:
    passkey = _passkey(request, number)
    if request.method == "POST":
        flows.remove_authenticator(request, passkey)
        return redirect("mfa_index")
    shown = {"name": passkey.wrap().name, "number": number}
    return render(request, "mfa/webauthn/authenticator_confirm_delete.html", shown)


@never_cache
@require_http_methods(_PAGE_METHODS)
def login(request: HttpRequest) -> HttpResponse:
    """GET: what the browser is to ask for, as JSON; a POST of its answer signs in."""
    get_adapter().take_turn("login")
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if request.method != "POST":
        return JsonResponse(dict(passkeys.request_options()))
    form = passkeys.LoginForm(request.POST)
    if not form.is_valid():
        messages.error(request, SecondFactorAdapter.error_messages["incorrect_passkey"])
        return redirect("account_login")
    passkey = form.cleaned_data["credential"]
    response: HttpResponse = flows.perform_passwordless_login(
        request, passkey, Login(user=passkey.user)
    )
    return response


class ReauthenticateView(stock.ReauthenticateWebAuthnView):  # type: ignore[misc]  # no types
    """allauth's page, which stays where it is when a passkey is refused."""

    def form_invalid(self, form: passkeys.ReauthenticateForm) -> HttpResponse:
        response: HttpResponse = self.render_to_response(self.get_context_data() | {"form": form})
        return response


def _passkey(request: HttpRequest, number: int) -> Authenticator:
    assert isinstance(request.user, User)
    return get_object_or_404(passkeys.passkeys_of(request.user), pk=number)
