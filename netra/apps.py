from django.apps import AppConfig
from django.core import checks

from netra.checks import check_databases


class NetraConfig(AppConfig):
    """Composition: system checks, commands, shared templates and static files."""

    name = "netra"

    def ready(self) -> None:
        checks.register(check_databases)
