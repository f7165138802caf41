"""Limits and features of the tiers."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from billing import services
from billing.admin.readonly import acting
from billing.models import Feature, TierLimit

if TYPE_CHECKING:
    AdminOfLimit = admin.ModelAdmin[TierLimit]
    AdminOfFeature = admin.ModelAdmin[Feature]
else:  # Django's own class takes no parameter
    AdminOfLimit = AdminOfFeature = admin.ModelAdmin


@admin.register(TierLimit)
class TierLimitAdmin(AdminOfLimit):
    """A new value is a new version: a raise holds at once, a cut from the next period."""

    fields = ("tier", "limit", "value", "valid_from", "valid_until", "actor")
    readonly_fields = ("tier", "limit", "valid_from", "valid_until", "actor")
    list_display = ("limit", "tier", "shown_value", "valid_from", "valid_until", "actor")
    list_filter = ("limit", "tier")
    list_select_related = ("actor",)
    search_fields = ("limit", "tier")
    ordering = ("limit", "value", "valid_from")

    @admin.display(description="Value", ordering="value")
    def shown_value(self, limit: TierLimit) -> str:
        return "unlimited" if limit.value is None else f"{limit.value:,}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TierLimit | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TierLimit | None = None) -> bool:
        over = obj is not None and obj.valid_until is not None and obj.valid_until <= timezone.now()
        return not over and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: TierLimit, form: Any, change: Any) -> None:
        version = services.change_limit(
            tier=obj.tier, limit=obj.limit, value=obj.value, actor=acting(request)
        )
        obj.pk = version.pk
        self.message_user(request, f"{version} holds from {version.valid_from:%Y-%m-%d %H:%M} UTC.")


@admin.register(Feature)
class FeatureAdmin(AdminOfFeature):
    list_display = ("name", "lowest_tier")
    list_filter = ("lowest_tier",)
    search_fields = ("name",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Feature | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("name",)  # code asks for features by name

    def has_delete_permission(self, request: HttpRequest, obj: Feature | None = None) -> bool:
        return False  # the next migrate would bring it back
