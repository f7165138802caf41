from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """Users, how they sign in, and what was done to their accounts."""

    name = "accounts"
    # allauth's own section in the admin is called Accounts.
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import receivers, seeds  # models are ready only now

        post_migrate.connect(seeds.sow, sender=self)
        receivers.connect()
