"""News from accounts and billing, passed on to the sockets of every process."""

from typing import Any, Final

from django.apps.registry import Apps
from django.apps.registry import apps as present_apps

from accounts.models import User
from accounts.signals import access_ended
from billing.signals import entitlements_changed
from chat.delivery import bell
from chat.protocol.codes import CloseCode

# Live connections have no table, so Django makes no permission for looking at them.
VIEW_CONNECTIONS: Final = "view_connections"


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
    """Receive post_migrate: make the permission to look at live connections, filed under runs."""
    try:
        types = apps.get_model("contenttypes.ContentType")
        permissions = apps.get_model("auth.Permission")
    except LookupError:
        return  # only a part of the apps is migrated
    run, _created = types.objects.using(using).get_or_create(app_label="chat", model="run")
    permissions.objects.using(using).get_or_create(
        codename=VIEW_CONNECTIONS,
        content_type_id=run.pk,
        defaults={"name": "Can view live connections"},
    )
