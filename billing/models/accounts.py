"""Accounts as operators of billing meet them; the rows are those of the users."""

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

if TYPE_CHECKING:
    from accounts.models import User
else:  # accounts lie above, and are not imported
    User = get_user_model()


class Account(User):
    """A user, seen from billing; nothing is saved by this name."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        permissions = (("export_account", "Can export accounts"),)


class Dashboard(User):
    """All accounts together, as a page of figures; no row is one."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name_plural = "dashboard"
