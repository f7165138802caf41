from django.contrib import admin
from django.urls import include, path

from netra import health

admin.site.site_header = admin.site.site_title = "Netra"

urlpatterns = [
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("", include("chat.urls")),
]
