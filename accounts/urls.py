"""Sign-in: allauth's own pages, and the providers' doors, of which each one is named here."""

from allauth.socialaccount.views import login_cancelled, login_error
from django.urls import include, path, re_path

from accounts import address_views, profile_views, token_views, views

urlpatterns = [
    path("profile/", profile_views.profile, name="account_profile"),
    path("email/", address_views.email, name="account_email"),
    path("email/leave/", address_views.leave, name="account_leave_address"),
    path("password/set/", views.set_password, name="account_set_password"),
    path("2fa/", include("accounts.second_factor_urls")),
    path("sessions/", views.sessions, name="account_sessions"),
    path("tokens/", token_views.tokens, name="account_tokens"),
    path("security/", views.security, name="account_security"),
    path("impersonation/end/", views.end_impersonation, name="impersonation_end"),
    path("delete/", views.delete, name="account_delete"),
    path("deleted/", views.deleted, name="account_deleted"),
    path("", include("allauth.account.urls")),
    path("3rdparty/", views.connections, name="socialaccount_connections"),
    path("3rdparty/login/cancelled/", login_cancelled, name="socialaccount_login_cancelled"),
    path("3rdparty/login/error/", login_error, name="socialaccount_login_error"),
    path("google/login/", views.enter, {"provider_id": "google"}, name="google_login"),
    path("google/login/callback/", views.callback, {"provider_id": "google"}, "google_callback"),
    path("github/login/", views.enter, {"provider_id": "github"}, name="github_login"),
    path("github/login/callback/", views.callback, {"provider_id": "github"}, "github_callback"),
    # allauth reverses these two with the name of the provider.
    re_path(r"^oidc/(?P<provider_id>linkedin)/login/$", views.enter, name="openid_connect_login"),
    re_path(
        r"^oidc/(?P<provider_id>linkedin)/login/callback/$",
        views.callback,
        name="openid_connect_callback",
    ),
]
