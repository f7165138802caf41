"""Prices, and what the payment provider told: to be read, set and tried again."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from billing import services
from billing.admin.readonly import ACCOUNT_SEARCH, ReadOnly, acting
from billing.errors import BillingError, PaymentRefused, ProviderFailed
from billing.models import Customer, Price, Subscription, WebhookEvent
from billing.prices import Currency, Interval

if TYPE_CHECKING:
    ModelFormOfPrice = forms.ModelForm[Price]
    AdminOfPrice = admin.ModelAdmin[Price]
else:  # Django's own classes take no parameter
    ModelFormOfPrice = forms.ModelForm
    AdminOfPrice = admin.ModelAdmin

# Where a request keeps what refused its price, for the form that is shown again.
REFUSED = "netra.billing.price_refused"
CUSTOMER_SEARCH = ("customer__user__email", "=customer__user__public_id", "=customer__provider_id")


class PriceForm(ModelFormOfPrice):
    """Shows, with everything still filled in, why a price was refused."""

    # Set by the admin, on a class of its own a request.
    refused: ClassVar[BillingError | None] = None

    class Meta:
        model = Price
        fields: ClassVar[list[str]] = ["tier", "interval", "amount", "currency", "provider_id"]

    def clean(self) -> dict[str, Any] | None:
        if self.refused is not None:
            raise forms.ValidationError(str(self.refused))
        return super().clean()


@admin.register(Price)
class PriceAdmin(AdminOfPrice):
    """A new price is a new version from now on; who pays the one before goes on paying it."""

    form = PriceForm
    ordering = ("tier", "interval", "-valid_from")
    list_display = ("tier", "words", "provider_id", "valid_from", "valid_until", "actor")
    list_filter = ("tier", "interval")
    list_select_related = ("actor",)
    search_fields = ("=provider_id",)

    @admin.display(description="Price", ordering="amount")
    def words(self, price: Price) -> str:
        return price.words

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return False

    def get_readonly_fields(
        self, request: HttpRequest, obj: Price | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("valid_from", "valid_until", "actor")

    def get_form(
        self, request: HttpRequest, obj: Price | None = None, change: bool = False, **options: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **options)
        form.refused = request.META.get(REFUSED)
        return form

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: Any) -> None:
        obj.pk = services.set_price(
            tier=obj.tier,
            interval=Interval(obj.interval),
            amount=obj.amount,
            currency=Currency(obj.currency),
            provider_id=obj.provider_id,
            actor=acting(request),
        ).pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except (PaymentRefused, ProviderFailed) as refused:
            request.META[REFUSED] = refused
            return super().add_view(request, form_url, extra_context)


@admin.register(Customer)
class CustomerAdmin(ReadOnly):
    actions = ("read",)
    ordering = ("-created_at",)
    list_display = ("user", "provider_id", "created_at", "due_at", "closing_since")
    list_select_related = ("user",)
    search_fields = (*ACCOUNT_SEARCH, "=provider_id")
    search_help_text = "Address (any part), public id or the provider's name of the customer"

    def has_read_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.retry_webhookevent")

    @admin.action(description="Ask the provider how they stand", permissions=["read"])
    def read(self, request: HttpRequest, chosen: QuerySet[Customer]) -> None:
        for customer in chosen.select_related("user")[: services.CUSTOMERS_AT_ONCE]:
            try:
                services.read_customer(customer)
            except BillingError as problem:
                self.message_user(request, f"{customer.user}: {problem}", messages.ERROR)
                continue
            self.message_user(request, f"{customer.user} is as the provider says.")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnly):
    ordering = ("-started_at",)
    list_display = ("account", "provider_id", "status", "price", "period_ends_at", "ends_at")
    list_filter = ("status", "refunded", "price__tier")
    list_select_related = ("customer__user", "price")
    search_fields = (*CUSTOMER_SEARCH, "=provider_id")
    search_help_text = "Address (any part), public id, or a name of the provider"

    @admin.display(description="User", ordering="customer__user__email")
    def account(self, subscription: Subscription) -> str:
        return str(subscription.customer.user)


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnly):
    actions = ("retry",)
    date_hierarchy = "received_at"
    ordering = ("-received_at",)
    list_display = ("received_at", "kind", "customer", "state", "attempts", "due_at", "problem")
    list_filter = ("state", "kind")
    search_fields = ("=provider_id", "=customer")
    search_help_text = "The provider's name of the event or of the customer"

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.retry_webhookevent")

    @admin.action(description="Try again now", permissions=["retry"])
    def retry(self, request: HttpRequest, chosen: QuerySet[WebhookEvent]) -> None:
        for event in chosen[: services.EVENTS_AT_ONCE]:
            if services.retry_event(event=event):
                self.message_user(request, f"{event} is done.", messages.SUCCESS)
                continue
            event.refresh_from_db()
            words = event.problem or f"it is {event.state}"
            self.message_user(request, f"{event}: {words}.", messages.ERROR)
