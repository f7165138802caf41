from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete, post_migrate, post_save


class BillingConfig(AppConfig):
    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from billing import receivers, seeds, selectors  # models are ready only now

        post_migrate.connect(seeds.sow, sender=self)
        for model in (self.get_model("TierLimit"), self.get_model("Feature")):
            post_save.connect(selectors.forget_catalogue, sender=model)
            post_delete.connect(selectors.forget_catalogue, sender=model)
        post_save.connect(
            receivers.user_saved,
            sender=settings.AUTH_USER_MODEL,
            dispatch_uid="billing.user_saved",
        )
