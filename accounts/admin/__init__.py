"""Users, what was done to their accounts, and who is locked out, for operators."""

from allauth.account import admin as stock_addresses  # each registers what we take away again
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa import admin as stock_factors
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as stock_admin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin

from accounts.admin import events, groups, identities, users
from accounts.doors import may_enter, second_factor_first

__all__ = ["events", "groups", "identities", "users"]

# Staff come in by the page that everybody uses, with its lockout.
admin.site.login = second_factor_first(  # type: ignore[method-assign]
    secure_admin_login(admin.site.login)
)
admin.site.has_permission = may_enter  # type: ignore[method-assign]

# Clients come from the environment alone; ways in are added and taken away by their owner alone.
stock_factors.admin.site.unregister(Authenticator)
for _model in (EmailAddress, EmailConfirmation):
    if stock_addresses.admin.site.is_registered(_model):
        stock_addresses.admin.site.unregister(_model)
for _model in (SocialAccount, SocialApp, SocialToken):
    stock_admin.admin.site.unregister(_model)
