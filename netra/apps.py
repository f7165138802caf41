import gc

from django.apps import AppConfig
from django.core import checks

from netra import words
from netra.checks import TAG, check_databases
from netra.voice import DjangoVoice


class NetraConfig(AppConfig):
    """Composition: system checks, commands, shared templates and static files."""

    name = "netra"

    def ready(self) -> None:
        checks.register(check_databases, TAG)
        words.speak_by(DjangoVoice())
        # Models and admin are loaded and stay: without this the collector walks them again and
        # again while pages and API are imported, a tenth of a start.
        gc.freeze()
