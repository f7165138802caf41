from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ChatConfig(AppConfig):
    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chat import receivers  # models are ready only now

        receivers.connect()
        post_migrate.connect(receivers.sow_permission, sender=self)
