from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, how they sign in, and what was done to their accounts."""

    name = "accounts"
    # allauth's own section in the admin is called Accounts.
    verbose_name = "People"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import receivers  # models are ready only now

        receivers.connect()
