"""The pages of the second factor; whoever changes it must have signed in just now."""

from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.urls import path

from accounts import passkey_views
from accounts.views import fresh_only

urlpatterns = [
    path("", base.index, name="mfa_index"),
    path("authenticate/", base.authenticate, name="mfa_authenticate"),
    path("reauthenticate/", base.reauthenticate, name="mfa_reauthenticate"),
    path("app/on/", fresh_only(totp.activate_totp), name="mfa_activate_totp"),
    path("app/off/", fresh_only(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("codes/", fresh_only(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "codes/new/", fresh_only(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"
    ),
    path(
        "codes/file/", fresh_only(codes.download_recovery_codes), name="mfa_download_recovery_codes"
    ),
    path("passkeys/add/", fresh_only(passkey_views.add), name="mfa_add_webauthn"),
    path("passkeys/<int:number>/name/", fresh_only(passkey_views.rename), name="mfa_edit_webauthn"),
    path(
        "passkeys/<int:number>/remove/",
        fresh_only(passkey_views.remove),
        name="mfa_remove_webauthn",
    ),
    path("passkeys/sign-in/", passkey_views.login, name="mfa_login_webauthn"),
    path(
        "passkeys/confirm/",
        passkey_views.ReauthenticateView.as_view(),
        name="mfa_reauthenticate_webauthn",
    ),
]
