"""What the pages of billing share: rows that only services write, and who acts."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from billing.models import Account

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


class FoundByAccount(AnyAdmin):
    """Rows by the hundred thousand: the account is looked for first, and not beside each row."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if term := search_term.strip().lower():
            named = Account.objects.filter(Q(email__contains=term) | Q(public_id=term))
            found |= queryset.filter(user__in=named.values("pk"))
        return found, duplicates


def acting(request: HttpRequest) -> "User":
    assert request.user.is_authenticated  # the admin lets nobody else in
    return request.user
