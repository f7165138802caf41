"""`manage.py reseal`: puts what rows hold sealed under the present secret key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from netra import resealing


class Command(BaseCommand):
    help = (
        "After NETRA_SECRET_KEY has changed: seal keys of models, headers of tool servers and "
        "second factors anew. Older keys stay in NETRA_SECRET_KEY_FALLBACKS meanwhile."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        seen = resealing.reseal()
        self.stdout.write(f"{len(seen.old)} of {seen.count} were sealed anew.")
        if seen.lost:
            raise CommandError(f"no key opens these: {', '.join(seen.lost)}")
