"""System checks of the composition: what would make Netra wrong, and not only slow."""

from collections.abc import Sequence
from typing import Final

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections

TAG: Final = "netra"


def check_databases(
    app_configs: Sequence[AppConfig] | None, **_options: object
) -> list[CheckMessage]:
    """Refuse every database but PostgreSQL, whose constraints and locks hold the invariants."""
    return [
        Error(
            f"Database {alias!r} is {connections[alias].display_name}, not PostgreSQL.",
            hint="Set DATABASE_URL to a postgresql:// address, or leave it unset.",
            id="netra.E001",
        )
        for alias in connections
        if connections[alias].vendor != "postgresql"
    ]
