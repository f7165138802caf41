"""The words of the page's scripts in the language of a request."""

from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, to_locale


def page_words() -> dict[str, Any] | None:
    """What gettext.js takes; None in English, which the scripts are written in."""
    language = get_language() or settings.LANGUAGE_CODE
    return None if language == settings.LANGUAGE_CODE else _words_in(language)


@cache
def _words_in(language: str) -> dict[str, Any] | None:
    for directory in settings.LOCALE_PATHS:
        path = Path(directory) / to_locale(language) / "LC_MESSAGES" / "djangojs.mo"
        if path.exists():
            with path.open("rb") as file:
                return {"language": language, "catalog": _Compiled(file).texts()}
    return None


class _Compiled(GNUTranslations):
    _catalog: dict[str | tuple[str, int], str]  # filled by the standard library

    def texts(self) -> dict[str, str | list[str]]:
        """By their English; a text that has a plural has a list, in the order of its forms."""
        texts: dict[str, str | list[str]] = {}
        for key, text in sorted(self._catalog.items(), key=str):
            if isinstance(key, str):
                texts[key] = text
                continue
            forms = texts.setdefault(key[0], [])
            assert isinstance(forms, list), "no text stands with and without a plural"
            forms.append(text)
        texts.pop("", None)  # the head of the file
        return texts
