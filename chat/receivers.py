"""News from accounts and billing, passed on to the sockets of every process."""

from typing import Any, Final

from django.apps.registry import Apps
from django.apps.registry import apps as present_apps

from accounts.models import User
from accounts.signals import access_ended
from billing.signals import entitlements_changed
from chat.delivery import bell
from chat.protocol.codes import CloseCode

# Live connections have no table, so Django makes no permissions for them.
VIEW_CONNECTIONS: Final = "view_connections"
FAIL_CONNECTIONS: Final = "fail_connections"
_PERMISSIONS: Final = {
    VIEW_CONNECTIONS: "Can view live connections",
    FAIL_CONNECTIONS: "Can make live connections fail",
}


def connect() -> None:
    access_ended.connect(close_sockets, dispatch_uid="chat.access_ended")
    entitlements_changed.connect(tell_entitlements, dispatch_uid="chat.entitlements_changed")


def close_sockets(*, user_id: str, session_key: str | None, **_: Any) -> None:
    suspended = User.objects.filter(public_id=user_id, suspended_at__isnull=False).exists()
    code = CloseCode.SUSPENDED if suspended else CloseCode.NOT_SIGNED_IN
    bell.ring(bell.AccessEnded(user_id=user_id, session_key=session_key, code=code))


def tell_entitlements(*, user_id: str, **_: Any) -> None:
    bell.ring(bell.EntitlementsChanged(user_id=user_id))


def sow_permission(*, using: str, apps: Apps = present_apps, **_: Any) -> None:
    """Receive post_migrate: make the permissions of live connections, filed under runs."""
    try:
        types = apps.get_model("contenttypes.ContentType")
        permissions = apps.get_model("auth.Permission")
    except LookupError:
        return  # only a part of the apps is migrated
    run, _created = types.objects.using(using).get_or_create(app_label="chat", model="run")
    for codename, name in _PERMISSIONS.items():
        permissions.objects.using(using).get_or_create(
            codename=codename, content_type_id=run.pk, defaults={"name": name}
        )
