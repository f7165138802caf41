from django.contrib import admin
from django.urls import include, path

from billing.views import plan
from chat.usage import usage_by_model
from netra import export, health

admin.site.site_header = admin.site.site_title = "Netra"

urlpatterns = [
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("admin/", admin.site.urls),
    path("accounts/export/", export.export, name="account_export"),
    path("accounts/", include("accounts.urls")),
    path("plan/", plan, {"models_used": usage_by_model}, name="plan"),
    path("", include("chat.urls")),
]
