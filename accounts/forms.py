"""Sign-up and password forms that go through our own services."""

import json
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm as StockChangePasswordForm
from allauth.account.forms import SignupForm as StockSignupForm
from allauth.account.internal import flows
from allauth.account.models import Login
from allauth.core import context
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.backends import stored_form
from accounts.errors import EmailTaken
from accounts.models import User

EXPECTED_FIELDS = frozenset({"email", "password", "password1", "csrfmiddlewaretoken", "next"})


def claims_of(request: HttpRequest) -> dict[str, object]:
    """What a sign-up sent besides what the form asks for, as fields, in the URL, or as JSON."""
    claims: dict[str, object] = {**request.GET.dict(), **request.POST.dict()}
    if request.content_type == "application/json":
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        if isinstance(body, dict):
            claims.update(body)
    return {name: value for name, value in claims.items() if name not in EXPECTED_FIELDS}


class SignupForm(StockSignupForm):  # type: ignore[misc]  # allauth has no types
    cleaned_data: dict[str, Any]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        self.claims = claims_of(context.request)
        if self.errors or self.account_already_exists:
            services.record_claims(address=str(self.data.get("email", "")), claims=self.claims)
        return cleaned

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """The new user, or the answer that everybody sees when the address is taken."""
        email, password = self.cleaned_data["email"], self.cleaned_data["password1"]
        # Whether or not the address is taken, or the limit would tell.
        get_adapter().take_turn("new_accounts")
        if not self.account_already_exists:
            try:
                return services.sign_up(email=email, password=password, **self.claims), None
            except EmailTaken:
                pass  # taken since the form was checked
        # Not None for who comes back before entering the code: they get another one.
        owner = services.unfinished_sign_up(email=email, password=password)
        login = Login(user=owner, email=email, signup=True)
        response: HttpResponse = flows.login.perform_login(request, login)
        return None, response


class DeleteForm(forms.Form):
    """The address, typed, as a sign that it was meant."""

    email = forms.CharField(
        label=_("Your email address"),
        max_length=254,
        widget=forms.TextInput(attrs={"type": "email", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_email(self) -> str:
        typed = str(self.cleaned_data["email"]).strip()
        if stored_form(typed) != self.user.email:
            raise forms.ValidationError(_("This is not the address of your account."))
        return typed


class ChangePasswordForm(StockChangePasswordForm):  # type: ignore[misc]  # allauth has no types
    def clean_oldpassword(self) -> str:
        """Guesses at the present password count toward the lockout, as at the sign-in page."""
        password: str = self.cleaned_data["oldpassword"]
        adapter = get_adapter()
        if not adapter.reauthenticate(self.user, password):
            raise adapter.validation_error("enter_current_password")
        return password
