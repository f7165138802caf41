"""What was done to accounts, and which addresses are locked."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import selectors
from accounts.models import AuditEvent, LoginFailure

if TYPE_CHECKING:
    AdminOfEvent = admin.ModelAdmin[AuditEvent]
    AdminOfFailure = admin.ModelAdmin[LoginFailure]
else:  # Django's own classes take no parameter
    AdminOfEvent = AdminOfFailure = admin.ModelAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(AdminOfEvent):
    list_display = ("at", "kind", "user", "actor", "network", "request_id")
    list_filter = ("kind", "at")
    list_select_related = ("user", "actor")
    search_fields = ("=user__email", "=user__public_id", "=request_id", "=address_hash")
    search_help_text = "Address or public id of the user, or a request id"
    list_per_page = 50
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if "@" in search_term:
            # Events about an address that has no user are found by what is stored of it.
            found |= queryset.filter(address_hash=selectors.address_hash(search_term))
        return found, duplicates

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False


@admin.register(LoginFailure)
class LoginFailureAdmin(AdminOfFailure):
    """Deleting a row opens the address again."""

    list_display = ("last_failed_at", "failures", "locked", "locked_until")
    ordering = ("-last_failed_at",)
    search_fields = ("=address_hash",)
    search_help_text = "The whole address"
    list_per_page = 50
    show_full_result_count = False

    @admin.display(boolean=True, description="locked now")
    def locked(self, failure: LoginFailure) -> bool:
        return failure.locked_until is not None and failure.locked_until > timezone.now()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LoginFailure], search_term: str
    ) -> tuple[QuerySet[LoginFailure], bool]:
        key = selectors.address_hash(search_term) if "@" in search_term else search_term
        return super().get_search_results(request, queryset, key)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LoginFailure | None = None) -> bool:
        return False
