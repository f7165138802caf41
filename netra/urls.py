from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from billing.views import checkout, paid, plan, portal
from billing.webhooks import stripe_webhook
from chat.api.routes import api
from chat.usage import usage_by_model
from netra import export, health, reports, site

admin.site.site_header = admin.site.site_title = "Netra"

urlpatterns = [
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("robots.txt", site.robots, name="robots"),
    path("manifest.webmanifest", site.web_manifest, name="web_manifest"),
    path("csp-reports/", reports.policy_report, name="policy_report"),
    # The admin's own page would tell neither the audit log nor the user of a new password.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("accounts/export/", export.export, name="account_export"),
    path("accounts/", include("accounts.urls")),
    path("plan/", plan, {"models_used": usage_by_model}, name="plan"),
    path("plan/checkout/", checkout, name="plan_checkout"),
    path("plan/portal/", portal, name="plan_portal"),
    path("plan/paid/", paid, name="plan_paid"),
    path("webhooks/stripe", stripe_webhook, name="stripe_webhook"),
    path("", include("chat.urls")),
    # After the two of the page that lie under it.
    path("api/", api.urls),
]
