"""The pages of servers that many journeys share, made of few files."""

from functools import cache

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage

from tools.bundle import ENTRIES, bundle_pages


class BundledFiles(StaticFilesStorage):
    """Leads from what was bundled to its bundle."""

    def url(self, name: str | None) -> str:
        return super().url(ENTRIES.get(name or "", name))


@cache
def bundled() -> dict[str, str]:
    """Make the bundles, once a process, and answer the environment of who is to serve them."""
    bundle_pages(settings.VAR_DIR / "bundles")
    return {"DJANGO_SETTINGS_MODULE": "tests.bundled_settings"}
