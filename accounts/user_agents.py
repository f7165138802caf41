"""What kind of device a browser says it runs on: coarse, for its owner to recognise."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# The first that fits: nearly every browser also names those that it wants to be taken for.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("python", gettext_noop("a Python program")),
    ("curl/", "curl"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_ON: Final = " on "


def device_of(user_agent: str) -> str:
    """Such as "Firefox on Linux"; at most 64 characters, none of them the client's own."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser}{_ON}{system}"
    return browser or system or gettext_noop("An unknown device")


def device_words(device: str) -> str:
    """What `device_of` answered, in the language of whom it is told."""
    browser, on, system = device.partition(_ON)
    if not on:
        return _(device)
    return _("%(browser)s on %(system)s") % {"browser": _(browser), "system": system}


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
