"""The pages of one's email address and of leaving it for another."""

from typing import Any

from allauth.account import views as stock
from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm, BaseConfirmCodeForm
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import flows, second_factor
from accounts.address_change import Leaving
from accounts.models import User


class FactorForm(forms.Form):
    """Instead of the mailed code, for who reads that mailbox no more."""

    factor = forms.CharField(
        label=_("Code of your app, or a recovery code"),
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_factor(self) -> str:
        code = str(self.cleaned_data["factor"])
        if second_factor.check_code(user=self.user, code=code) is None:
            raise get_adapter().validation_error("incorrect_code")
        return code


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def email(request: HttpRequest) -> HttpResponse:
    """allauth's page; a proven address is left only with its mailbox's consent."""
    user = request.user
    assert isinstance(user, User)
    if request.method == "POST" and "action_send" not in request.POST:
        flows.require_fresh_without_password(request)
    if "action_add" in request.POST and user.verified_at is not None:
        form = AddEmailForm(user, request.POST)
        if form.is_valid():
            raise_if_reauthentication_required(request, app="allauth.account")
            Leaving.begin(request, user=user, address=form.cleaned_data["email"])
            return redirect("account_leave_address")
    response: HttpResponse = stock.email(request)
    return response


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    """Take the code of the present mailbox, or one of the second factor in its place."""
    user = request.user
    assert isinstance(user, User)
    leaving = Leaving.of(request, user=user)
    if leaving is None:
        return redirect("account_email")
    if request.method != "POST":
        return _page(request, user, leaving, BaseConfirmCodeForm())
    # Before a code is used up: who must prove themselves again comes back to this very step.
    flows.require_fresh_without_password(request)
    raise_if_reauthentication_required(request, app="allauth.account")
    if request.POST.get("action") == "resend":
        if leaving.can_resend:
            leaving.resend()
        return redirect("account_leave_address")
    if "factor" in request.POST:
        proof = FactorForm(request.POST, user=user)
        return (
            _finish(request, leaving)
            if proof.is_valid()
            else _page(request, user, leaving, BaseConfirmCodeForm(), proof)
        )
    form = BaseConfirmCodeForm(request.POST, code=leaving.code)
    if form.is_valid():
        return _finish(request, leaving)
    if leaving.record_invalid_attempt():
        return _page(request, user, leaving, form)
    messages.error(request, _("Too many wrong codes. Ask for the change again to get a new one."))
    return redirect("account_email")


def _finish(request: HttpRequest, leaving: Leaving) -> HttpResponse:
    if leaving.finish():
        return redirect("account_email_verification_sent")
    messages.error(request, _("That address cannot be used. Choose another one."))
    return redirect("account_email")


def _page(
    request: HttpRequest,
    user: User,
    leaving: Leaving,
    form: BaseConfirmCodeForm,
    proof: FactorForm | None = None,
) -> HttpResponse:
    shown: dict[str, Any] = {
        "email": user.email,
        "address": leaving.address,
        "verify_form": form,
        "can_resend": leaving.can_resend,
        "has_factor": second_factor.has_codes(user),
        "factor_form": proof or FactorForm(user=user),
    }
    return render(request, "accounts/leave_address.html", shown)
