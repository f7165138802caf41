"""What the pages of billing share: rows that only services write, and who acts."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

if TYPE_CHECKING:
    from accounts.models import User

    AnyAdmin = admin.ModelAdmin[Any]
else:  # Django's own class takes no parameter
    AnyAdmin = admin.ModelAdmin

ACCOUNT_SEARCH = ("user__email", "=user__public_id")


class ReadOnly(AnyAdmin):
    """Rows that only services write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def acting(request: HttpRequest) -> "User":
    assert request.user.is_authenticated  # the admin lets nobody else in
    return request.user
