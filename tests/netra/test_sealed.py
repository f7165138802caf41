"""Secrets at rest: what is stored tells nothing, and a changed key still opens what is old."""

import pytest
from pytest_django import Settings

from netra.sealed import Unreadable, seal, unseal


def test_what_is_sealed_is_opened_and_never_looks_the_same() -> None:
    sealed = seal("sk-secret-ü")

    assert "secret" not in sealed
    assert seal("sk-secret-ü") != sealed
    assert unseal(sealed).reveal() == "sk-secret-ü"
    assert "secret" not in repr(unseal(sealed))


def test_an_older_key_still_opens_and_a_foreign_one_does_not(settings: Settings) -> None:
    old = settings.SECRET_KEY
    sealed = seal("sk-secret")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [old]
    assert unseal(sealed).reveal() == "sk-secret"
    settings.SECRET_KEY_FALLBACKS = []
    for unknown in (sealed, "no token", ""):
        with pytest.raises(Unreadable):
            unseal(unknown)
