"""What providers said of users, and what it is worth."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import DomainPolicy, IdentityEvidence, ProviderTier

if TYPE_CHECKING:
    AdminOfEvidence = admin.ModelAdmin[IdentityEvidence]
    AdminOfProviderTier = admin.ModelAdmin[ProviderTier]
    AdminOfDomainPolicy = admin.ModelAdmin[DomainPolicy]
else:  # Django's own classes take no parameter
    AdminOfEvidence = AdminOfProviderTier = AdminOfDomainPolicy = admin.ModelAdmin


@admin.register(IdentityEvidence)
class IdentityEvidenceAdmin(AdminOfEvidence):
    list_display = ("user", "provider", "address", "verified", "authority", "last_seen_at", "open")
    list_filter = ("provider", "verified", "authority", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("=user__email", "=user__public_id", "=address", "=subject")
    search_help_text = "Address or public id of the user, or an address or subject at the provider"
    ordering = ("-last_seen_at",)
    list_per_page = 50
    show_full_result_count = False

    @admin.display(boolean=True, description="linked")
    def open(self, identity: IdentityEvidence) -> bool:
        return identity.unlinked_at is None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: IdentityEvidence | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: IdentityEvidence | None = None
    ) -> bool:
        return False


@admin.register(ProviderTier)
class ProviderTierAdmin(AdminOfProviderTier):
    list_display = ("provider", "tier", "own_domain_only")


@admin.register(DomainPolicy)
class DomainPolicyAdmin(AdminOfDomainPolicy):
    list_display = ("__str__", "recommends", "grants")
    list_filter = ("recommends", "grants")
    search_fields = ("domain",)
    list_per_page = 50
